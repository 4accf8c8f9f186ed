"""Watching runs until they end, in the calling thread, with a progress line.

Nothing here ever touches what it follows: a time-out, Ctrl+C or an error ends the watching only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    timeout: float | None = None,
    max_interval: float | None = None,
    reporter: Reporter | None = None,
    clock: Clock | None = None,
    on_trouble: Callable[[Trouble], None] | None = None,
) -> tuple[Run, ...]:
    """Follow runs to their end in the calling thread, with a progress line.

    Parameters
    ----------
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
    start = clock.now()

    def looked(watch: Watch) -> None:
        done = sum(status.ended for status in watch.statuses)
        passed = duration(clock.now() - start)
        reporter.progress(f"{watch.summary} ({passed})", done, len(watch.statuses))

    watch = Watch(
        client, slug, run_ids, streams=True, timeout=timeout, max_interval=max_interval,
        on_look=looked, clock=clock,
    )  # fmt: skip
    outage = Outage(reporter.say, on_trouble, watch.look_now)
    try:
        with closing(watch):
            for change in watch:
                if isinstance(change, Trouble):
                    outage.met(change)
                    continue
                outage.over()
                if news := _news(change):
                    reporter.say(news)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped waiting ({watch.summary}). The runs go on.",
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


def how_to_stop(slug: TaskSlug | str) -> str:
    """Say what to type after Ctrl+C, which ended the waiting and not the runs."""
    return f"Where they stand: %kbench status {slug}\nTo stop them: %kbench cancel {slug} --running"


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
    if status.note or run is None or run.start_time is None or run.end_time is None:
        return f" ({status.note})" if status.note else ""
    return f" after {duration((run.end_time - run.start_time).total_seconds())}"
