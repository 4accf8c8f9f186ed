"""A desk: questions answered one after the other, in a thread that lasts as long as there are any."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Desk:
    """Does work off the kernel's own thread, in the order it was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = self._closed = False

    def ask(self, work: Callable[[], None]) -> None:
        """Do `work` once what was asked before is done; from any thread."""
        with self._lock:
            if self._closed:
                return
            self._waiting.append(work)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._go, name="kbench-samples", daemon=True).start()

    def close(self) -> None:
        """Begin nothing any more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _go(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                work = self._waiting.popleft()
            work()
