"""Tasks that something unseen may run: what gets them as an argument, unknown magics, code in texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.value import Func, Stdlib

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Place, Scope
    from kbench_jupyter.validation.reading.task import Task

# Calling these with a task does not run it.
_LOOKERS = words(
    "print display repr str type isinstance issubclass len id vars dir help hasattr getattr callable hash bool format"
)
_LOOKING_MODULES = words("inspect pprint typing logging warnings dis")
# What is given to these is read, by people or by a model, and executed by nobody.
_SHOWN_BY = words(
    "print display warn info debug warning error exception log prompt respond send Markdown HTML pprint exit"
)
_SHOWN_AS = words("expectation description name help msg message title")
# What cannot be a task, whatever is in it.
_NO_TASK = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.UnaryOp, ast.Compare)
_CODE = re.compile(r"\.(?:run|evaluate)\(")
_WORD = re.compile(r"\w+")


def only_looks(place: Place[ast.Call], program: Program) -> bool:
    """Whether a call does not run what it is given: ``print(task)``, ``inspect.signature(task.run)``."""
    func = place.node.func
    if isinstance(func, ast.Name) and func.id in _LOOKERS:
        return True
    found = program.values.of(func, place.scope)
    return bool(found) and all(
        isinstance(v, Stdlib) and v.path.partition(".")[0] in _LOOKING_MODULES for v in found
    )


def note_handed_on(
    program: Program,
    tasks: Sequence[Task],
    tasks_of: Callable[[ast.AST, Scope], list[Task]],
    *,
    unresolved_run: bool,
) -> None:
    """Note, for each task, whether something that cannot be seen into may run it."""
    for place in program.index.calls:
        if not program.executed(place):
            continue
        given = (*place.node.args, *(keyword.value for keyword in place.node.keywords))
        found = [t for node in given if not isinstance(node, _NO_TASK) for t in tasks_of(node, place.scope)]
        if not found or only_looks(place, program):
            continue
        if not any(isinstance(v, Func) for v in program.values.of(place.node.func, place.scope)):
            for task in found:
                task.handed_on = True
    # Where only running the notebook would tell: unknown magics, code in texts.
    hidden = [cell.source.text for cell in program.cells if cell.opaque]
    hidden += _texts_with_code(program)
    named = {word for text in hidden for word in _WORD.findall(text)}
    elsewhere = any(magic.name in ("run", "load", "notebook_run") for _, magic in program.magics)
    if unresolved_run:
        # `kbench.client.registry` holds them all.
        elsewhere = elsewhere or any(place.node.attr == "registry" for place in program.index.attributes)
        named |= {place.node.id for place in program.index.loads if program.executed(place)}
    for task in tasks:
        label = task.label
        is_named = label in named or (not label.isidentifier() and any(label in text for text in hidden))
        if elsewhere or is_named or (unresolved_run and task.function is None):
            task.handed_on = True


def _texts_with_code(program: Program) -> list[str]:
    """The texts that hold a run and may be executed: not those that stand alone, and not messages."""
    shown = cache(_shown_texts)
    return [
        str(place.node.value)
        for place in program.index.strings
        if _CODE.search(str(place.node.value))
        and place.node not in program.index.statements
        and place.node not in shown(place.cell)
    ]


def _shown_texts(cell: Cell) -> set[ast.AST]:
    """The texts of a cell that are only read or compared: in messages, expectations, descriptions, prompts."""
    todo: list[ast.AST | None] = []
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Assert):
            todo.append(node.msg)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            todo += node.exc.args
        elif isinstance(node, ast.Compare):
            todo += [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            word = last_name(node.func)
            if word in _SHOWN_BY or word.startswith("assert"):
                todo += node.args
            todo += [keyword.value for keyword in node.keywords if keyword.arg in _SHOWN_AS]
    found: set[ast.AST] = set()
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Constant):
            found.add(part)
        elif isinstance(part, ast.Call):
            # Of `print(eval("..."))` only what eval returns is shown; of a text's method, the text is.
            todo.append(part.func.value if isinstance(part.func, ast.Attribute) else None)
        elif part is not None:
            todo += ast.iter_child_nodes(part)
    return found
