"""The kernel's side of a log view: few messages of bounded size, whatever the runs print.

The browser holds only what it shows, so only that goes over the wire. All is sent by one thread:

* *Ticks*: at most one in 150 ms, and none when nothing changed. A tick has the states of the runs that
  changed and new lines, 64 KiB at most: those of the runs that are being looked at, and with what room is
  left the last few of others. When more is printed than fits, the older of it is left out, which the
  browser sees from the lines' numbers and asks for when it is scrolled to.
* *Answers* to the browser: lines by number (``get``), search (``find``), plain text for the clipboard
  (``text``), a file (``save``). A notebook server drops, not delays, what goes over its limit of 1000 messages a
  second (its limit of bytes is for printed text alone): no question is answered by more than 70.

The browser says ``hello`` when it begins to show the view (also after a reload), ``show`` when another run
is looked at, ``ack`` now and then. While nobody acknowledges (a closed page, or a front end whose messages
wait for a busy kernel) ticks become rare.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any

from kbench_jupyter.display.text import SIGNS
from kbench_jupyter.panels.log.buffer import LogLine
from kbench_jupyter.panels.log.export import save, text_in_parts
from kbench_jupyter.panels.log.search import Search
from kbench_jupyter.panels.log.source import LogSource, RunLog
from kbench_jupyter.panels.log.wire import CLIP, batch, open_lines, size_of

#: Seconds between two ticks, and while nobody acknowledges them.
TICK, SLOW_TICK = 0.15, 2.0
#: Ticks sent without acknowledgement before they become rare.
WINDOW = 30
#: Bytes of a message.
BATCH = 64 * 1024
#: Lines behind up to which nothing is left out.
_BEHIND = 4000
#: Last lines of a run that nobody looks at.
_GLIMPSE = 40
#: Lines sent at most for one question.
_MOST_LINES = 2000
_VIEWS = 16

_Message = dict[str, Any]


class LogPump:
    """Sends one widget what its views need, all in its own thread."""

    def __init__(self, source: LogSource, send: Callable[[_Message], None]) -> None:
        self._source = source
        self._send = send
        self._changed: set[int] = set()
        self._requests: deque[_Message] = deque()
        self._jobs: deque[Generator[None, None, None]] = deque()
        self._views: dict[str, int] = {}
        self._sent: dict[int, int] = dict.fromkeys(source.runs, 0)
        self._searches: dict[int, Search] = {}
        self._tick = self._acknowledged = 0
        self._ticked_at = float("-inf")
        self._closed = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="kbench-log-view", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._source.listen(self.wake)
        self._thread.start()

    def close(self) -> None:
        """End the thread; callable from any."""
        self._source.ignore(self.wake)
        with self._news:
            self._closed = True
            self._news.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2)

    def wake(self, run_id: int) -> None:
        """Note that something came of a run; cheap, since it is called for every entry."""
        if run_id not in self._changed:
            with self._news:
                self._changed.add(run_id)
                self._news.notify_all()

    def receive(self, content: Any) -> None:
        """Take a message of the browser; it is answered in the pump's thread."""
        if isinstance(content, dict):
            with self._news:
                self._requests.append(content)
                self._news.notify_all()

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._closed and not self._requests and not self._jobs:
                    left = self._due()
                    if left is not None and left <= 0:
                        break
                    self._news.wait(left)
                if self._closed:
                    break
                requests, self._requests = self._requests, deque()
            for request in requests:
                self._answer(request)
            self._work()
            left = self._due()
            if left is not None and left <= 0:
                self._send_tick()
        for job in self._jobs:
            job.close()

    def _due(self) -> float | None:
        """Return in how many seconds a tick is due; None when there is nothing to tell, or nobody."""
        if not self._changed or not self._views:
            return None
        pace = TICK if self._tick - self._acknowledged < WINDOW else SLOW_TICK
        return self._ticked_at + pace - time.monotonic()

    # -- Ticks

    def _send_tick(self) -> None:
        with self._news:
            changed, self._changed = self._changed, set()
        self._tick += 1
        self._ticked_at = time.monotonic()
        shown = [run_id for run_id in dict.fromkeys(self._views.values()) if run_id in changed]
        room = BATCH - 200 * len(changed)
        batches = []
        for run_id in [*shown, *sorted(changed.difference(shown))]:
            piece = self._new_lines(run_id, room, looked_at=run_id in shown)
            if piece is not None:
                batches.append(piece)
                room -= size_of(piece)
        states = [self._state(self._source.runs[run_id]) for run_id in sorted(changed)]
        self._send({"t": "tick", "tick": self._tick, "runs": states, "lines": batches})

    def _new_lines(self, run_id: int, room: int, *, looked_at: bool) -> _Message | None:
        buffer, start = self._source.runs[run_id].buffer, self._sent.get(run_id, 0)
        total = len(buffer)
        behind = total - start
        if behind <= 0 or room < 2 * CLIP:
            if not looked_at:
                self._sent[run_id] = total
            return None
        if not looked_at:
            self._sent[run_id] = total
            start = max(start, total - _GLIMPSE)
            return batch(run_id, start, buffer.read(start, _GLIMPSE), room // 2)
        if behind > _BEHIND:
            start = total - _tail_that_fits(buffer.read(total - 1000, 1000), room)
        piece = batch(run_id, start, buffer.read(start, min(total - start, _BEHIND)), room)
        self._sent[run_id] = start + len(piece["k"])
        if self._sent[run_id] < total:
            self._changed.add(run_id)  # the rest comes with the next tick
        return piece

    def _state(self, log: RunLog) -> _Message:
        # What is being looked at ends where its lines do; the browser would show empty rows otherwise.
        looked_at = log.run_id in self._views.values()
        return {
            "id": log.run_id,
            "model": log.model,
            "version": log.version,
            "n": self._sent.get(log.run_id, 0) if looked_at else len(log.buffer),
            "state": log.state,
            "tone": log.tone,
            "sign": SIGNS.get(log.tone, ""),
            "done": log.done,
            "problem": log.problem[:500],
            "open": open_lines(log.open_lines),
        }

    # -- Answers

    def _answer(self, request: _Message) -> None:
        handler = getattr(self, f"_do_{request.get('t')}", None)
        try:
            if handler is not None:
                handler(request)
        except (KeyError, TypeError, ValueError):
            return  # not a message of our front end

    def _work(self) -> None:
        if self._jobs:
            job = self._jobs.popleft()
            with suppress(StopIteration):
                next(job)
                self._jobs.append(job)

    def _do_hello(self, request: _Message) -> None:
        self._acknowledged = self._tick
        self._look(request)
        logs = list(self._source.runs.values())  # others may join meanwhile
        self._sent = {log.run_id: len(log.buffer) for log in logs}
        states = [self._state(log) for log in logs]
        for first in range(0, len(states), 100):
            message = {"t": "runs", "task": self._source.task, "runs": states[first : first + 100]}
            self._send(message | {"tick": self._tick, "view": request.get("view")})

    def _do_show(self, request: _Message) -> None:
        self._look(request)
        run_id = int(request["run"])
        log = self._source.runs[run_id]
        self._sent[run_id] = len(log.buffer)
        self.wake(run_id)

    def _look(self, request: _Message) -> None:
        self._views.pop(view := str(request["view"]), None)
        run_id = request.get("run")
        self._views[view] = run_id if run_id in self._source.runs else self._source.first
        if len(self._views) > _VIEWS:  # pages that were closed without a word
            self._views.pop(next(iter(self._views)))

    def _do_bye(self, request: _Message) -> None:
        self._views.pop(str(request["view"]), None)

    def _do_ack(self, request: _Message) -> None:
        self._acknowledged = min(self._tick, int(request["tick"]))

    def _do_get(self, request: _Message) -> None:
        run_id, start = int(request["run"]), max(0, int(request["from"]))
        count = min(int(request["count"]), _MOST_LINES)
        lines = self._source.runs[run_id].buffer.read(start, count)
        self._send(batch(run_id, start, lines, BATCH) | {"t": "lines", "id": request.get("id")})

    def _do_find(self, request: _Message) -> None:
        run_id, text, errors = int(request["run"]), str(request["q"])[:1000], request.get("errors") is True
        search = self._searches.pop(run_id, None)
        if search is None or (search.text, search.errors) != (text, errors):
            search = Search(self._source.runs[run_id].buffer, text, errors=errors)
        self._searches[run_id] = search
        while len(self._searches) > _VIEWS:
            self._searches.pop(next(iter(self._searches)))
        search.update()
        place = search.step(int(request["from"]), int(request["dir"]))
        self._send(
            {
                "t": "found", "id": request.get("id"), "run": run_id, "q": text, "total": len(search),
                "place": place, "line": None if place is None else search.line(place),
            }
        )  # fmt: skip

    def _do_text(self, request: _Message) -> None:
        self._jobs.append(self._text_job(request, self._source.runs[int(request["run"])]))

    def _text_job(self, request: _Message, log: RunLog) -> Generator[None, None, None]:
        answer = {"t": "text", "id": request.get("id"), "run": log.run_id}
        for part in text_in_parts(log.buffer, BATCH // 4):  # characters take up to four bytes
            self._send(answer | part)
            yield

    def _do_save(self, request: _Message) -> None:
        self._jobs.append(self._save_job(request, self._source.runs[int(request["run"])]))

    def _save_job(self, request: _Message, log: RunLog) -> Generator[None, None, None]:
        answer = {"t": "saved", "id": request.get("id"), "run": log.run_id}
        try:
            path, lines = yield from save(log.buffer, f"{self._source.task}-{log.model}-{log.run_id}")
        except OSError as error:
            self._send(answer | {"problem": f"Not saved: {error.strerror or error}"})
        else:
            self._send(answer | {"path": path.name, "folder": str(path.parent), "lines": lines})


def _tail_that_fits(lines: Iterable[LogLine], room: int) -> int:
    count = 0
    for line in reversed(list(lines)):
        room -= size_of(line.text[:CLIP]) + 2
        if room < 0:
            break
        count += 1
    return max(1, count)
