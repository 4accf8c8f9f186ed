"""Following the logs of many runs: what the typed and the clicked door share.

A run that is going is read from its start to its end, a queued one from the moment a watch sees it start,
so that one list call serves all of them, and ended ones a few at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kbench_jupyter.api import RunState
from kbench_jupyter.following.logs.readers import LogReaders
from kbench_jupyter.following.logs.terminal import Line, Terminal
from kbench_jupyter.following.runs import RunChange, Watch

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, LogEntry, Run, TaskSlug
    from kbench_jupyter.errors import KBenchError
    from kbench_jupyter.following.rounds import Trouble

#: Most seconds between two looks for a queued run's start.
_INTERVAL = 10.0
#: Whole logs of ended runs fetched at a time; each is in memory while it is.
_WHOLE = 4


class Follow:
    """Reads the logs of runs, each to its end; `on_entry` and `on_end` are those of `LogReaders`.

    `on_change` is called in the watch's thread when a going run stands elsewhere, and on trouble.
    """

    def __init__(
        self,
        client: Client,
        slug: TaskSlug,
        runs: Iterable[Run],
        *,
        on_entry: Callable[[int, LogEntry], None],
        on_end: Callable[[int, KBenchError | None], None],
        on_change: Callable[[RunChange | Trouble], None] | None = None,
    ) -> None:
        runs = list(runs)
        self._going = [run for run in runs if not run.state.is_terminal]
        self._ended_before = [run.id for run in runs if run.state.is_terminal]
        self._on_end = on_end
        self._on_change = on_change
        #: Of the runs that are going.
        self.watch = Watch(client, slug, [run.id for run in self._going], max_interval=_INTERVAL)
        #: Set when the watch has ended, however it did.
        self.watch_over = threading.Event()
        self._live = LogReaders(client, on_entry=on_entry, on_end=self._ended, has_ended=self._has_ended)
        self._whole = LogReaders(
            client, on_entry=on_entry, on_end=on_end, has_ended=lambda _: True, most=_WHOLE
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        for run in self._going:
            if run.state is not RunState.QUEUED:
                self._live.open(run.id)
        for run_id in self._ended_before:
            self._whole.open(run_id)
        self.watch.start(self._changed, self._watch_ended)

    def close(self) -> None:
        """End all threads and connections; callable from any thread, and twice."""
        self.watch.close()
        self._live.close()
        self._whole.close()

    def _ended(self, run_id: int, error: KBenchError | None) -> None:
        self.watch.look_now()
        self._on_end(run_id, error)

    def _has_ended(self, run_id: int) -> bool:
        ended = {status.run_id for status in self.watch.statuses if status.ended}
        return self.watch_over.is_set() or run_id in ended

    def _changed(self, change: RunChange | Trouble) -> None:
        if isinstance(change, RunChange):
            status = change.status
            if status.ended or status.state is not RunState.QUEUED:
                self._live.open(status.run_id)
            if status.ended:
                self._live.wind_up(status.run_id)
        if self._on_change is not None:
            self._on_change(change)

    def _watch_ended(self, _error: Exception | None) -> None:
        """Open the logs that were to be opened at their runs' start: nobody will tell of that any more."""
        self.watch_over.set()
        for run in self._going:
            self._live.open(run.id)


class RunLines:
    """One run's entries as lines. One thread feeds it, any may look at the lines in the making.

    Whenever something came, `on_lines` is called with the lines that were completed, perhaps none.
    """

    def __init__(self, on_lines: Callable[[list[Line]], None]) -> None:
        self._on_lines = on_lines
        self._terminal = Terminal()
        self._lock = threading.Lock()

    def feed(self, entry: LogEntry) -> None:
        """Take in an entry."""
        with self._lock:
            done = self._terminal.feed(entry)
        self._on_lines(done)

    def end(self) -> None:
        """Take in the log's end: half lines are lines now."""
        with self._lock:
            rest = self._terminal.finish()
        self._on_lines(rest)

    @property
    def unfinished(self) -> list[Line]:
        """The lines in the making, at most one a stream; drawn when asked for, since they may be long."""
        with self._lock:
            return self._terminal.unfinished
