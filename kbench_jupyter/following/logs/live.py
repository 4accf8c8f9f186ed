"""Following the logs of runs that are going: all at once, from their start to their end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kbench_jupyter.api import RunState
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.following.logs.follow import Follow
from kbench_jupyter.following.rounds import Outage, Trouble

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, LogEntry, Run, TaskSlug
    from kbench_jupyter.following.logs.screen import Screen
    from kbench_jupyter.following.runs import RunChange
    from kbench_jupyter.session.session import Reporter

#: Characters on their way from the readers to the screen; beyond that, readers wait, and the server with them.
_ROOM = 1_000_000
#: Seconds for which lines are gathered before they are shown.
_BATCH = 0.1
#: Seconds after which a wait for entries looks around, for Ctrl+C on Windows.
_TURN = 0.5
#: Seconds given to the runs' states to catch up with the ends of their logs.
_FAREWELL = 2.5

_Item = tuple[int, "LogEntry | KBenchError | None"]


class Belt:
    """Carries entries from the readers' threads to the screen's, at most `room` characters at a time."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._items: deque[_Item] = deque()
        self._load = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, run_id: int, item: LogEntry | KBenchError | None) -> None:
        """Put something on, waiting for room; dropped once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._load < self._room or self._closed)
            self._items.append((run_id, item))
            self._load += _weight(item)
            self._changed.notify_all()

    def get(self, timeout: float) -> _Item | None:
        """Take the next thing off; None when nothing comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout):
                return None
            run_id, item = self._items.popleft()
            self._load -= _weight(item)
            self._changed.notify_all()
            return run_id, item

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _weight(item: LogEntry | KBenchError | None) -> int:
    # An entry takes some memory of its own, however short its text.
    return 300 + (0 if item is None or isinstance(item, KBenchError) else len(item.data))


class LiveLogs:
    """The logs of going runs, read at once and shown in the calling thread.

    The reporter is told when nothing is going yet, and when the server cannot be asked. Each time it cannot,
    `on_trouble` is called in the thread that shows, and may bring the server back.
    """

    def __init__(
        self,
        client: Client,
        slug: TaskSlug,
        runs: Sequence[Run],
        reporter: Reporter,
        on_trouble: Callable[[object], None] | None = None,
    ) -> None:
        self._runs = {run.id: run for run in runs}
        self._reporter = reporter
        self._open = set(self._runs)
        self._belt = Belt()
        self.errors: dict[int, KBenchError] = {}
        self._troubles: deque[Trouble] = deque(maxlen=1)  # from the watch's thread
        self._follow = Follow(
            client, slug, runs, on_entry=self._belt.put, on_end=self._belt.put, on_change=self._changed
        )
        self._outage = Outage(reporter.say, on_trouble, self._follow.watch.look_now)

    @property
    def runs(self) -> dict[int, Run]:
        """The runs as last seen, by id."""
        return self._runs | {run.id: run for run in self._follow.watch.runs}

    def show(self, screen: Screen) -> None:
        """Show the logs until each has ended.

        Ctrl+C, or any other exception in this thread, closes everything and goes through.
        """
        queued = [run for run in self._runs.values() if run.state is RunState.QUEUED]
        if queued and len(queued) == len(self._runs):
            self._reporter.say("Nothing has started yet: waiting for the first line.")
        try:
            self._follow.start()
            while self._open:
                self._take(screen)
                if self._troubles:
                    self._outage.met(self._troubles.popleft())
            self._follow.watch_over.wait(_FAREWELL)
        finally:
            self._belt.close()
            self._follow.close()

    def _changed(self, change: RunChange | Trouble) -> None:
        if isinstance(change, Trouble):
            self._troubles.append(change)
        else:
            self._outage.over()

    def _take(self, screen: Screen) -> None:
        """Show what comes within one batch's time."""
        deadline = None
        while self._open:
            left = _TURN if deadline is None else deadline - time.monotonic()
            if left <= 0:
                break
            taken = self._belt.get(left)
            if taken is None:
                break
            run_id, item = taken
            deadline = deadline or time.monotonic() + _BATCH
            if item is None or isinstance(item, KBenchError):
                screen.end(run_id)
                self._open.discard(run_id)
                if item is not None:
                    self.errors[run_id] = item
            else:
                screen.feed(run_id, item)
        screen.flush()
