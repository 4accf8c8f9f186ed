"""The runs of the notebook's task as counts, and a word when the last of them has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.watches import TaskWatch, at_watch, task_watch
from kbench_jupyter.session.session import Session


class Runs:
    """Follows the runs of the task that the notebook stores, or else was pushed last, and sends what changed.

    Nothing is started for it: where no server is known, or none answers, there is nothing to say. It follows by the
    task's own watch, which panels share, so that the server is asked no more often.
    """

    def __init__(self, session: Session, quiet: Session, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._session, self._quiet, self._send = session, quiet, send
        self._lock = threading.Lock()
        self._watch: TaskWatch | None = None
        self._told: dict[str, Any] = {}
        self._going = 0
        self._closed = False
        self._end = at_watch(session, self._made)

    def look(self) -> None:
        """Ask the server where the runs stand, in the calling thread, and follow those that go on."""
        with suppress(KBenchError):
            slug = self._slug()
            if not slug:
                return
            self._quiet.target(start=False)  # raises where none runs
            watch = task_watch(self._session, slug)
            watch.refresh()
            self._turn_to(watch)
            self._moved()

    def _made(self, watch: TaskWatch) -> None:
        """Count the runs that a panel has begun to follow: clicks alone bring a task to its server, and its runs."""
        if self._watch is None or self._watch.slug == watch.slug:
            self._turn_to(watch)

    def _turn_to(self, watch: TaskWatch) -> None:
        with self._lock:
            if self._closed:
                return
            before, self._watch = self._watch, watch
            if before is not watch:
                self._going = 0
        if before is not None and before is not watch:
            before.ignore(self._moved)
        watch.listen(self._moved)

    def close(self) -> None:
        """Follow nothing any more."""
        self._end()
        with self._lock:
            self._closed = True
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.ignore(self._moved)

    def _slug(self) -> str:
        with suppress(KBenchError):
            if slug := choose_task(self._quiet, required=False).slug:
                return slug
        return self._session.pushed

    def _moved(self) -> None:
        with self._lock:
            if self._watch is None or self._watch.task is None:
                return
            statuses = self._watch.newest
            going = sum(not status.ended for status in statuses)
            failed = sum(status.ended and status.ending != "completed" for status in statuses)
            ended = len(statuses) - going
            told = {"task": self._watch.slug, "going": going, "failed": failed, "ended": ended}
            changed, over = told != self._told, self._going > 0 and not going
            self._told, self._going = told, going
        if changed:
            self._send({"runs": told})
        if over:
            completed = ended - failed
            self._send({"over": {"task": told["task"], "completed": completed, "failed": failed}})
