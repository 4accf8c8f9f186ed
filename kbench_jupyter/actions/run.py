"""Run: schedule a task on models and, if asked, follow exactly those runs to their end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kbench_jupyter.actions.cards import elapsed, state_cell
from kbench_jupyter.actions.pushed_task import get_task, refuse_unready
from kbench_jupyter.actions.pushes import edits_since
from kbench_jupyter.actions.run_errors import NO_SOURCE, errors_of
from kbench_jupyter.actions.wanted_models import expand, unknown_models
from kbench_jupyter.api import Client, Run, ScheduleResult, Task
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count, told
from kbench_jupyter.errors import NotFoundError, RunsFailedError, UsageError
from kbench_jupyter.following.scheduled import await_scheduled
from kbench_jupyter.following.watch import wait_for_runs
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target


@dataclass(frozen=True)
class ScheduledRuns(Shown):
    """What was scheduled, in the order asked, and where those runs stood when last seen."""

    task: Task
    scheduled: tuple[ScheduleResult, ...]
    runs: tuple[Run, ...] = ()

    @property
    def run_ids(self) -> tuple[int, ...]:
        """The ids of the scheduled runs."""
        return tuple(run.id for run in self.runs)

    @property
    def ended(self) -> bool:
        """Whether every scheduled run has ended."""
        return bool(self.runs) and all(run.state.is_terminal for run in self.runs)

    def view(self) -> View:
        """Describe the runs."""
        done = sum(result.scheduled for result in self.scheduled)
        slug = self.task.slug.task
        by_model = {run.model: run for run in self.runs}
        rows = [_row(result, by_model.get(result.model)) for result in self.scheduled]
        notes = [result.note for result in self.scheduled if result.note]
        if self.ended:
            title = Cell(f"{count(len(self.runs), 'run')} of {_named(self.task)} ended", "good")
            steps = [
                (f"%kbench results {slug}", "fetch and compare what they left"),
                (f"%kbench log {slug}", "what they printed"),
            ]
        elif done:
            title = Cell(f"Scheduled {count(done, 'run')} of {_named(self.task)}", "busy")
            steps = [
                (f"%kbench status {slug}", "where they stand"),
                (f"%kbench log {slug}", "watch them live"),
            ]
        else:
            title = Cell(f"Nothing was scheduled for {slug}", "warn")
            steps = [(f"%kbench status {slug}", "the runs there are")]
        table = Table(["model", "run", "state", "elapsed>", "why"], rows, drop_empty=True)
        return View(title, [table], notes=notes, next=steps, footer=self.footer)


def _named(task: Task) -> str:
    return f"{task.slug.task} (version {task.version})" if task.version else task.slug.task


def _row(result: ScheduleResult, run: Run | None) -> list[Value]:
    if not result.scheduled:
        why = result.skipped_reason or "the server gave no reason"
        return [result.model, "", Cell("skipped", "warn"), "", why]
    if run is None:
        return [result.model, "", Cell("scheduled", "quiet"), "", ""]
    return [run.model, told(run.id), state_cell(run.state), elapsed(run), NO_SOURCE.line(run.error_message)]


def run(
    session: Session,
    slug: str,
    models: Sequence[str],
    *,
    retry_errored: bool = False,
    wait: float | None = None,
    poll_interval: float | None = None,
) -> ScheduledRuns:
    """Schedule a task's newest version on models.

    Parameters
    ----------
    models : sequence of str
        Any spelling of a model's name (provider prefix and ``@`` are normalised), or patterns such as
        ``gemini*`` that stand for every model that can run.
    retry_errored : bool
        Also the models whose newest run of the newest version errored.
    wait : float, optional
        Seconds to follow the runs; 0 follows them to their end, None returns at once.
    poll_interval : float, optional
        Most seconds between two looks.

    Raises
    ------
    UsageError
        If no model is named, or a pattern fits none.
    NotFoundError
        If the task, or one of the models, is unknown.
    TaskNotReadyError
        If the newest version cannot be run.
    RunsFailedError
        If a run that was waited for did not complete, or never appeared in the server's list.
    WatchTimeoutError
        If `wait` seconds were not enough; the runs go on.
    """
    target = session.target()
    client = session.client(target)
    task = get_task(session, client, slug)
    if task.creation_state != "COMPLETED":
        refuse_unready(task, errors_of(session, target, task))
    wanted = expand(session, target, models)
    if retry_errored:
        wanted = list(dict.fromkeys([*wanted, *_errored(client, task)]))
    if not wanted:
        raise _nothing_wanted(slug, retry_errored)
    if said := edits_since(session, target, task):
        session.reporter.say(f"! {said}")
    session.reporter.say(f"Scheduling {_named(task)} on {', '.join(wanted)} at {target.place}.")
    before = {r.id for r in client.list_runs(slug, models=wanted)}
    try:
        scheduled = client.schedule(slug, wanted, known_runs=before)
    except NotFoundError as error:
        raise (unknown_models(session, target, client.list_models(), wanted) or error) from error
    done = [result.model for result in scheduled if result.scheduled]
    if not done or wait is None:
        listed = client.list_runs(slug, models=done) if done else ()
        runs = tuple(found for found in listed if found.id not in before)
        return ScheduledRuns(task, tuple(scheduled), runs, footer=target.label)
    began = time.monotonic()
    runs = await_scheduled(client, slug, done, before, timeout=wait or None)
    result = ScheduledRuns(task, tuple(scheduled), runs, footer=target.label)
    left = max(0.1, wait - (time.monotonic() - began)) if wait else wait
    followed = _follow(session, target, slug, result, left, poll_interval) if runs else result
    if missing := sorted(set(done) - {found.model for found in runs}):
        raise RunsFailedError(
            f"{count(len(missing), 'run')} of {slug} cannot be followed: scheduled on {', '.join(missing)}, but "
            "not in the server's list of runs.",
            hint=f"The list may lag behind. What the server says now: %kbench status {slug}",
        )
    return followed


def _errored(client: Client, task: Task) -> list[str]:
    """Return the models whose newest run of the task's newest version errored."""
    newest: dict[str, Run] = {}
    for run in client.list_runs(task.slug.task):
        if run.task.version == task.version and run.id >= newest.get(run.model, run).id:
            newest[run.model] = run
    return [model for model, run in newest.items() if run.state == "ERRORED"]


