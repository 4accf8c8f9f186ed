"""Following a version until it is created, for panels: in a thread, for as long as somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.following.creation import watch_creation
from kbench_jupyter.panels.session import PartClock, PartReporter


class CreationWatch:
    """Says how far a version's creation has come; `text` is "" while none is followed."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.text = ""
        self._tell = tell
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None

    def follow(self, client: Any, slug: str, interval: float, on_end: Callable[[str], None]) -> None:
        """Follow the newest version's creation, unless that is done already.

        Parameters
        ----------
        interval : float
            Most seconds between two looks.
        on_end : callable
            Called in the thread that follows, with "" once the creation has ended, else with why that is not known.
        """
        with self._lock:
            if self._stop is not None:
                return
            stop = self._stop = threading.Event()
        args = (stop, client, slug, interval, on_end)
        threading.Thread(target=self._go, args=args, name="kbench-creation", daemon=True).start()

    def leave(self) -> None:
        """Follow it no more."""
        with self._lock:
            stop, self._stop, self.text = self._stop, None, ""
        if stop is not None:
            stop.set()

    def _go(
        self, stop: threading.Event, client: Any, slug: str, interval: float, on_end: Callable[[str], None]
    ) -> None:
        def show(progress: Mapping[str, Any] | None = None, **_: Any) -> None:
            if progress is not None and not stop.is_set():
                self.text = f"{progress['text']}. There is no log of that, and no run until then."
                self._tell()

        reporter, clock = PartReporter(show, stop), PartClock(stop)
        problem = ""
        try:
            watch_creation(client, slug, max_interval=interval, reporter=reporter, clock=clock)
        except (KBenchError, KeyboardInterrupt) as error:
            problem = str(error)
        if not stop.is_set():
            self.leave()
            on_end(problem)
