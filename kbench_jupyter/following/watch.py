"""Watching runs until they end, in the calling thread, with a progress line.

Nothing here ever touches what it follows: a time-out, Ctrl+C or an error ends the watching only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from kbench_jupyter.display.numbers import score_text
from kbench_jupyter.display.view import count, duration
from kbench_jupyter.errors import RunsFailedError
from kbench_jupyter.following.rounds import Clock, Outage, Trouble
from kbench_jupyter.following.runs import RunChange, Watch, where_they_stand
from kbench_jupyter.following.status import RunStatus
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Reporter, SilentReporter

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Run, TaskSlug


def wait_for_runs(
    client: Client,
    slug: TaskSlug | str,
    run_ids: Iterable[int],
    *,
    told: Collection[int] = (),
    timeout: float | None = None,
    max_interval: float | None = None,
    reporter: Reporter | None = None,
    clock: Clock | None = None,
    on_trouble: Callable[[Trouble], None] | None = None,
) -> tuple[Run, ...]:
    """Follow runs to their end in the calling thread, with a progress line.

    Parameters
    ----------
    told : collection of int
        The ids of those whose end has been said before.
    timeout, max_interval, on_trouble
        As of `watch_creation`.

    Returns
    -------
    tuple of Run
        In the order of the ids, each COMPLETED or ERRORED.

    Raises
    ------
    RunsFailedError
        If a run vanished or stayed in a state that says nothing.
    WatchTimeoutError
        If the time-out passes first.
    Interrupted
        On Ctrl+C; the runs go on.
    """
    reporter, clock = reporter or SilentReporter(), clock or Clock()
    watch = _watch(client, slug, run_ids, "", timeout, max_interval, reporter, clock)
    try:
        _follow(watch, reporter, on_trouble, told)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped waiting ({watch.summary}). What runs goes on.",
            hint=how_to_stop(slug),
        ) from None
    finally:
        reporter.close()
    lost = [status for status in watch.statuses if status.run is None or not status.state.is_terminal]
    if lost:
        raise RunsFailedError(
            f"{len(lost)} of {count(len(watch.statuses), 'run')} of {slug} cannot be followed to the end.",
            detail=where_they_stand(watch.statuses),
            hint=f"What the server says now: %kbench status {slug}",
        )
    return watch.runs


def wait_for_one(
    client: Client,
    slug: TaskSlug | str,
    run_ids: Iterable[int],
    *,
    before: str = "",
    timeout: float | None = None,
    max_interval: float | None = None,
    reporter: Reporter | None = None,
    clock: Clock | None = None,
    on_trouble: Callable[[Trouble], None] | None = None,
) -> frozenset[int]:
    """Follow runs in the calling thread until one of them has ended; return the ids of those that have.

    Parameters
    ----------
    before : str
        What stands before where the runs stand, in the progress line.
    timeout, max_interval, on_trouble
        As of `watch_creation`.

    Raises
    ------
    WatchTimeoutError
        If the time-out passes first.
    KeyboardInterrupt
        On Ctrl+C; the runs go on.
    """
    reporter, clock = reporter or SilentReporter(), clock or Clock()
    watch = _watch(client, slug, run_ids, before, timeout, max_interval, reporter, clock, one=True)
    try:
        _follow(watch, reporter, on_trouble)
    finally:
        reporter.close()
    return frozenset(status.run_id for status in watch.statuses if status.ended)


def _watch(
    client: Client,
    slug: TaskSlug | str,
    run_ids: Iterable[int],
    before: str,
    timeout: float | None,
    max_interval: float | None,
    reporter: Reporter,
    clock: Clock,
    *,
    one: bool = False,
) -> Watch:
    """Return a watch that says with each look where the runs stand, and ends with the first of them for `one`."""
    start = clock.now()

    def looked(watch: Watch) -> None:
        done = sum(status.ended for status in watch.statuses)
        passed = duration(clock.now() - start)
        told = "; ".join(filter(None, [before, watch.summary, watch.pace]))
        reporter.progress(f"{told} ({passed})", done, len(watch.statuses))
        if one and done:
            watch.close()

    return Watch(
        client, slug, run_ids, streams=True, timeout=timeout, max_interval=max_interval,
        on_look=looked, clock=clock,
    )  # fmt: skip


def _follow(
    watch: Watch,
    reporter: Reporter,
    on_trouble: Callable[[Trouble], None] | None,
    told: Collection[int] = (),
) -> None:
    """Follow a watch to its end, and say what is news, but for the runs of which it was `told` already."""
    outage = Outage(reporter.say, on_trouble, watch.look_now)
    with closing(watch):
        for change in watch:
            if isinstance(change, Trouble):
                outage.met(change)
                continue
            outage.over()
            if change.status.run_id not in told and (news := _news(change)):
                reporter.say(news)


def how_to_stop(slug: TaskSlug | str) -> str:
    """Say what to type after Ctrl+C, which ended the waiting and not the runs."""
    return f"Where things stand: %kbench status {slug}\nTo stop what runs: %kbench cancel {slug} --running"


def _news(change: RunChange) -> str:
    """Say a change in a line; "" where the progress line says it all."""
    status = change.status
    before = change.before.note if change.before else ""
    if status.ended:
        return f"{status.name}: {status.word}{_took(status)}{_scored(status.run)}"
    if status.note and status.note != before and status.run is not None:
        return f"{status.name}: {status.note}"
    return ""


def _scored(run: Run | None) -> str:
    value = run.score.value if run is not None and run.score is not None else None
    if isinstance(value, bool):
        return ", passed" if value else ", failed"
    return "" if value is None else f", score {score_text(value)}"


def _took(status: RunStatus) -> str:
    run = status.run
    if status.note or run is None or run.took is None:
        return f" ({status.note})" if status.note else ""
    return f" after {duration(run.took)}"
