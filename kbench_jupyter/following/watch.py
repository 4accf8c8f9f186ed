"""Watching: runs being run and task versions being created, followed until they end.

Nothing here ever touches what it follows: a time-out, Ctrl+C or an error ends the watching only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kbench_jupyter.display.numbers import score_text
from kbench_jupyter.display.view import count, duration
from kbench_jupyter.errors import RunsFailedError
from kbench_jupyter.following.creation import watch_creation
from kbench_jupyter.following.rounds import Clock, Trouble
from kbench_jupyter.following.runs import RunChange, Watch, where_they_stand
from kbench_jupyter.following.status import Ending, RunStatus
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Reporter, SilentReporter

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Run, TaskSlug

__all__ = [
    "Ending",
    "RunChange",
    "RunStatus",
    "Trouble",
    "Watch",
    "how_to_stop",
    "wait_for_runs",
    "watch_creation",
]


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
    client : Client
    slug : TaskSlug or str
    run_ids : iterable of int
    timeout : float or None
        Seconds; None waits as long as it takes.
    max_interval : float or None
        Most seconds between two looks.
    reporter : Reporter, optional
    on_trouble : callable, optional
        Called in this thread when a look failed, before the next one, which then comes at once: a chance to
        bring the server back. What it raises ends the waiting.

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
    teller = _Teller(reporter or SilentReporter(), clock or Clock())
    watch = Watch(
        client, slug, run_ids, streams=True, timeout=timeout, max_interval=max_interval,
        on_look=teller.looked, clock=clock,
    )  # fmt: skip
    try:
        with watch:
            for change in watch:
                teller.tell(change)
                if isinstance(change, Trouble) and on_trouble is not None:
                    on_trouble(change)
                    watch.look_now()
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped waiting ({watch.summary}). The runs go on.",
            hint=how_to_stop(slug),
        ) from None
    finally:
        teller.close()
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


class _Teller:
    """Says through a reporter what a watch sees."""

    def __init__(self, reporter: Reporter, clock: Clock) -> None:
        self._reporter = reporter
        self._clock = clock
        self._start = clock.now()
        self._troubled = False

    def tell(self, change: RunChange | Trouble) -> None:
        if isinstance(change, Trouble):
            if not self._troubled:
                self._reporter.say(change.text)
            self._troubled = True
            return
        self._troubled = False
        status = change.status
        before = change.before.note if change.before else ""
        if status.ended:
            self._reporter.say(f"{status.name}: {status.word}{_took(status)}{_scored(status.run)}")
        elif status.note and status.note != before and status.run is not None:
            self._reporter.say(f"{status.name}: {status.note}")

    def looked(self, watch: Watch) -> None:
        done = sum(status.ended for status in watch.statuses)
        passed = duration(self._clock.now() - self._start)
        self._reporter.progress(f"{watch.summary} ({passed})", done, len(watch.statuses))

    def close(self) -> None:
        self._reporter.close()


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
