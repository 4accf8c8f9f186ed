"""Status: a task and its runs, as the server knows them, and what went wrong with each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.cards import (
    RUN_COLUMNS,
    elapsed,
    page_cell,
    run_rows,
    score_column,
    seconds_since,
    state_cell,
    who_word,
)
from kbench_jupyter.actions.choose_runs import none_of, runs_hint, runs_on, without_run
from kbench_jupyter.actions.pushed_task import creation_notes, get_task
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.api import Run, Task
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, View, duration, moment
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.session.session import Session

#: What the results' panel and `results --sample` call "task took" is the task alone.
_ELAPSED = "elapsed: the whole run on the server, its kernel's start included"


@dataclass(frozen=True)
class TaskStatus(Shown):
    """A task and its runs."""

    task: Task
    runs: tuple[Run, ...] = ()
    whole_errors: bool = False
    missing: str = ""
    hint: str = ""
    explained: RunErrors = NO_SOURCE
    #: What tries the task again here, where its version could not be created and the notebook holds it.
    mend: str = ""

    def view(self) -> View:
        """Describe the task, its runs, and what went wrong with each."""
        task = self.task
        facts = Facts(
            {
                "state": state_cell(task.creation_state),
                "being created for": _so_far(task),
                "error": task.creation_error_message if task.creation_state != "COMPLETED" else None,
                "created": moment(task.create_time, zone=True),
                "seen by": "everybody" if task.is_public else "you only",
                "page": page_cell(task),
                "datasets": ", ".join(task.datasets),
            }
        )
        version = f", version {task.version}" if task.version else ""
        return View(
            f"{task.slug}{version}",
            [facts, *self._run_parts()],
            notes=[*([self.hint] if self.hint else []), *creation_notes(task, self.explained)],
            next=self._steps(),
            footer=self.footer,
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one record a run; where whole errors are asked for, with those, as they are shown."""
        rows = super().records()
        if not self.whole_errors:
            return rows
        return [
            row | {"error": self.explained.of(run.task.version).whole(run.error_message) or None}
            for row, run in zip(rows, self.runs, strict=True)
        ]

    def _steps(self) -> list[tuple[str, str]]:
        """Say what to type next: nothing that the server, or a command before it asks, would refuse."""
        slug, created = str(self.task.slug), self.task.creation_state
        if self.missing:
            return [(f"%kbench status {slug}", "all its runs")]
        newest = [run for run in self.runs if run.task.version in (self.task.version, None)]
        steps: list[tuple[str, str]] = []
        if created == "COMPLETED" and not newest:
            steps.append((f"%kbench run {slug} -m MODEL", "run it"))
        elif created.is_pending:
            # `log` follows a creation where there is no run that it could be about.
            verb, why = ("status", "how far it is now") if self.runs else ("log", "follow it to its end")
            steps.append((f"%kbench {verb} {slug}", why))
        elif created != "COMPLETED" and self.mend:
            steps.append((self.mend, "what happens in a fresh kernel"))
        compared = any(run.state == "COMPLETED" for run in self.runs)
        if compared:
            steps.append((f"%kbench results {slug}", "compare what they came to"))
        if any(run.error_message for run in self.runs) and not self.whole_errors:
            steps.append((f"%kbench status {slug} --errors", "the whole of each error"))
        if created == "COMPLETED" and _errored_last(newest):
            steps.append((f"%kbench run {slug} --retry-errored", "those that errored, once more"))
        if self.runs:
            going = not all(run.state.is_terminal for run in self.runs)
            steps.append((f"%kbench log {slug}", "watch them live" if going else "what the runs printed"))
        if compared:
            steps.append((f"%kbench download {slug}", "what they left"))
        return steps

    def _run_parts(self) -> list[Part]:
        columns = [*RUN_COLUMNS, "score>", "started (UTC)", "elapsed>"]
        scores = score_column([run.score for run in self.runs], missing="")
        rows = [
            [*first, score, moment(run.start_time), elapsed(run)]
            for run, first, score in zip(self.runs, run_rows(self.runs), scores, strict=True)
        ]
        parts: list[Part] = [Table(columns, rows, self.missing or "No runs yet.", drop_empty=True)]
        failed = [(run, self.explained.of(run.task.version)) for run in self.runs if run.error_message]
        if self.whole_errors:
            for run, known in failed:
                parts.append(Text(f"{run.candidate}, run {run.id}", "bad"))
                parts.append(Text(known.whole(run.error_message), code=True))
        elif failed:
            errors = [
                (run.candidate, str(run.id), Cell(known.line(run.error_message), "bad"))
                for run, known in failed
            ]
            word = who_word((run.model, run.candidate) for run, _ in failed)
            parts.append(Table([word, "run", "error"], errors))
        if any(elapsed(run).text for run in self.runs):
            parts.append(Text(_ELAPSED, "quiet"))
        return parts


def status(session: Session, slug: str, *, models: Sequence[str] = (), errors: bool = False) -> TaskStatus:
    """Show a task and its runs.

    Parameters
    ----------
    models : sequence of str
        Only runs on these models or other candidates, by name or pattern; all where empty.
    errors : bool
        Show the whole message of each error instead of its last line.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    target = session.target()
    client = session.client(target)
    task, (runs, there) = both(lambda: get_task(session, client, slug), lambda: runs_on(client, slug, models))
    missing = f"No run is on {none_of(models, there)}." if there and not runs else ""
    gone = without_run(models, runs) if there else []
    hint = runs_hint(gone, there) if gone else ""
    if hint and runs:
        hint = f"No run is on {' or '.join(gone)}. {hint}"
    known = errors_of(session, target, task) if any(run.error_message for run in runs) else NO_SOURCE
    mend = _mend(session, task) if task.creation_state.is_terminal else ""
    return TaskStatus(task, tuple(runs), errors, missing, hint, known, mend, footer=target.label)


def _so_far(task: Task) -> str | None:
    """Return how long a version has been being created, None of one that is."""
    if not task.creation_state.is_pending or task.create_time is None:
        return None
    return duration(seconds_since(task.create_time))


def _errored_last(runs: Sequence[Run]) -> bool:
    """Return whether the newest run of a candidate errored."""
    newest = {run.candidate: run for run in sorted(runs, key=lambda run: run.id)}
    return any(run.state == "ERRORED" for run in newest.values())


def _mend(session: Session, task: Task) -> str:
    """Return what tries a task of the notebook; "" where the notebook holds none of that name, or none is needed."""
    if task.creation_state == "COMPLETED":
        return ""
    with suppress(KBenchError):
        chosen = choose_task(session, required=False)
        if str(task.slug) in chosen.stored:
            return replace(chosen, slug=task.slug.task).line("validate")
    return ""
