"""Doubles for the tests of watching: a clock that only waits when told, a client that answers a script."""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime

from kbench_jupyter.api import Run, RunState, TaskSlug


def run(run_id, state="RUNNING", model="m1", version=1, **fields):
    if state == "COMPLETED":
        fields.setdefault("start_time", datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC))
        fields.setdefault("end_time", datetime(2026, 1, 1, 12, 0, 9, tzinfo=UTC))
    return Run(run_id, TaskSlug("quiz", version=version), model, RunState(state), **fields)


class FakeClock:
    """Time passes only while somebody waits; `at` makes something happen at a moment of it."""

    def __init__(self):
        self.time = 0.0
        self.waits = []
        self._agenda = []

    def now(self):
        return 5_000 + self.time  # no clock begins when a watch does

    def at(self, time, action):
        self._agenda.append((time, action))
        self._agenda.sort(key=lambda item: item[0])

    def wait(self, event, seconds):
        end = self.time + seconds
        start = self.time
        while not event.is_set() and self._agenda and self._agenda[0][0] <= end:
            self.time, action = self._agenda.pop(0)
            action()
        if not event.is_set():
            self.time = end
        self.waits.append(round(self.time - start, 3))


class FakeStream:
    """A log stream whose entries and end come when the test says so."""

    END = object()

    def __init__(self):
        self.entries = queue.SimpleQueue()
        self.closed = threading.Event()
        self.wound_up = threading.Event()

    def end(self):
        self.entries.put(self.END)

    def wind_up(self):
        self.wound_up.set()

    def __iter__(self):
        while (entry := self.entries.get()) is not self.END:
            if isinstance(entry, Exception):
                raise entry
            yield entry

    def close(self):
        self.closed.set()
        self.entries.put(self.END)


class FakeClient:
    """Answers each list of runs with the next of `looks`, the last for ever; an exception is raised.

    A look may be a callable, called at the moment of looking.
    """

    def __init__(self, *looks):
        self.looks = list(looks)
        self.asked = []
        self.streams = {}
        self.opened = threading.Event()

    def _next(self):
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        look = look() if callable(look) else look
        if isinstance(look, BaseException):
            raise look
        return look

    def list_runs(self, slug, *, models=(), deadline=None):
        self.asked.append(tuple(models))
        for item in self._next():
            if not models or item.model in models:
                yield item

    def get_task(self, slug, *, deadline=None):
        self.asked.append(slug)
        return self._next()

    def stream_logs(self, run_id, **options):
        stream = self.streams[run_id] = FakeStream()
        self.opened.set()
        return stream


class Said:
    """A reporter that keeps what it is told."""

    withheld = 0

    def __init__(self):
        self.lines = []
        self.progressed = []
        self.written = []
        self.closed = 0

    def say(self, text):
        self.lines.append(text)

    def progress(self, text, done=None, total=None):
        self.progressed.append((text, done, total))

    def write(self, text, stream="stdout"):
        self.written.append((text, stream))

    def close(self):
        self.closed += 1