def _nothing_wanted(slug: str, retry_errored: bool) -> UsageError:
    if retry_errored:
        return UsageError(
            f"No newest run of {slug} errored: there is nothing to run again.", hint=f"%kbench status {slug}"
        )
    return UsageError(
        "Which models? None was named.",
        hint=f"%kbench run {slug} -m MODEL [-m MODEL]   (the list: %kbench models)",
    )


def _follow(
    session: Session,
    target: Target,
    slug: str,
    result: ScheduledRuns,
    wait: float,
    poll_interval: float | None,
) -> ScheduledRuns:
    runs = wait_for_runs(
        session.client(target),
        slug,
        result.run_ids,
        timeout=wait or None,
        max_interval=target.poll_interval(poll_interval),
        reporter=session.reporter,
        on_trouble=session.reviver(target),
    )
    failed = [run for run in runs if run.state != "COMPLETED"]
    if failed:
        known = errors_of(session, target, result.task)
        raise RunsFailedError(
            f"{len(failed)} of {count(len(runs), 'run')} of {slug} failed.",
            detail="\n".join(
                f"{run.model} (run {run.id}): {known.of(run.task.version).line(run.error_message) or 'no message'}"
                for run in failed
            ),
            hint=f"The whole errors: %kbench status {slug} -e"
            + (f"\nThe other runs: %kbench results {slug}" if len(failed) < len(runs) else ""),
        )
    return replace(result, runs=tuple(runs))
