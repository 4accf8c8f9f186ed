"""Readers of log streams: one thread a run, each told apart by its run id, all closed at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kbench_jupyter.errors import KBenchError

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, LogEntry, LogStream

#: Log streams open at once: each holds a connection and a thread.
MOST = 64
#: Seconds that closing waits for the threads; closing a stream frees it at once, so they need none of it.
LINGER = 2.0


class LogReaders:
    """Reads the logs of several runs at once, `most` of them at a time; further ones wait for their turn.

    In a run's reader thread `on_entry` is called with the run id and each entry (a slow one slows only its own
    reader), and at last `on_end` with the run id and None, or the error that ended the log early. `close` ends
    readers without that. `has_ended` tells of a run id whether that run has ended: a log that is not there will then
    never come.
    """

    def __init__(
        self,
        client: Client,
        *,
        on_entry: Callable[[int, LogEntry], object],
        on_end: Callable[[int, KBenchError | None], None],
        has_ended: Callable[[int], bool] | None = None,
        most: int = MOST,
    ) -> None:
        self._client = client
        self._on_entry = on_entry
        self._on_end = on_end
        self._has_ended = has_ended or (lambda _: False)
        self._most = most
        self._lock = threading.Lock()
        self._closed = False
        self._seen: set[int] = set()
        self._waiting: deque[int] = deque()
        self._threads: dict[int, threading.Thread] = {}
        self._streams: dict[int, LogStream] = {}
        self._ended: set[int] = set()

    def open(self, run_id: int) -> None:
        """Read a run's log, now or when there is room; a second call for the same run does nothing."""
        with self._lock:
            if run_id in self._seen:
                return
            self._seen.add(run_id)
            self._waiting.append(run_id)
        self._start_next()

    def wind_up(self, run_id: int) -> None:
        """Take in that a run has ended: its log ends soon, whatever its stream does."""
        with self._lock:
            self._ended.add(run_id)
            stream = self._streams.get(run_id)
        if stream is not None:
            stream.wind_up()

    def close(self) -> None:
        """End all readers and free their connections; safe to call twice and from any thread."""
        with self._lock:
            self._closed = True
            streams, threads = list(self._streams.values()), list(self._threads.values())
        for stream in streams:
            stream.close()
        deadline = time.monotonic() + LINGER
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _start_next(self) -> None:
        with self._lock:
            if self._closed or not self._waiting or len(self._threads) >= self._most:
                return
            run_id = self._waiting.popleft()
            thread = threading.Thread(
                target=self._read, args=(run_id,), name=f"kbench-log-{run_id}", daemon=True
            )
            self._threads[run_id] = thread
            thread.start()

    def _read(self, run_id: int) -> None:
        error: KBenchError | None = None
        stream: LogStream | None = None
        try:
            stream = self._client.stream_logs(run_id, ended=lambda: self._has_ended(run_id))
            with self._lock:
                self._streams[run_id] = stream
                late, ended = self._closed, run_id in self._ended
            if late:
                return
            if ended:
                stream.wind_up()
            for entry in stream:
                if not self._closed:
                    self._on_entry(run_id, entry)
        except KBenchError as caught:
            error = caught
        finally:
            if stream is not None:
                stream.close()
            with self._lock:
                closed = self._closed
                self._streams.pop(run_id, None)
                self._threads.pop(run_id, None)
            if not closed:
                self._start_next()
                self._on_end(run_id, error)
