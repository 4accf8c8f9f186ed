"""Run: schedule a task on candidates and, if asked, follow exactly those runs to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kbench_jupyter.actions.cards import WHO_COLUMNS, elapsed, score_column, state_cell, who_cells
from kbench_jupyter.actions.choose_runs import Which
from kbench_jupyter.actions.forecast import Lookup, candidates_of
from kbench_jupyter.actions.pushed_task import get_task, refuse_unready
from kbench_jupyter.actions.pushes import edits_since
from kbench_jupyter.actions.run.repeats import Repeats
from kbench_jupyter.actions.run_errors import NO_SOURCE, errors_of
from kbench_jupyter.actions.wanted_candidates import (
    Batch,
    batches_of,
    check_effort,
    errored_runs,
    remember_ran,
    schedule_batch,
    schedule_each,
)
from kbench_jupyter.actions.wanted_models import expand, unknown_models
from kbench_jupyter.api import Client, Run, ScheduleResult, Task
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count, told
from kbench_jupyter.errors import NotFoundError, RunsFailedError, UsageError
from kbench_jupyter.following.scheduled import find_scheduled
from kbench_jupyter.following.watch import wait_for_runs
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target


@dataclass(frozen=True)
class ScheduledRuns(Shown):
    """What was scheduled, in the order asked, and those runs: as they ended, or in no state if nobody waited."""

    task: Task
    scheduled: tuple[ScheduleResult, ...]
    runs: tuple[Run, ...] = ()

    @property
    def run_ids(self) -> tuple[int, ...]:
        """The ids of the scheduled runs."""
        return tuple(result.run_id for result in self.scheduled if result.run_id is not None)

    @property
    def ended(self) -> bool:
        """Whether every scheduled run has ended."""
        return bool(self.runs) and all(run.state.is_terminal for run in self.runs)

    def view(self) -> View:
        """Describe the runs."""
        done = sum(result.scheduled for result in self.scheduled)
        slug = str(self.task.slug)
        by_id = {run.id: run for run in self.runs}
        known = [by_id.get(result.run_id or 0) for result in self.scheduled]
        scores = score_column([run.score if run else None for run in known], missing="")
        rows = [_row(*one) for one in zip(self.scheduled, known, scores, strict=True)]
        notes = [result.note for result in self.scheduled if result.note]
        if missing := sum(result.scheduled and result.run_id is None for result in self.scheduled):
            notes.append(
                f"The id of {count(missing, 'run')} is not known yet: the server's list did not show it."
            )
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
        who = who_cells(map(_names, self.scheduled, known))
        rows = [[*first, *rest] for first, rest in zip(who, rows, strict=True)]
        table = Table([*WHO_COLUMNS, "run", "state", "score>", "elapsed>", "why"], rows, drop_empty=True)
        return View(title, [table], notes=notes, next=steps, footer=self.footer)


def _named(task: Task) -> str:
    return f"{task.slug} (version {task.version})" if task.version else str(task.slug)


def _names(result: ScheduleResult, run: Run | None) -> tuple[str, str]:
    """Return model and candidate: the server's name of it where that is known."""
    known = run is not None and (run.state != "UNSPECIFIED" or run.config)
    return (run.model, run.candidate) if run and known else (result.model or result.agent, result.candidate)


def _row(result: ScheduleResult, run: Run | None, score: Cell) -> list[Value]:
    if not result.scheduled:
        why = result.skipped_reason or "the server gave no reason"
        return ["", Cell("skipped", "warn"), "", "", why]
    if run is None or run.state == "UNSPECIFIED":
        return [told(result.run_id), Cell("scheduled", "quiet"), "", "", ""]
    return [told(run.id), state_cell(run.state), score, elapsed(run), NO_SOURCE.line(run.error_message)]


