"""Watching a task version until the server has created it, at the pace of a run's watch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kbench_jupyter.api import TaskSlug
from kbench_jupyter.display.view import duration
from kbench_jupyter.errors import NotFoundError, TaskNotReadyError, WatchTimeoutError
from kbench_jupyter.following.rounds import Clock, Outage, Rounds, TimeUp, Trouble
from kbench_jupyter.following.status import PATIENCE, SETTLE
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Reporter, SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from kbench_jupyter.api import Client, Task


def watch_creation(
    client: Client,
    slug: TaskSlug | str,
    version: int | None = None,
    *,
    timeout: float | None = None,
    max_interval: float | None = None,
    reporter: Reporter | None = None,
    clock: Clock | None = None,
    on_trouble: Callable[[Trouble], None] | None = None,
) -> Task:
    """Follow a task version until the server has created it or given up on it.

    A version that the server does not know yet is waited for during the first minute: a task may be
    pushed before every part of the server has heard of it.

    Parameters
    ----------
    version : int or None
        The version; None follows whatever is newest at the first look.
    timeout, max_interval : float or None
        Seconds to wait, by default as long as it takes, and most seconds between two looks, by default 30.
    on_trouble : callable, optional
        Called in this thread when a look failed, before the next one, which then comes at once: a chance to
        bring the server back. What it raises ends the waiting.

    Returns
    -------
    Task
        In a state in which creation has ended, well or badly.

    Raises
    ------
    WatchTimeoutError
        If the time-out passes first; the server goes on.
    TaskNotReadyError
        If a newer version took its place meanwhile, or its state says nothing for half an hour.
    NotFoundError
        If there is no such task.
    Interrupted
        On Ctrl+C; the server goes on.
    """
    following = _Following(client, slug, version, reporter or SilentReporter(), clock or Clock())
    rounds = Rounds(timeout, max_interval, clock=following.clock)
    outage = Outage(following.reporter.say, on_trouble, rounds.look_now)
    try:
        for outcome in rounds.rounds(lambda: following.look(rounds.remaining)):
            if isinstance(outcome, Trouble):
                outage.met(outcome)
                continue
            outage.over()
            if outcome:
                rounds.restart()
            if following.task is not None and following.task.creation_state.is_terminal:
                return following.task
    except TimeUp:
        raise WatchTimeoutError(
            f"Stopped waiting after {duration(timeout)}: {following.summary}.",
            hint=f"The server goes on with it. Where it stands: %kbench status {following.slug}",
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped waiting ({following.summary}). The server goes on with it.",
            hint=f"Where it stands: %kbench status {following.slug}",
        ) from None
    finally:
        following.reporter.close()
    raise AssertionError("unreachable: nobody closes these rounds")


class _Following:
    """The version as last seen, and since when."""

    def __init__(
        self, client: Client, slug: TaskSlug | str, version: int | None, reporter: Reporter, clock: Clock
    ) -> None:
        self.client = client
        self.slug = replace(TaskSlug.parse(slug), version=version)
        self.reporter = reporter
        self.clock = clock
        self.task: Task | None = None
        self._start = self._since = clock.now()

    @property
    def summary(self) -> str:
        state = "not seen yet" if self.task is None else self.task.creation_state.words
        version = f", version {self.slug.version}" if self.slug.version else ""
        return f"{self.slug}{version}: {state}"

    def look(self, deadline: float | None) -> bool:
        """Look once, for so many seconds at most; return whether something changed."""
        before = self.task
        try:
            task = self.client.get_task(self.slug, deadline=deadline)
        except NotFoundError:
            if before is not None or self.clock.now() - self._start >= SETTLE:
                raise
            task = None
        now = self.clock.now()
        if task is not None and not self._stale(task):
            self.task = task
            self.slug = replace(self.slug, version=self.slug.version or task.version)
        if self.task != before:
            self._since = now
        self._refuse_standstill(now - self._since)
        self.reporter.progress(f"Creating {self.summary} ({duration(now - self._start)})")
        return self.task != before

    def _stale(self, task: Task) -> bool:
        """Return whether an answer is about an older version than the one followed."""
        asked, got = self.slug.version, task.version
        if asked is None or got is None or got == asked:
            return False
        if got < asked:
            return True
        raise TaskNotReadyError(
            f"Version {got} of {self.slug} was pushed while version {asked} was being created; the server "
            "tells of the newer one only.",
            hint=f"%kbench status {self.slug}",
        )

    def _refuse_standstill(self, seconds: float) -> None:
        state = None if self.task is None else self.task.creation_state
        if state is None or state.is_terminal or state.is_pending or seconds < PATIENCE:
            return
        raise TaskNotReadyError(
            f"{self.slug} has been in the state {str(state)!r} for {duration(seconds)}, which does not say "
            "whether the server is still creating it.",
            hint=f"What the server says now: %kbench status {self.slug}",
        )
