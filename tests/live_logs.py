"""Logs of a `FaultServer` that grow when a test says so."""

from __future__ import annotations

import json
import threading
from contextlib import suppress

import faults

from kbench_jupyter.following.logs.terminal import Terminal


def lines_of(entries):
    """Yield the lines of a whole log, as a terminal would show them."""
    terminal = Terminal()
    for entry in entries:
        yield from terminal.feed(entry)
    yield from terminal.finish()


def entry(data, stream="stdout", time=None):
    return {"stream_name": stream, "data": data} | ({} if time is None else {"time": time})


class GrowingLog:
    """One run's log: streamed while it grows, whole once it has ended."""

    def __init__(self):
        self._entries = []
        self._ended = False
        self._changed = threading.Condition()

    def write(self, data, stream="stdout"):
        with self._changed:
            self._entries.append(entry(data, stream, time=len(self._entries) / 100))
            self._changed.notify_all()
        return self

    def write_all(self, texts):
        """Write many entries at once."""
        with self._changed:
            self._entries += [entry(data, time=n / 100) for n, data in enumerate(texts)]
            self._changed.notify_all()

    def end(self):
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        return self

    def __call__(self, exchange):
        with self._changed:
            whole = json.dumps(self._entries).encode() if self._ended else None
        if whole is not None:
            exchange.answer(200, dict(faults.JSON), whole)
            return
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        sent = 0
        with suppress(OSError):
            while not exchange.server.stopping.is_set():
                with self._changed:
                    self._changed.wait_for(lambda: len(self._entries) > sent or self._ended, 0.2)  # noqa: B023
                    fresh, ended = self._entries[sent:], self._ended
                sent += len(fresh)
                exchange.send(faults.sse(fresh, end=ended) or b": keepalive\n\n")
                if ended:
                    break
        exchange.hang_up()


class LogServer(faults.FaultServer):
    """A server whose runs' logs a test writes: ``server.add(1, "m1").write("hello\\n")``."""

    def __init__(self):
        super().__init__()
        self.logs = {}
        self.log = self._log

    def add(self, run_id, model="m1", state="RUNNING", task="quiz"):
        if task not in self.api.tasks:
            self.api.add_task(task)
        self.api.runs.append(
            {
                "id": run_id,
                "taskSlug": {"ownerSlug": "me", "taskSlug": task, "versionNumber": 1},
                "modelVersionSlug": model,
                "state": f"BENCHMARK_TASK_RUN_STATE_{state}",
            }
        )
        self.logs[run_id] = GrowingLog()
        if state in ("COMPLETED", "ERRORED"):
            self.logs[run_id].end()
        return self.logs[run_id]

    def set_state(self, run_id, state):
        with self.api.lock:
            for run in self.api.runs:
                if run["id"] == run_id:
                    run["state"] = f"BENCHMARK_TASK_RUN_STATE_{state}"

    def _log(self, exchange):
        self.logs[exchange.seen.json["runId"]](exchange)
