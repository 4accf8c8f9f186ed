"""KB4xx, how a task is evaluated over many rows and models."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from kbench_jupyter.validation.findings import Severity
from kbench_jupyter.validation.rules.rule import Check, Rule
from kbench_jupyter.validation.value import SDK, Const, HardModel, Sdk, written

if TYPE_CHECKING:
    from kbench_jupyter.validation.task import RunCall, Task

__all__ = ["RULES", "check"]

ON_FAILURE = Rule(
    "KB406",
    "on-failure-value",
    Severity.ERROR,
    '`on_failure=` is neither "raise" nor "continue".',
    "`evaluate` raises ValueError before the first row.",
    'task.evaluate(llm=[kbench.llm], evaluation_data=rows, on_failure="ignore")',
    'task.evaluate(llm=[kbench.llm], evaluation_data=rows, on_failure="continue")',
)
ITERABLES = Rule(
    "KB407",
    "evaluate-needs-iterables",
    Severity.ERROR,
    "`.evaluate` gets a single value where it takes a list of values.",
    "`evaluate` runs the task for each combination of the values it is given. A model is not a list and "
    "raises TypeError; a text is taken letter by letter.",
    "task.evaluate(llm=kbench.llm, evaluation_data=rows)",
    "task.evaluate(llm=[kbench.llm], evaluation_data=rows)",
)
RULES = (ON_FAILURE, ITERABLES)

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
    for keyword in call.keywords:
        found = program.values.of(keyword.value, scope)
        if keyword.arg == "on_failure":
            value = program.values.const(keyword.value, scope)
            if isinstance(value, str) and value not in ("raise", "continue"):
                message = f'on_failure is "{value}", which evaluate refuses.'
                hint = 'Use on_failure="raise" or on_failure="continue".'
                check.at(ON_FAILURE, run.place, message, hint, node=keyword.value, sure=sure)
        elif len(found) == 1 and keyword.arg not in ("grid", "evaluation_data", None):
            _single(check, task, run, keyword, found[0], sure=sure)
    if call.args:
        first = program.values.of(call.args[0], scope)
        listed = isinstance(call.args[0], ast.List | ast.Tuple)
        if listed or any(_is_model(value) for value in first):
            check.at(
                ITERABLES,
                run.place,
                f"{task.label}.evaluate gets its models by position, where it takes a grid.",
                f"Write {task.label}.evaluate(llm=[kbench.llm], ...).",
                node=call,
                sure=sure,
            )


def _single(
    check: Check, task: Task, run: RunCall, keyword: ast.keyword, value: object, *, sure: bool
) -> None:
    if _is_model(value):
        message = f"{task.label}.evaluate takes a list of models, not a single one."
        sure_here = sure
    elif isinstance(value, Const) and isinstance(value.value, str) and _is_whole(value.value):
        message = f"{task.label}.evaluate would take {keyword.arg} letter by letter."
        sure_here = False
    else:
        return
    hint = f"Write {keyword.arg}=[{written(keyword.value)}]."
    check.at(ITERABLES, run.place, message, hint, node=keyword.value, sure=sure_here)


def _is_whole(text: str) -> bool:
    """Whether a text is surely not meant letter by letter, as the choices of a question are: ``gold="ABCD"``."""
    in_a_row = text.isalnum() and all(ord(b) == ord(a) + 1 for a, b in pairwise(text))
    choices = in_a_row or (_CHOICES.match(text) is not None and len(set(text)) == len(text))
    return len(text) > 1 and not choices


def _is_model(value: object) -> bool:
    if isinstance(value, HardModel):
        return value.name != "*"
    return value in (Sdk(f"{SDK}.llm"), Sdk(f"{SDK}.judge_llm"))
