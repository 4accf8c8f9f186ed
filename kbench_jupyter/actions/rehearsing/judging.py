"""Judging a rehearsal: whether the task that would be pushed ran, and left a run that the server would keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kbench_jupyter.actions.cards import last_line
from kbench_jupyter.actions.rehearsing.answers import own_errors
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.api import task_slug
from kbench_jupyter.display.view import count
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.results.runfiles import RunResult
from kbench_jupyter.session.target import Target
from kbench_jupyter.validation import tasks_in
from kbench_jupyter.validation.rehearsal.run import Rehearsal
from kbench_jupyter.validation.rehearsal.tracebacks import raised, tell

# What the task SDK (0.6.2) writes to stderr, and goes on after.
_NOT_STORED = re.compile(r"Failed to store run .*?: (.+)")
_WRONG_TYPE = re.compile(
    r"(Wrong return type .+?)(?: This may need to lead to unexpected task behavior\.)?$", re.M
)
_END = "End the notebook with a call like: my_task.run(kbench.llm)"
_RETURN = "A task may return a bool, an int, a float, a dict or a tuple[float, float], and its annotation says which."


def runs_of_task(chosen: ChosenTask, runs: Sequence[RunResult]) -> tuple[RunResult, ...]:
    """Return those of a rehearsal's outermost runs that are of the task that would be pushed, without its helpers'."""
    if chosen.slug:
        return tuple(run for run in runs if task_slug(run.task) == chosen.slug)
    # Where no task is settled on, each is meant that is stored; a name may be known only by running.
    helpers = {task.slug for task in tasks_in(chosen.source) if not task.stored}
    known = set(chosen.stored) if all(task.slug for task in chosen.tasks) else set()
    slugs = {run.task: task_slug(run.task) for run in runs}
    return tuple(
        run for run in runs if (slugs[run.task] in known if known else slugs[run.task] not in helpers)
    )


def sdk_said(rehearsal: Rehearsal) -> list[str]:
    """Return what the task SDK wrote about results it could not use: reasons for runs not stored, then wrong types.

    Of each, the last one said is first: a task's own run ends after those nested in it.
    """
    outputs = [output for cell in rehearsal.outcome.notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.text for output in outputs if output.get("name") == "stderr")
    return list(dict.fromkeys([*reversed(_NOT_STORED.findall(text)), *reversed(_WRONG_TYPE.findall(text))]))


def sdk_notes(rehearsal: Rehearsal) -> list[str]:
    """Return what the task SDK wrote about results of helpers and samples, where the task's own run was recorded."""
    return [f"The task SDK says of a result: {text}" for text in sdk_said(rehearsal)[:3]]


def refuse_unrecorded(chosen: ChosenTask, rehearsal: Rehearsal, runs: Sequence[RunResult]) -> None:
    """Raise ValidationError, with the task SDK's reason, if the task that would be pushed left no run."""
    if runs_of_task(chosen, runs):
        return
    task = f"the task {chosen.slug}{_where(chosen)}" if chosen.slug else "this task"
    helpers = ", ".join(dict.fromkeys(run.task for run in runs))
    others = f"Recorded: {count(len(runs), 'run')} of {helpers}: a helper task, whose runs the server does not keep."
    why = f"All cells ran, but {task} recorded no run: the server would keep nothing of it."
    details, hint = [others, *rehearsal.hints] if runs else rehearsal.hints, _END
    if said := sdk_said(rehearsal):
        why = f"All cells ran, but {task} recorded no run. The task SDK says why: {said[0]}"
        details, hint = [*said[1:], *details], _RETURN
    elif not runs:
        why = f"All cells ran, but no run was recorded: the server would keep nothing of {task}."
        hint = f"{_END}\nA task that returns a value needs a return annotation (-> bool, -> float, ...)."
    raise ValidationError(why, detail="\n".join(details), hint=hint)


def _where(chosen: ChosenTask) -> str:
    task = next((task for task in chosen.tasks if task.slug == chosen.slug), None)
    return f" (cell {task.cell.number})" if task is not None else ""


def refuse_failed_cell(rehearsal: Rehearsal, runs: Sequence[RunResult], hint: str) -> None:
    """Raise ValidationError if a cell failed, naming the line that did, and the other one to look at.

    `runs` are those of the task that would be pushed; `hint` is what to type where the failure itself says nothing.
    """
    failure = rehearsal.failure
    if failure is None:
        return
    where = ", ".join(filter(None, [f" in {failure.where}" if failure.where else "", failure.also]))
    if failure.displaying:
        where += " while it showed the run"
        kept = "The run was recorded all the same" if runs else "No run was recorded"
        said = "".join(f" The task SDK says: {text}" for text in sdk_said(rehearsal))
        hint = f"{kept}: what the task returns, or what an assertion was given, is not what it should be.{said}\n{hint}"
    raise ValidationError(
        f"The rehearsal failed{where}: {failure.message}",
        detail=failure.traceback,
        hint=failure.hint or hint,
    )


def refuse_errored(runs: Sequence[RunResult], mend: Callable[[str, bool], str]) -> None:
    """Raise ValidationError if a run errored though its cell went on, or one of its samples whatever was answered.

    `mend` says what to do about an error message, given whether a model's endpoint is to blame.
    """
    errored = own_errors(runs)
    if not errored:
        return
    message = errored[0].error_message
    told = tell(message, *raised(message))
    many = f" in {count(len(errored), 'sample')}" if len(errored) > 1 else ""
    said = told.message if told.endpoint else last_line(message)
    raise ValidationError(
        f"The task {errored[0].task!r} failed{many} while it ran: {said}",
        detail=told.traceback,
        hint=mend(message, told.endpoint),
    )


def what_to_mend(what: str, again: str, target: Target, *, endpoint: bool) -> str:
    """Return what to do about a failure, before typing `again`: of the cell or task, or of the model's endpoint."""
    if not endpoint:
        return f"Mend the {what}, then {again} again."
    local = "; the endpoint behind them: %kbench local status" if target.is_local else ""
    return f"It is the model's endpoint that failed, not the {what}. What can be had: %kbench models{local}"
