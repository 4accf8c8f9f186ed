"""Which scopes of a program are executed: the notebook's own, and the functions that something calls.

To mention a function is enough, since it may be handed to whatever calls it. What nothing mentions is not
executed; neither is a coroutine or generator that is only called (``main()``), which starts nothing: that
makes no run, and no error either (tried with kaggle_benchmarks 0.6.2 in IPython).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.scopes import Certainty, Scope, SiteIndex
from kbench_jupyter.validation.reading.value import TaskValue

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.values import Values
    from kbench_jupyter.validation.reading.walked import Walked

# What a text may call when something executes it: `getattr(suite, "run_all")()`, tables of names, `exec("main()")`.
_CALLED_IN_TEXT = re.compile(r"\s*(?:await\s+)?([^\W\d]\w*)\s*(?:\(|\Z)")
_WORD = re.compile(r"[^\W\d]\w*")


def reached_scopes(walked: Walked, values: Values) -> set[Scope]:
    """Return the scopes that are executed, as far as can be seen."""
    reads = _words_read(walked)
    by_word: dict[str, list[Scope]] = defaultdict(list)
    inside: dict[Scope | None, list[Scope]] = defaultdict(list)
    for scope in walked.index.functions_by_node.values():
        for word in _started_by(scope):
            by_word[word].append(scope)
        inside[scope.parent].append(scope)
    known: set[str] = set()
    reached: set[Scope] = set()
    todo = [walked.module]
    while todo:
        scope = todo.pop()
        if scope in reached or scope.certainty & Certainty.DEAD:
            continue
        reached.add(scope)
        fresh = reads[scope] - known
        known |= fresh
        todo += [s for word in fresh for s in by_word.get(word, ()) if s.parent in reached]
        todo += [s for s in inside[scope] if _runs_unnamed(s, values) or not known.isdisjoint(_started_by(s))]
    return reached


def _started_by(scope: Scope) -> tuple[str, ...]:
    """The words that start a function: its name, and, unless that does nothing, a mere call of it."""
    return (scope.name,) if scope.lazy else (scope.name, f"{scope.name}()")


def _words_read(walked: Walked) -> dict[Scope, set[str]]:
    """The names each scope reads; ``name()`` for one that is called there, and what it returns left alone."""
    index = walked.index
    reads: dict[Scope, set[str]] = defaultdict(set)
    dropped = _dropped_calls(index)
    named = [place for place in index.loads if place.node not in index.statements]
    for read in (*named, *index.attributes):
        if not read.certainty & Certainty.DEAD:
            word = last_name(read.node)
            reads[read.scope].add(f"{word}()" if read.node in dropped else word)
    for string in index.strings:
        match = _CALLED_IN_TEXT.match(str(string.node.value)) if string.node not in index.statements else None
        if match:
            reads[string.scope].add(match[1])
    for cell in walked.cells:
        if cell.opaque:
            reads[walked.module].update(_WORD.findall(cell.source.text))
    return reads


def _dropped_calls(index: SiteIndex) -> set[ast.AST]:
    """What is called (the ``main`` of ``main()``) by calls whose result nothing looks at."""
    read = {name.node.id for name in index.loads if name.node not in index.statements}
    read.update(attribute.node.attr for attribute in index.attributes)
    unread = (node for node, name in index.assigned_to.items() if name not in read)
    return {call.func for call in (*index.statements, *unread) if isinstance(call, ast.Call)}


def _runs_unnamed(scope: Scope, values: Values) -> bool:
    """Whether a function, lambda or class is executed without its name being mentioned."""
    name = scope.name
    if scope.kind == "class" or not name or (name.startswith("__") and name.endswith("__")):
        return True
    # A decorator may register a function somewhere; the SDK's own does not.
    if not getattr(scope.node, "decorator_list", ()) or scope.parent is None:
        return False
    return not any(isinstance(v, TaskValue) for v in values.name(name, scope.parent))
