"""Log streams: a run's entries as they are written, through every cut of the connection.

While a run is going the server streams events; once it has ended it answers with the whole log. A cut
stream is opened again, `kbench_jupyter.api.logs.replay` tells what of it is new, and at the end the persisted
log settles what was missed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, Self

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.logs.entries import entries_of, joined, open_log, persisted_items
from kbench_jupyter.api.logs.events import EventParser
from kbench_jupyter.api.logs.replay import Ledger
from kbench_jupyter.api.logs.settling import Settling
from kbench_jupyter.api.transport import Cancel, Response, TransportFault
from kbench_jupyter.api.values.runs import LogEntry
from kbench_jupyter.errors import (
    ApiError,
    KBenchError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
    may_pass,
)

_KEEPALIVES = frozenset({"ping", "keepalive", "heartbeat"})


class LogStream:
    """A run's log, as an iterator of entries that ends when the log does.

    Made by `Client.stream_logs`, which says what the parameters mean. One thread iterates; `close` may be
    called from any. Also a context manager.

    Raises
    ------
    NotFoundError
        From the iteration: there is no such run, or no log within `start_timeout`.
    ApiError, CredentialsError, TransportError
        From the iteration: the server refuses, or cannot be reached any more.
    """

    def __init__(
        self,
        caller: Caller,
        run_id: int,
        *,
        wait_for_start: bool = True,
        start_timeout: float | None = None,
        ended: Callable[[], bool] | None = None,
        joined: bool = False,
    ) -> None:
        self.run_id = run_id
        self.settled = False  #: whether the persisted log was seen, so that nothing is missing
        self.reconnects = 0  #: how often the stream was opened again
        self.received = 0  #: entries received so far, those sent twice included
        self._started = False
        self._caller = caller
        self._wait_for_start = wait_for_start
        self._start_timeout = start_timeout
        self._run_ended = ended or (lambda: False)
        self._joined = joined
        self._cancel = Cancel()
        self._turn = threading.Lock()  # held by whoever runs the generator
        self._ledger = Ledger()
        self._settling: Settling | None = None
        self._last_id = ""
        self._retry: float | None = None
        self._at_end = False  # END_OF_LOG was seen, or the run has ended: only the persisted log is awaited
        self._told_end = False  # END_OF_LOG was seen
        self._ends = 0  # connections since then, but for those that brought more of the persisted log
        self._furthest = 0  # items of the persisted log that were read
        self._awaited_since: float | None = None
        self._problem: KBenchError | None = None  # why it could not be read, the last time
        self._inside = False  # a connection broke off inside an entry
        self._winding_up = threading.Event()
        self._over = threading.Event()
        self._exchange = Cancel()
        self._streaming: Cancel | None = None  # the exchange whose stream is being read
        self._entries = self._follow()

    def __iter__(self) -> Iterator[LogEntry]:
        return self

    def __next__(self) -> LogEntry:
        with self._turn:
            try:
                return next(self._entries)
            finally:
                if self.closed:  # by another thread, which must not touch a generator that is running
                    self._entries.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._cancel.is_set

    @property
    def going(self) -> bool:
        """Whether a stream was opened, and neither has come to the log's end nor gave way to the whole log."""
        return self._started and not self._at_end and self._awaited_since is None

    def close(self) -> None:
        """End the iteration and free the connection at once; callable from any thread."""
        self._cancel.cancel()
        self._over.set()  # an iteration that never began does not come to its end
        # Only when no thread is in the iteration: CPython does not bear a generator closed while another
        # thread runs it. That thread finds the cancelled exchange, and closes the generator itself.
        if self._turn.acquire(blocking=False):
            try:
                self._entries.close()
            finally:
                self._turn.release()

    def wind_up(self) -> None:
        """Take in that the run has ended: what is still streamed ends soon; callable from any thread."""
        if not self._winding_up.is_set():
            self._winding_up.set()
            threading.Thread(target=self._farewell, name="kbench-log-end", daemon=True).start()

    def _farewell(self) -> None:
        """End a stream that brings nothing new any more, so that the persisted log is asked for."""
        limits = self._caller.limits
        began = came = self._caller.clock()
        known = len(self._ledger)
        while not self._over.wait(limits.farewell / 10):
            now = self._caller.clock()
            if len(self._ledger) > known:
                known, came = len(self._ledger), now
            if now - came >= limits.farewell or now - began >= limits.deadline:
                self._at_end, came = True, now
                streaming = self._streaming
                if streaming is not None:
                    streaming.cancel()

    def _follow(self) -> Generator[LogEntry, None, None]:
        try:
            yield from self._connections()
        finally:
            self._over.set()

    def _connections(self) -> Generator[LogEntry, None, None]:
        fruitless = 0
        while not self.closed:
            response = self._open()
            if response is None:
                break
            before = len(self._ledger)
            with response:
                if not response.is_event_stream:
                    done = yield from self._settle(response)
                    if done:
                        return
                else:
                    yield from self._events(response)
            if self._at_end:
                self._ends += 1
                self._awaited_since = self._awaited_since or self._caller.clock()
            fruitless = 0 if len(self._ledger) > before and not self._at_end else fruitless + 1
            if self.closed or self._ends >= self._caller.limits.log_looks or self._left() == 0:
                break
            self._pause(fruitless)
            self.reconnects += not self._at_end
        # What came after the last connection is missing, unless that one told that it was all.
        missing = not self._told_end or not len(self._ledger)
        if self._problem is not None and missing and not self.closed:
            raise self._problem

    def _left(self) -> float | None:
        """Return the seconds that are left to get the persisted log, None before it is awaited."""
        if self._awaited_since is None:
            return None
        limits = self._caller.limits
        return max(0.0, limits.deadline - (self._caller.clock() - self._awaited_since))

    def _pause(self, fruitless: int) -> None:
        limits = self._caller.limits
        pause = limits.pause(max(1, fruitless), self._caller.rand)
        if self._at_end:
            pause = min(pause, limits.backoff)  # only the persisted log is awaited
        elif self._retry is not None:
            pause = max(pause, min(self._retry, limits.retry_after_cap))
        self._cancel.wait(pause)

    def _events(self, response: Response) -> Iterator[LogEntry]:
        parser = EventParser(self._last_id)
        if self._started:
            self._ledger.reconnect(inside=self._inside)
        if self._settling is not None and not self._settling.passed:
            self._settling = None  # a failure under 200 made it, before what this stream brings was known
        self._started, self._streaming = True, self._exchange
        try:
            for piece in response.iter_bytes():
                for event in parser.feed(piece):
                    self._last_id = event.id
                    if not event.data or event.type in _KEEPALIVES:
                        continue
                    for entry in entries_of(event.data):
                        if entry is None:
                            self._at_end = self._told_end = True
                            return
                        self.received += 1
                        yield from self._ledger.take(entry)
                self._retry = parser.retry if parser.retry is not None else self._retry
        except TransportFault as fault:
            if not fault.retryable and not self._exchange.is_set:
                raise
            return  # cut, or silent for too long: opened again, unless closed
        finally:
            self._streaming = None
            self._inside = self._inside or parser.inside

    def _settle(self, response: Response) -> Generator[LogEntry, None, bool]:
        """Yield what the persisted log adds; return whether that was the end."""
        self._awaited_since = self._awaited_since or self._caller.clock()
        before = self._furthest
        try:
            return (yield from self._settled(response))
        except (TransportFault, ServerError, RateLimitError) as problem:  # the last two under a status of 200
            if self.closed:
                return True
            if self._furthest > before:  # a server does not wait for ever for who reads a long log slowly
                self._ends = 0
            if not may_pass(problem) or self._ends + 1 >= self._caller.limits.log_looks or not self._left():
                raise
            self._problem = problem
            self._at_end = True  # the run has ended: the whole log is all that is left to get
            return False

    def _settled(self, response: Response) -> Generator[LogEntry, None, bool]:
        settling = self._settling
        if settling is None or not settling.caught_up:  # it may be another log by now
            self._settling = settling = Settling(self._ledger)
        skip = settling.passed
        for items in persisted_items(self._caller, response):
            fresh, skip = items[skip:], max(0, skip - len(items))
            yield from self._compared(settling, fresh)
            settling.passed += len(fresh)
            if settling.passed > self._furthest:
                self._furthest, self._awaited_since = settling.passed, self._caller.clock()
        # Right after the end the persisted log may not be complete yet.
        if settling.is_short() and self._ends + 1 < self._caller.limits.looks:
            self._at_end = True
            return False
        yield from settling.finish()
        self.settled = True
        return True

    def _compared(self, settling: Settling, items: list[Any]) -> Iterator[LogEntry]:
        if settling.caught_up:
            yield from joined(items) if self._joined else map(LogEntry.from_wire, items)
            return
        for item in items:
            yield from settling.feed(LogEntry.from_wire(item))

    def _open(self) -> Response | None:
        """Return the answer once there is one; None when there is nothing to come."""
        caller, limits = self._caller, self._caller.limits
        began, pause, failures = caller.clock(), limits.poll, 0
        while not self.closed:
            try:
                self._exchange = Cancel()
                self._cancel.attach(self._exchange.cancel)
                return open_log(caller, self.run_id, self._exchange, self._last_id, self._left())
            except KBenchError as error:
                problem = error
            if self.closed:
                return None
            if self._at_end and isinstance(problem, ApiError | TransportError):
                never_began = isinstance(problem, NotFoundError) and not len(self._ledger)
                if not (never_began and self._run_ended()):
                    self._problem = problem
                return None  # the stream came to its end; only settling was left
            waited = caller.clock() - began
            if not isinstance(problem, NotFoundError):
                failures += 1
                # A log that has begun outlives its server's restart, as the watch of its run does.
                lasting = waited >= limits.outage or self._run_ended()
                if not self._started or not may_pass(problem) or lasting:
                    raise problem
                self._cancel.wait(limits.pause(failures, caller.rand))
                continue
            if self._run_ended():
                return None
            if not self._wait_for_start or (
                self._start_timeout is not None and waited >= self._start_timeout
            ):
                raise problem
            left = pause if self._start_timeout is None else max(0.0, self._start_timeout - waited)
            self._cancel.wait(min(pause, left))
            pause = min(limits.poll_cap, pause * 1.6)
        return None
