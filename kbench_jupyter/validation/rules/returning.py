"""KB203 and KB207: whether a task returns what the SDK can record."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.endings import falls_off
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Function, Scope
from kbench_jupyter.validation.reading.task import Task
from kbench_jupyter.validation.reading.unrecordable import Unrecordable
from kbench_jupyter.validation.reading.value import written
from kbench_jupyter.validation.rules.rule import Check, error, warning

RESULT = error(
    "KB203 unrecordable-result",
    "The task returns a value that the SDK cannot record, or returns a value without an annotation.",
    "The run seems to succeed, but no run file is written for a text, a list or an object, nor for what an assertion "
    "or another task's run gives. What only running shows (numpy's values, what is in a dict), the dry run finds. "
    "Without the annotation a value counts as a pass/fail result.",
    '@kbench.task()\ndef answer(llm):\n    return llm.prompt("Capital of France?")',
    '@kbench.task()\ndef answer(llm) -> bool:\n    return "Paris" in llm.prompt("Capital of France?")',
    "{function} returns a value, but has no return annotation: it counts as pass or fail.",
    "Add the annotation: -> bool, -> int, -> float or -> dict.",
)
NOTHING_RETURNED = warning(
    "KB207 nothing-returned",
    "The annotation promises a value, but the function returns none, or may end without one.",
    "The run is recorded as pass or fail by its assertions, not as the score that was meant: without assertions, "
    "as a pass. With -> bool it is recorded without a result.",
    '@kbench.task()\ndef score(llm) -> float:\n    if "4" in llm.prompt("2+2?"):\n        return 1.0',
    '@kbench.task()\ndef score(llm) -> float:\n    if "4" in llm.prompt("2+2?"):\n        return 1.0\n'
    "    return 0.0",
    "{function} promises {promise}, but returns nothing.",
    "Return the value, or leave the annotation out.",
)
# What a path without a value may return instead, by what the annotation promises.
_LOWEST = {"bool": "False", "int": "0", "float": "0.0", "dict": "{}", "tuple": "0.0, 0.0"}


def returned(check: Check, task: Task, function: Function, scope: Scope) -> None:
    """Report what is wrong with what a task returns whose function can be seen, and is no coroutine or generator."""
    valued = [s for s in scope.returns if not _is_nothing(s)]
    promise = _promise(function.returns, task.place.scope, check.program)
    if not valued:
        if not _is_none(function.returns) and _ends_plainly(function):
            promised = written(function.returns or function)
            check.on_task(NOTHING_RETURNED, task, function=function.name, promise=promised)
        return
    matters = task.stored or any(check.tasks.around(run.place.scope) for run in task.runs)
    # What a helper task gives is for the task that runs it to judge.
    if promise and task.stored:
        _every_path(check, task, function, scope, promise)
    told = matters and _unrecordable(check, task, function, scope, valued, promise)
    if not told and function.returns is None and task.stored:
        check.on_task(RESULT, task, sure=False, function=function.name)


def _every_path(check: Check, task: Task, function: Function, scope: Scope, promise: str) -> None:
    """Report the first path that gives no value, where others do."""
    bare = next((statement for statement in scope.returns if _is_nothing(statement)), None)
    last = falls_off(scope, check.program) if bare is None else None
    if bare is None and last is None:
        return
    what, where = "may end here without a return", "on every path"
    if bare is not None:
        what, where = "returns nothing here", "here too"
    becomes = "Without a failed assertion such a run is recorded as a pass."
    if promise == "bool":
        becomes = "Such a run is recorded without a result."
    message = f"{function.name} promises {written(function.returns or function)}, but {what}. {becomes}"
    hint = f"Return a value {where}, for example: return {_LOWEST[promise]}"
    check.at(NOTHING_RETURNED, task.place, message, hint, node=bare or last)


def _unrecordable(
    check: Check, task: Task, function: Function, scope: Scope, valued: list[ast.Return], promise: str
) -> bool:
    """Report the first value that the SDK cannot record, and say whether there is one."""
    unrecordable = Unrecordable(check.program, check.typed)
    found = [(statement, unrecordable.of(statement.value, scope)) for statement in valued]
    bad = [(statement, kind) for statement, kind in found if kind != {""}]
    if not bad:
        return False
    statement, kind = min(bad, key=lambda one: "" in one[1])
    what = min(kind - {""})
    returns, then = ("returns", "") if "" not in kind else ("may return", " then")
    always = all("" not in kind for _, kind in bad) and len(bad) == len(scope.returns)
    sure = always and isinstance(function.body[-1], ast.Return) and check.pushed(task)
    message = (
        f"{function.name} {returns} {what}, which the SDK cannot record: no run file would be written{then}."
    )
    check.at(RESULT, task.place, message, _hint(what, promise, function), node=statement, sure=sure)
    return True


def _hint(what: str, promise: str, function: Function) -> str:
    """What to return instead, so that it is recorded as it stands."""
    if what == "an AssertionResult":
        drop = "return" if _is_none(function.returns) else "return and the annotation"
        annotated = "" if promise == "bool" else ", with -> bool"
        return f"Drop the {drop}: the assertion itself is recorded. Or return its .passed{annotated}."
    if what == "a Run":
        missing = ", with the annotation of that task" if function.returns is None else ""
        return f"Return what the other task returned: append .result{missing}."
    if what == "Runs":
        return "Return a number made of it, such as float(runs.as_dataframe().result.mean()), with -> float."
    if promise == "tuple":
        return "Return two numbers as a tuple: a value, and its confidence interval."
    if what == "an object":
        return "Return one of its fields, with that field's annotation, or a dict of them, with -> dict."
    return (
        "Return a bool, a number or a dict, with its annotation (-> bool), or check the answer with "
        "kbench.assertions and return nothing."
    )


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _is_nothing(statement: ast.Return) -> bool:
    return _is_none(statement.value)


def _promise(node: ast.AST | None, scope: Scope, program: Program, depth: int = 0) -> str:
    """The type that an annotation promises: bool, int, float, dict, tuple, or ``""``."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if not isinstance(node, ast.Name) or depth > 5:
        return ""
    bindings = list(program.bindings(node.id, scope))
    if not bindings:
        return node.id if node.id in _LOWEST else ""
    if len(bindings) == 1 and bindings[0].kind == "value":
        return _promise(bindings[0].node, bindings[0].scope, program, depth + 1)
    return ""


def _ends_plainly(function: Function) -> bool:
    """Whether a function is more than a stub that raises."""
    return not any(isinstance(node, ast.Raise) for node in ast.walk(function))