def run(
    session: Session,
    slug: str,
    models: Sequence[str],
    *,
    effort: str | None = None,
    agents: Sequence[str] = (),
    retry_errored: bool = False,
    retried: Sequence[str] = (),
    repeat: int = 1,
    wait: float | None = None,
    poll_interval: float | None = None,
    configs: Mapping[str, str] | None = None,
    on_begun: Callable[[Sequence[ScheduleResult]], object] = lambda _: None,
) -> ScheduledRuns:
    """Schedule a task's newest version on models, or with agents.

    Parameters
    ----------
    models : sequence of str
        Any spelling of a model's name (provider prefix and ``@`` are normalised), or patterns such as
        ``gemini*`` that stand for every model that can run.
    effort : str, optional
        The models' reasoning effort, as their configs spell it.
    agents : sequence of str
        Slugs of agents.
    retry_errored : bool
        Also the candidates whose newest run of the newest version errored, each as it was. One that the server
        refuses does not keep the others from it.
    retried : sequence of str
        Of these only those on such models, by name or pattern; all where empty.
    repeat : int
        Runs of each candidate. Where the server lets one of them go at a time, it is waited for each but the last.
    wait : float, optional
        Seconds to follow the runs; 0 follows them to their end, None returns at once.
    poll_interval : float, optional
        Most seconds between two looks.
    configs : mapping, optional
        What `check_effort` said of these models and this effort just now; then it is not asked again.
    on_begun : callable, optional
        Called with what was scheduled so far, each time more was.

    Raises
    ------
    UsageError
        If no candidate is named, a pattern fits none, or a model has no such effort; nothing is sent.
    NotFoundError
        If the task, or one of the candidates, is unknown.
    TaskNotReadyError
        If the newest version cannot be run.
    RunsFailedError
        If a run that was waited for did not complete, or never appeared in the server's list.
    WatchTimeoutError
        If `wait` seconds were not enough; the runs go on.
    Interrupted
        On Ctrl+C while it waits; the runs that were begun go on, and how many were not begun is said.
    """
    if repeat < 1:
        raise UsageError(f"{repeat} runs of each candidate are none.", hint="Name 1 or more: --repeat 3")
    target = session.target()
    client = session.client(target)
    asked = Lookup(session, target, slug)
    task = get_task(session, client, slug)
    if task.creation_state != "COMPLETED":
        refuse_unready(task, errors_of(session, target, task))
    batches, lost = _wanted(
        session,
        target,
        task,
        Batch(tuple(models), effort or "", tuple(agents)),
        configs,
        Which(tuple(retried)) if retry_errored else None,
    )
    if said := edits_since(session, target, task):
        session.reporter.say(f"! {said}")
    filtered = (
        [] if any(batch.agents for batch in batches) else [m for batch in batches for m in batch.models]
    )
    earlier = list(client.list_runs(slug, models=filtered))
    before = {run.id for run in earlier}
    expected = asked.past(earlier).forecast(candidates_of(batches), repeat)
    for line in expected.lines(datetime.now().astimezone()):
        session.reporter.say(line)
    names = ", ".join(name for batch in batches for name in batch.names)
    session.reporter.say(f"Scheduling {_named(task)} on {names} at {target.place}.")
    try:
        scheduled = _schedule(client, slug, batches, before, each=retry_errored) + lost
    except NotFoundError as error:
        raise (unknown_models(session, target, client.list_models(), filtered) or error) from error
    remember_ran(session, slug, target.place, batches)
    began = time.monotonic()
    patience = 0 if wait is None and repeat == 1 else wait or None
    found = find_scheduled(client, slug, scheduled, before, timeout=patience)
    told: set[int] = set()
    if repeat > 1:
        known = before | {one.run_id for one in found if one.run_id is not None}
        repeats = Repeats(session, target, task, repeat, known, wait, poll_interval, on_begun)
        found, told = tuple(repeats.begin(batches, found)), repeats.told
    else:
        on_begun(found)
    result = ScheduledRuns(task, found, tuple(_scheduled(task, found, batches)), footer=target.label)
    if wait is None:
        return result
    left = max(0.1, wait - (time.monotonic() - began)) if wait else wait
    followed = _follow(session, target, slug, result, left, poll_interval, told) if result.run_ids else result
    if missing := [one.candidate for one in found if one.scheduled and one.run_id is None]:
        raise RunsFailedError(
            f"{count(len(missing), 'run')} of {slug} cannot be followed: scheduled on {', '.join(missing)}, but "
            "not in the server's list of runs.",
            hint=f"The list may lag behind. What the server says now: %kbench status {slug}",
        )
    return followed


