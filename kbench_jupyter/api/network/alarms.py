"""Alarms: what is to be done when a time is over, by one thread for all exchanges of a transport.

A timer's thread for each exchange took longer to start, among many that read, than the exchange's own work.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count

#: Seconds after which it is seen that all alarms were stopped, and the thread ends.
_LOOK = 1.0


class Alarm:
    """Something to be done when `seconds` from now are over, unless it is stopped before; on the monotonic clock."""

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self.due = time.monotonic() + seconds
        self.act: Callable[[], None] | None = act

    def stop(self) -> None:
        """Let it never ring, if it has not begun to."""
        self.act = None


class Alarms:
    """Rings alarms, each in the thread of all; what they do must not take long nor raise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._set: list[tuple[float, int, Alarm]] = []
        self._number = count()  # so that two of the same moment compare
        self._thread: threading.Thread | None = None

    def set(self, seconds: float, act: Callable[[], None]) -> Alarm:
        """Have something done in so many seconds."""
        alarm = Alarm(seconds, act)
        with self._changed:
            entry = (alarm.due, next(self._number), alarm)
            heapq.heappush(self._set, entry)
            # It is there and dead in a forked process, which has none of its parent's threads.
            if self._thread is None or not self._thread.is_alive():
                # It ends by itself when the last one is due: an exchange may go on when its transport is closed.
                thread = threading.Thread(target=self._keep, name="kbench-alarms", daemon=True)
                thread.start()
                self._thread = thread
            elif self._set[0] is entry:
                self._changed.notify()
        return alarm

    def forget(self) -> None:
        """Let the thread end at once where all alarms were stopped."""
        with self._changed:
            self._drop_stopped()
            self._changed.notify()

    def _drop_stopped(self) -> None:
        self._set = [entry for entry in self._set if entry[2].act is not None]
        heapq.heapify(self._set)

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._drop_stopped()
                while self._set and (left := self._set[0][0] - time.monotonic()) > 0:
                    self._changed.wait(min(left, _LOOK))
                    self._drop_stopped()
                if not self._set:
                    self._thread = None
                    return
                act = heapq.heappop(self._set)[2].act
            if act is not None:
                act()
