"""The watch: one object for a set of run ids, used by ``--wait`` and by panels alike.

A watch only ever reads. Whatever ends it (the last run's end, a time-out, Ctrl+C, `Watch.close`), the runs
on the server go on or have ended by themselves, and `Watch.statuses` still says where they were last seen.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbench_jupyter.api import RunState
from kbench_jupyter.display.view import count, duration
from kbench_jupyter.errors import WatchTimeoutError
from kbench_jupyter.following.logs.readers import LogReaders
from kbench_jupyter.following.pace import pace
from kbench_jupyter.following.rounds import Clock, Rounds, TimeUp, Trouble
from kbench_jupyter.following.status import RunStatus, judge

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Run, TaskSlug


@dataclass(frozen=True)
class RunChange:
    """A run stands elsewhere than at the look before; `before` is None when it was first seen."""

    status: RunStatus
    before: RunStatus | None = None


class Watch:
    """Follows a set of runs of one task until each has ended.

    Iterate over it to follow in the calling thread, or call `start` to follow in a thread of its own.
    A log stream's end makes it look at once; else it looks after 2 seconds, growing to 30, and starts fast
    again after each change. One list call a look serves all runs.

    Parameters
    ----------
    run_ids : iterable of int
        Runs of the task; no other is ever looked at.
    streams : bool
        Whether to hold the log stream of each running run open, to notice its end at once.
    timeout, max_interval : float or None
        Seconds to follow, by default to the end, and most seconds between two looks, by default 30.
    on_look : callable, optional
        Called after every look, also one that changed nothing.
    on_word : callable, optional
        Called in another thread, with `streams`, once for each run id whose log has begun.
    """

    def __init__(
        self,
        client: Client,
        slug: TaskSlug | str,
        run_ids: Iterable[int],
        *,
        streams: bool = False,
        timeout: float | None = None,
        max_interval: float | None = None,
        on_look: Callable[[Watch], None] | None = None,
        on_word: Callable[[int], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._slug = slug
        self._timeout = timeout
        self._clock = clock or Clock()
        self._rounds = Rounds(timeout, max_interval, clock=self._clock)
        self._on_look = on_look
        self._lock = threading.Lock()
        self._statuses = {run_id: RunStatus(run_id) for run_id in run_ids}
        self._since: dict[int, tuple[object, float]] = {}
        self._ends: list[float] | None = None  # when runs ended, as far as that was seen
        self._busy = threading.Lock()
        self._readers: LogReaders | None = None
        self._on_word = on_word
        self._heard: set[int] = set()
        if streams:
            self._readers = LogReaders(
                client, on_entry=lambda run_id, _: self._hear(run_id), on_end=lambda *_: self.look_now()
            )

    @property
    def statuses(self) -> tuple[RunStatus, ...]:
        """Where each run was last seen, in the order of the ids."""
        with self._lock:
            return tuple(self._statuses.values())

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs as last seen, those never seen left out."""
        return tuple(status.run for status in self.statuses if status.run is not None)

    @property
    def done(self) -> bool:
        """Whether every run has ended."""
        return all(status.ended for status in self.statuses)

    @property
    def summary(self) -> str:
        """Where all runs stand, in one line: ``"2 of 5 runs ended; 1 running, 2 queued"``."""
        statuses = self.statuses
        going = Counter(status.word for status in statuses if not status.ended)
        ended = f"{len(statuses) - going.total()} of {count(len(statuses), 'run')} ended"
        return "; ".join(filter(None, [ended, ", ".join(f"{n} {word}" for word, n in going.items())]))

    @property
    def pace(self) -> str:
        """How many of many runs end a minute, and how long the rest takes, as `pace.pace` says it."""
        statuses = self.statuses
        left = sum(not status.ended for status in statuses)
        return pace(len(statuses), left, self._ends or [], self._clock.now())

    def __iter__(self) -> Iterator[RunChange | Trouble]:
        """Follow in this thread, yielding what changes, until every run has ended or `close` is called.

        Raises
        ------
        WatchTimeoutError
            If the time-out passes first.
        KBenchError
            If a look fails in a way that another look cannot mend.
        RuntimeError
            If this watch is being followed already.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("this watch is being followed already")
        try:
            yield from self._follow()
        finally:
            self._busy.release()
            if self._readers is not None:
                self._readers.close()

    def start(
        self,
        on_change: Callable[[RunChange | Trouble], None],
        on_end: Callable[[Exception | None], None],
    ) -> None:
        """Follow in a thread of its own, which calls `on_change` with each change.

        At last it calls `on_end`: with None after the last run's end or `close`, else with the error.
        """

        def follow() -> None:
            try:
                for change in self:
                    on_change(change)
            except Exception as error:  # noqa: BLE001 - handed over: a thread has nobody to raise to
                on_end(error)
            else:
                on_end(None)

        threading.Thread(target=follow, name="kbench-watch", daemon=True).start()

    def look_now(self) -> None:
        """Look at once instead of waiting on; callable from any thread."""
        self._rounds.look_now()

    def close(self) -> None:
        """Stop following and free every connection; callable from any thread."""
        self._rounds.close()
        if self._readers is not None:
            self._readers.close()

    def _hear(self, run_id: int) -> None:
        if run_id not in self._heard:
            self._heard.add(run_id)
            if self._on_word is not None:
                self._on_word(run_id)

    def _follow(self) -> Iterator[RunChange | Trouble]:
        if self.done:
            return
        try:
            for outcome in self._rounds.rounds(self._look):
                if isinstance(outcome, Trouble):
                    yield outcome
                else:
                    if outcome:
                        self._rounds.restart()
                    yield from outcome
                if self._on_look is not None:
                    self._on_look(self)
                if self.done:
                    return
        except TimeUp:
            raise WatchTimeoutError(
                f"Stopped waiting after {duration(self._timeout)}: {self.summary}.",
                detail=where_they_stand(self.statuses),
                hint=f"What runs goes on. Where things stand: %kbench status {self._slug}\n"
                "To wait longer next time: %kbench run ... --wait SECONDS (--wait alone has no limit)",
            ) from None

    def _look(self) -> list[RunChange]:
        pending = {status.run_id: status for status in self.statuses if not status.ended}
        found = self._find(pending)
        if self._rounds.closed:
            return []
        now, ends = self._clock.now(), self._ends or []
        changes = []
        for run_id, before in pending.items():
            run = found.get(run_id, before.run)
            status = judge(
                run_id, run, listed=run_id in found, seconds=self._age(run_id, found.get(run_id), now)
            )
            if status != before:
                changes.append(RunChange(status, None if before == RunStatus(run_id) else before))
            if status.ended and self._ends is not None:  # else it had ended before anybody looked
                ends.append(now)
            with self._lock:
                self._statuses[run_id] = status
            if self._readers is not None and status.state is RunState.RUNNING and not status.ended:
                self._readers.open(run_id)
        self._ends = ends
        return changes

    def _age(self, run_id: int, answer: object, now: float) -> float:
        """Return for how many seconds the server has been giving this answer on a run."""
        known = self._since.get(run_id)
        if known is None or known[0] != answer:
            known = self._since[run_id] = (answer, now)
        return now - known[1]

    def _find(self, pending: dict[int, RunStatus]) -> dict[int, Run]:
        """Find runs in the server's list, asking only for their models where all are known."""
        runs = [status.run for status in pending.values() if status.run is not None]
        models = {run.model for run in runs if run.model}
        # No filter names an agent, and an agent's run may name no model.
        known = len(runs) == len(pending) and not any(run.agent for run in runs)
        found = self._take(sorted(models) if known else [], pending.keys())
        if known and models and len(found) < len(pending):
            # Perhaps only the filter lost them: a slug may be spelled otherwise there.
            found |= self._take([], pending.keys() - found.keys())
        return found

    def _take(self, models: list[str], wanted: Iterable[int]) -> dict[int, Run]:
        missing, found = set(wanted), {}
        for run in self._client.list_runs(self._slug, models=models, deadline=self._rounds.remaining):
            if run.id in missing:
                missing.discard(run.id)
                found[run.id] = run
            if not missing or self._rounds.closed:
                break  # the pages that follow are never asked for
        return found


def where_they_stand(statuses: Iterable[RunStatus]) -> str:
    """Return a line for each run that has not completed."""
    return "\n".join(
        f"{status.name}: {status.word}" + (f" ({status.note})" if status.note else "")
        for status in statuses
        if status.ending != "completed"
    )
