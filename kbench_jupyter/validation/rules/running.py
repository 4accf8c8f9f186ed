"""KB103, KB111: that a task is run at all, and that its runs are recorded."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.parts import default_values, last_name
from kbench_jupyter.validation.reading.scopes import Certainty, Place
from kbench_jupyter.validation.reading.switches import Switch, constants_of
from kbench_jupyter.validation.reading.task import RunCall, Task
from kbench_jupyter.validation.reading.value import DERIVING, keyword_of, written
from kbench_jupyter.validation.rules.rule import Check, error

NEVER_RUN = error(
    "KB103 task-never-run",
    "A stored task is defined, but no `.run(...)` or `.evaluate(...)` of it is executed.",
    "Only `.run` and `.evaluate` write a run file. A plain call `my_task(kbench.llm)`, or a `.run` in a "
    "function that nothing calls, in an `async def` that is called without `await`, or under an `if` whose condition "
    "never holds, records nothing, and the server reports a notebook without a run. "
    'A block under `if __name__ == "__main__":` is executed in a notebook.',
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...',
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...\n\ncapital.run(kbench.llm)',
    "{task} is never run, so nothing would be recorded.",
    "Add at the end: {line}",
)
NOT_RECORDED = error(
    "KB111 run-not-recorded",
    "A task is run, but its runs leave no file: `store_run=False`, or `remove_run_files=True`.",
    "The server reads results from run files. `store_run=False` in the decorator writes none, and "
    "`evaluate(..., remove_run_files=True)` deletes those it has written. Both are for helper tasks, whose results go "
    "into the run of another task.",
    '@kbench.task(name="Capital", store_run=False)\ndef capital(llm):\n    ...\n\ncapital.run(kbench.llm)',
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...\n\ncapital.run(kbench.llm)',
    "{task} has store_run=False, so its runs leave no file and nothing is recorded.",
    "Leave store_run=False out of its decorator.",
)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    # A cell that does not parse may hold the run.
    if check.program.broken:
        return
    for task in check.tasks.stored:
        if task.runs and not task.handed_on:
            _unrecorded(check, task)
        elif task.idle_runs and not task.handed_on:
            _idle(check, task, task.idle_runs[0])
        if not never_run(task):
            continue
        message, hint = "", ""
        if _plain_call(check, task):
            message = f"{task.label} is called, but never run: a plain call records nothing."
        elif isinstance(task.node, ast.Call) and task.derived and not task.variable:
            made = written(task.node.func)
            message = f"The task that {made} returns is never run, so nothing would be recorded."
            hint = f"Give what {made} returns a name, and run that: NAME{_run_of(task)}"
        sure = check.pushed(task) and task.surely_stored
        check.on_task(NEVER_RUN, task, message, hint, line=run_line(task), sure=sure)


def never_run(task: Task) -> bool:
    """Whether nothing runs a task, as far as can be seen, and no call of its `run` stands anywhere."""
    return not (task.runs or task.handed_on or task.idle_runs)


def _idle(check: Check, task: Task, run: RunCall) -> None:
    """Report a run that stands where nothing executes it."""
    scope = run.place.scope
    where, call = scope.name, f"{scope.name}()"
    switch = _switched_off_by(check, run)
    if switch is not None:
        always = "true" if switch.truth else "false"
        message = f"{task.label}.{run.method} is never executed: `{written(switch.test)}` is always {always}."
        guard = 'Write if __name__ == "__main__":' if "__name__" in written(switch.test) else "Change that"
        hint = f"{guard}, or add at the end: {run_line(task)}"
    elif scope.lazy and check.program.calls_of(scope):
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


def _switched_off_by(check: Check, run: RunCall) -> Switch | None:
    """The branch that keeps a run, or the calls of the function it stands in, from being executed."""
    places: list[Place[ast.AST]] = [run.place, *check.program.calls_of(run.place.scope)]
    for place in places:
        for switch in check.program.switches:
            if place.node in switch.nodes:
                return switch
    return None


def _unrecorded(check: Check, task: Task) -> None:
    """Report a task that is run, and whose runs leave no file."""
    if task.recorded and not all(_removes_files(check, run) for run in task.runs):
        return
    if _is_helper(check, task) or _may_be_recorded(check, task):
        return
    if not task.recorded:
        check.on_task(NOT_RECORDED, task)
        return
    message = f"{task.label}.evaluate deletes its own run files, so nothing is recorded."
    hint, sure = "Leave remove_run_files=True out.", not any(_may_leave_files(run) for run in task.runs)
    check.at(NOT_RECORDED, task.runs[0].place, message, hint, sure=sure)


def _removes_files(check: Check, run: RunCall) -> bool:
    """Whether a run is an evaluation that surely deletes its files."""
    given = keyword_of(run.call, "remove_run_files") if run.call is not None else None
    if given is None or run.method != "evaluate":
        return False
    values = constants_of(given, run.place.scope, check.program)
    return bool(values) and all(values)


def _may_leave_files(run: RunCall) -> bool:
    """Whether files of failures stay: of earlier attempts, or where what is raised goes nowhere.

    Tried with kaggle_benchmarks 0.6.2.
    """
    attempts = run.call is not None and keyword_of(run.call, "max_attempts") is not None
    return attempts or bool(run.place.certainty & Certainty.GUARDED)


def _is_helper(check: Check, task: Task) -> bool:
    """Whether a task runs inside another one, or is not the one that is pushed."""
    inside = any(check.tasks.around(run.place.scope) not in (None, task) for run in task.runs)
    return (
        inside
        or not check.pushed(task)
        or any(
            other is not task and other.recorded and (other.runs or other.handed_on) and check.pushed(other)
            for other in check.tasks.stored
        )
    )


def _may_be_recorded(check: Check, task: Task) -> bool:
    """Whether the notebook may write a run file in another way: a copy of the task that records, or by hand."""
    # What another decorator makes of the task, nobody sees.
    if task.function is not None and len(task.function.decorator_list) > 1:
        return True
    index = check.program.index
    derived = [place.node for place in index.calls if getattr(place.node.func, "attr", "") in DERIVING]
    if any(keyword.arg in (None, "store_run") for call in derived for keyword in call.keywords):
        return True
    if any(place.node.attr == "store_run" for place in index.attributes):
        return True
    return any(word in check.program.text for word in ("run.json", "serialization"))


def run_line(task: Task) -> str:
    """Return the call that runs a task."""
    return f"{task.label}{_run_of(task)}"


def _run_of(task: Task) -> str:
    if task.derived and last_name(task.calls[0].func) == "bind_dataframe":
        return ".run(llm=kbench.llm)"  # it brings the rows, and takes the rest by keyword alone
    return f".run(kbench.llm{', ...' if len(required_parameters(task)) > 1 else ''})"


def required_parameters(task: Task) -> list[str]:
    """Return the parameters of a task's function that have no default."""
    if task.function is None:
        return []
    args = task.function.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [a.arg for a in named if a.arg not in default_values(args)]


def _plain_call(check: Check, task: Task) -> bool:
    return any(
        task in check.tasks.of(place.node.func, place.scope)
        for place in check.program.index.calls
        if isinstance(place.node.func, ast.Name) and place.node.func.id == task.label
    )