def _scheduled(task: Task, results: Sequence[ScheduleResult], batches: Sequence[Batch]) -> Iterator[Run]:
    known = {(model, batch.effort): slug for batch in batches for model, slug in batch.configs.items()}
    for one in results:
        if one.run_id is not None:
            # In words where the server does not say what it calls it: never the name of the bare model.
            config = (known.get((one.model, one.effort)) or one.candidate) if one.effort else ""
            yield Run(one.run_id, task.slug, one.model or one.agent, agent=one.agent, config=config)


def _wanted(
    session: Session,
    target: Target,
    task: Task,
    named: Batch,
    configs: Mapping[str, str] | None,
    retried: Which | None,
) -> tuple[list[Batch], list[ScheduleResult]]:
    """Return what is to be scheduled, and what cannot be scheduled again as it was."""
    client, slug = session.client(target), str(task.slug)
    models = expand(session, target, named.models)
    if named.effort and (named.agents or not models):
        raise UsageError(
            f"A reasoning effort ({named.effort}) goes with models"
            + ("; an agent has one of its own." if named.agents else ", and none was named."),
            hint=f"%kbench run {slug} -m MODEL --reasoning-effort {named.effort}",
        )
    if named.effort and configs is None:
        configs = check_effort(session, models, named.effort)
    batches = (
        [Batch(tuple(models), named.effort, named.agents, configs or {})] if models or named.agents else []
    )
    lost: list[ScheduleResult] = []
    if retried is not None:
        again, lost = batches_of(client, list(filter(retried.holds, errored_runs(client, task))))
        batches = _joined([*batches, *again])
        if not batches and lost:
            raise UsageError(
                f"No errored run of {slug} can be run again as it was.",
                detail="\n".join(f"{one.candidate}: {one.skipped_reason}" for one in lost),
                hint=f"Name model and effort: %kbench run {slug} -m MODEL --reasoning-effort EFFORT",
            )
    if not batches:
        raise _nothing_wanted(slug, retry_errored=retried is not None)
    return batches, lost


def _joined(batches: Sequence[Batch]) -> list[Batch]:
    """Return batches with each candidate once."""
    at: dict[str, dict[str, str]] = {}
    for batch in batches:
        at.setdefault(batch.effort, {}).update({name: batch.configs.get(name, "") for name in batch.models})
    agents = tuple(dict.fromkeys(agent for batch in batches for agent in batch.agents))
    joined = [Batch(tuple(named), effort, configs=named) for effort, named in at.items() if named]
    return [*joined, *([Batch(agents=agents)] if agents else [])]


def _schedule(
    client: Client, slug: str, batches: Sequence[Batch], before: set[int], *, each: bool
) -> list[ScheduleResult]:
    if each:
        return schedule_each(client, slug, batches, before)
    [batch] = batches
    return schedule_batch(client, slug, batch, before)


def _nothing_wanted(slug: str, *, retry_errored: bool) -> UsageError:
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
    told: Collection[int],
) -> ScheduledRuns:
    runs = wait_for_runs(
        session.client(target),
        slug,
        result.run_ids,
        told=told,
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
                f"{run.candidate} (run {run.id}): {known.of(run.task.version).line(run.error_message) or 'no message'}"
                for run in failed
            ),
            hint=f"The whole errors: %kbench status {slug} -e"
            + (f"\nThe other runs: %kbench results {slug}" if len(failed) < len(runs) else ""),
        )
    return replace(result, runs=tuple(runs))
