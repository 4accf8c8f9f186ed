"""One HTTP exchange: what goes out, what comes back, and what may go wrong in between.

A transport is anything that takes a `Request` and returns a `Response`, so a test hands the client a
function. Retries, redirects and the meaning of an answer are decided above (`calls`, `answers`); the
transport of real life is `kbench_jupyter.api.network.pooled.PooledTransport`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kbench_jupyter.errors import TransportError

STRIDE = 1 << 18  # bytes: a line that takes two minutes for them moves 2 kB a second


class TransportFault(TransportError):
    """An exchange that gave no usable answer.

    Parameters
    ----------
    message : str
        What happened, without the address' query or any header.
    maybe_processed : bool
        Whether the server may have acted on the request; False only when it surely never got it.
    retryable : bool
        Whether another try could end differently.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self, message: str, *, maybe_processed: bool = True, retryable: bool = True, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.maybe_processed = maybe_processed
        self.retryable = retryable


class Headers(Mapping[str, str]):
    """HTTP header fields; names compare without regard to case."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = {name.lower(): value for name, value in (fields or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Cancel:
    """A way for another thread to end an exchange at once, before or after its answer began.

    Whoever holds something blocking (a socket) attaches how to unblock it, and detaches it before letting
    go of it, so that a late cancel never hits somebody else's exchange.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unblock: Callable[[], None] | None = None
        self._event = threading.Event()

    @property
    def is_set(self) -> bool:
        """Whether the exchange was cancelled."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, but only until the exchange is cancelled."""
        self._event.wait(seconds)

    def attach(self, unblock: Callable[[], None]) -> None:
        """Register what to call on cancel, instead of what was registered before."""
        with self._lock:
            self._unblock = unblock
            if self.is_set:
                unblock()

    def detach(self) -> None:
        """Forget what was registered."""
        with self._lock:
            self._unblock = None

    def cancel(self) -> None:
        """End the exchange; harmless when it has already ended."""
        # Unblocking under the lock: once `detach` has returned, nothing is called any more.
        with self._lock:
            self._event.set()
            if self._unblock is not None:
                self._unblock()


@dataclass(frozen=True, repr=False)
class Request:
    """What goes out; all times in seconds."""

    method: str
    url: str  # absolute
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # already encoded
    connect_timeout: float = 10.0
    read_timeout: float = 30.0  # for the next bytes
    total_timeout: float | None = None  # for the whole exchange, which a slow drip does not extend
    header_timeout: float | None = None  # until the answer's header has come, likewise
    stream_timeout: float | None = None  # for the next bytes of an event stream, in place of `read_timeout`
    pace: float | None = None  # for each further `STRIDE` bytes of a body that is no event stream
    fresh: bool = False  # over a connection that nothing went over before: one that was kept may be dead
    cancel: Cancel | None = field(default=None, compare=False)  # lets another thread end the exchange

    def __repr__(self) -> str:
        # Neither headers nor query: the one holds the credential, the other may hold a signature.
        return f"Request({self.method} {self.url.partition('?')[0]})"


class Response:
    """What comes back; its body, whole or in pieces as they arrive, is read at most once.

    `on_close` frees what the body is read from.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        *,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self._pieces: Iterable[bytes] = (body,) if isinstance(body, bytes) else body
        self._on_close = on_close

    @property
    def content_type(self) -> str:
        """The media type, lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body as it arrives; `TransportFault` if it breaks off, or nothing comes in time."""
        return filter(None, self._pieces)

    def read(self, most: int | None = None) -> bytes:
        """Return the whole body and free the connection; `TransportFault` if it is more than `most` bytes."""
        body = bytearray()
        with self:
            for piece in self.iter_bytes():
                body += piece
                if most is not None and len(body) > most:
                    raise TransportFault(
                        f"The server's answer is larger than {most:,} bytes; it was not read further.",
                        retryable=False,
                        hint="Something else than the Benchmarks API may have answered: %kbench target shows"
                        " the address.",
                    )
        return bytes(body)

    @property
    def is_event_stream(self) -> bool:
        """Whether the body is events that come as they happen."""
        return self.content_type == "text/event-stream"

    def close(self) -> None:
        """Free the connection; safe to call twice."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Transport(Protocol):
    """Anything that exchanges a request for a response; a plain function will do."""

    def __call__(self, request: Request, /) -> Response:
        """Return the answer as soon as its header has come; `TransportFault` if none came."""
        ...
