"""KB103: that a task is run at all."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.findings import Severity
from kbench_jupyter.validation.rules.rule import Check, Rule
from kbench_jupyter.validation.task import Task

if TYPE_CHECKING:
    from kbench_jupyter.validation.task import RunCall

__all__ = ["NEVER_RUN", "RULES", "check", "required_parameters"]

NEVER_RUN = Rule(
    "KB103",
    "task-never-run",
    Severity.ERROR,
    "A stored task is defined, but no `.run(...)` or `.evaluate(...)` of it is executed.",
    "Only `.run` and `.evaluate` write a run file. A plain call `my_task(kbench.llm)`, or a `.run` in a "
    "function that nothing calls, or in an `async def` that is called without `await`, records nothing, and the "
    "server reports a notebook without a run. "
    'A block under `if __name__ == "__main__":` is executed in a notebook.',
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...',
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...\n\ncapital.run(kbench.llm)',
)
RULES = (NEVER_RUN,)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    # A cell that does not parse may hold the run.
    if check.program.broken:
        return
    for task in check.tasks.stored:
        if task.runs or task.handed_on:
            continue
        if task.idle_runs:
            _idle(check, task, task.idle_runs[0])
            continue
        called = _plain_call(check, task)
        check.on_task(
            NEVER_RUN,
            task,
            f"{task.label} is called, but never run: a plain call records nothing."
            if called
            else f"{task.label} is never run, so nothing would be recorded.",
            f"Add at the end: {run_line(task)}",
            sure=check.pushed(task),
        )


def _idle(check: Check, task: Task, run: RunCall) -> None:
    """Report a run that stands where nothing executes it."""
    scope = run.place.scope
    where, call = scope.name, f"{scope.name}()"
    if scope.lazy and check.program.calls_of(scope):
        awaited = isinstance(scope.node, ast.AsyncFunctionDef) and not scope.yields
        what = "is called, but never awaited" if awaited else "is a generator that nothing goes through"
        message = f"{task.label}.{run.method} stands in {call}, which {what}."
        hint = (
            f"Write await {call}."
            if awaited
            else f"Write for run in {call}: ..., or return instead of yield."
        )
    elif where:
        message = f"{task.label}.{run.method} stands in {call}, which nothing calls."
        hint = f"Call {call}, or add at the end: {run_line(task)}"
    else:
        message = f"{task.label}.{run.method} is never executed."
        hint = f"Add: {run_line(task)}"
    check.at(NEVER_RUN, run.place, message, hint, sure=check.pushed(task))


def run_line(task: Task) -> str:
    """Return the call that runs a task."""
    rest = ", ..." if len(required_parameters(task)) > 1 else ""
    return f"{task.label}.run(kbench.llm{rest})"


def required_parameters(task: Task) -> list[str]:
    """Return the parameters of a task's function that have no default."""
    function = task.function
    if function is None:
        return []
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    names = [a.arg for a in positional[: len(positional) - len(args.defaults)]]
    keyword_only = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    return names + [a.arg for a, default in keyword_only if default is None]


def _plain_call(check: Check, task: Task) -> bool:
    return any(
        task in check.tasks.of(place.node.func, place.scope)
        for place in check.program.index.calls
        if isinstance(place.node.func, ast.Name) and place.node.func.id == task.label
    )
