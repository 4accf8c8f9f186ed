"""KB407: how a task is evaluated over many rows and models."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from kbench_jupyter.validation.reading.entries import bound_once, entries_of
from kbench_jupyter.validation.reading.parts import arguments
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.sdk.typed import MODEL
from kbench_jupyter.validation.reading.task import RunCall, Task
from kbench_jupyter.validation.reading.types_of import dotted, says_model
from kbench_jupyter.validation.reading.value import SDK, Const, HardModel, Sdk, written
from kbench_jupyter.validation.rules.rule import Check, error

ITERABLES = error(
    "KB407 evaluate-needs-iterables",
    "`.evaluate` gets a single value where it takes a list of values.",
    "`evaluate` runs the task for each combination of the values it is given. A model is not a list and "
    "raises TypeError; a text is taken letter by letter.",
    "task.evaluate(llm=kbench.llm, evaluation_data=rows)",
    "task.evaluate(llm=[kbench.llm], evaluation_data=rows)",
)

_MAX_DEPTH = 8
_TABLE = "pandas.DataFrame"
_CHOICES = re.compile(r"[A-Z0-9]+\Z")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    for task in check.tasks.all:
        for run in task.runs:
            if run.method == "evaluate" and run.call is not None:
                _evaluate(check, task, run, run.call)


def _evaluate(check: Check, task: Task, run: RunCall, call: ast.Call) -> None:
    program, scope = check.program, run.place.scope
    sure = program.sure(run.place)
    args = task.function.args if task.function is not None else None
    names = [a.arg for a in arguments(args)] if args is not None else []
    for keyword in call.keywords:
        found = program.values.of(keyword.value, scope)
        # What evaluate itself takes (n_jobs, timeout) is no list; what the task takes is.
        if len(found) == 1 and keyword.arg is not None and (keyword.arg in names or not names):
            _single(check, task, run, keyword, found[0], sure=sure)
    if call.args:
        _by_position(check, task, run, call, names)


def _by_position(check: Check, task: Task, run: RunCall, call: ast.Call, names: list[str]) -> None:
    """Report values by position: the first parameter of ``evaluate`` is a grid."""
    first = call.args[0]
    values = check.program.values.of(first, run.place.scope)
    single = any(_is_model(value) for value in values)
    listed = isinstance(first, ast.List | ast.Tuple)
    if not (listed or single):
        return
    text = written(first) if listed else f"[{written(first)}]"
    inside = [check.program.values.of(part, run.place.scope) for part in getattr(first, "elts", ())]
    models = single or any(_is_model(value) for values in inside for value in values)
    # Which parameter other values are for, only their author knows.
    name = next((n for n in names if says_model(n)), names[0] if names else "llm") if models else "PARAMETER"
    what, sure = "its models" if models else "values", check.program.sure(run.place)
    message = f"{task.label}.evaluate gets {what} by position, where it takes a grid."
    hint = f"Write {task.label}.evaluate({name}={text}, ...)."
    check.at(ITERABLES, run.place, message, hint, node=call, sure=sure)


def _single(
    check: Check, task: Task, run: RunCall, keyword: ast.keyword, value: object, *, sure: bool
) -> None:
    text = written(keyword.value)
    typed = check.typed
    if _is_model(value) or (typed and typed.sdk.is_a(typed.of(keyword.value, run.place.scope), MODEL)):
        message = f"{task.label}.evaluate takes a list of models, not a single one."
        hint = f"Write {keyword.arg}=[{text}]."
    elif isinstance(value, Const) and isinstance(value.value, str) and _is_whole(value.value):
        message = f"{task.label}.evaluate would take {keyword.arg} letter by letter."
        # Whether the letters are meant is not known, so both ways are told.
        hint = f"Write {keyword.arg}=[{text}] for the one text, or {keyword.arg}=list({text}) if each letter is meant."
        sure = False
    else:
        return
    check.at(ITERABLES, run.place, message, hint, node=keyword.value, sure=sure)


def _is_whole(text: str) -> bool:
    """Whether a text is surely not meant letter by letter, as the choices of a question are: ``gold="ABCD"``."""
    in_a_row = text.isalnum() and all(ord(b) == ord(a) + 1 for a, b in pairwise(text))
    choices = in_a_row or (_CHOICES.match(text) is not None and len(set(text)) == len(text))
    return len(text) > 1 and not choices


def brought(call: ast.Call, scope: Scope, program: Program) -> set[str] | None:
    """Return the parameters that the grid and the table of an evaluation bring, None where they cannot be seen."""
    given = [keyword.value for keyword in call.keywords if keyword.arg in ("grid", "evaluation_data")]
    keys = [_keys(node, scope, program) for node in given]
    return None if None in keys else set().union(*filter(None, keys))


def _keys(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> set[str] | None:
    """The keys of a dict, or the columns of a table made of one, where the source says them."""
    match node:
        case ast.Name(id=name) if depth < _MAX_DEPTH and (given := bound_once(name, scope, program)):
            return _keys(*given, program, depth + 1)
        case ast.Call(func=ast.Attribute(value=table, attr="head" | "tail" | "sample")):
            return _keys(table, scope, program, depth + 1)
        case ast.Call(func=func, args=[data], keywords=[]) if dotted(func, scope, program) == _TABLE:
            return _keys(data, scope, program, depth + 1)
        case ast.List(elts=[first, *rest]):
            columns = _keys(first, scope, program, depth + 1)
            return columns if all(_keys(row, scope, program, depth + 1) == columns for row in rest) else None
    entries = entries_of(node, scope, program)
    return None if entries is None else set(entries)


def _is_model(value: object) -> bool:
    if isinstance(value, HardModel):
        return value.name != "*"
    return value in (Sdk(f"{SDK}.llm"), Sdk(f"{SDK}.judge_llm"))
