"""Findings while one types: checked in a thread soon after each edit that the notebook mirror tells of."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from kbench_jupyter.actions import document
from kbench_jupyter.session.session import Session

log = logging.getLogger(__name__)
#: How long to rest after a check, in times of what it took: the kernel has other things to do.
_REST = 0.5


class Marking:
    """Sends one page its document's marks after each edit. Its thread lasts as long as there are edits."""

    def __init__(self, session: Session, window: str, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._session, self._window, self._send = session, window, send
        self._lock = threading.Lock()
        self._due = self._running = False
        self._any = False  # whether the page was told of some
        self._stop: Callable[[], None] | None = None

    def turn(self, *, on: bool) -> None:
        """Begin or end to look; ended, no mark is left."""
        if on and self._stop is None:
            self._stop = document.listen(self._session, self._window, self._changed)
            self._changed()
        elif not on:
            self.close()
            self._tell([])

    def close(self) -> None:
        """Look no more."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _changed(self) -> None:
        with self._lock:
            self._due = True
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._go, name="kbench-marks", daemon=True).start()

    def _go(self) -> None:
        while True:
            with self._lock:
                due, self._due = self._due, False
                if not due or self._stop is None:
                    self._running = False
                    return
            began = time.monotonic()
            try:
                found = [asdict(mark) for mark in document.marks(self._session, self._window)]
            except Exception:
                # No marks are no harm: `validate` says what is wrong with the notebook as a whole.
                log.debug("no marks", exc_info=True)
                found = []
            if self._stop is not None:
                self._tell(found)
            time.sleep((time.monotonic() - began) * _REST)

    def _tell(self, found: list[dict[str, Any]]) -> None:
        # The same marks are told again: the edit in between may have taken what was drawn of them along.
        if found or self._any:
            self._any = bool(found)
            self._send({"marks": found})
