"""The transport of real life: pooled connections of ``urllib3``, with every wait bounded.

What ``urllib3`` does not do by itself is here: an exchange that another thread can end at once (also
before the answer's header has come), a limit on the whole exchange against a slow drip, faults told
apart by whether the server may have acted, and messages that quote neither headers nor queries. What
``requests`` would add to it, cookies and redirects and ``.netrc``, is not wanted, and takes longer than the rest.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from http.client import HTTPException
from typing import Any

import urllib3

from kbench_jupyter.api.addresses import is_loopback
from kbench_jupyter.api.network.alarms import Alarms
from kbench_jupyter.api.network.failures import causes_of, fault_of, host_of, patience
from kbench_jupyter.api.network.proxies import Way, manager_for, network_fault, way_to
from kbench_jupyter.api.transport import STRIDE, Cancel, Request, Response, TransportFault

PIECE = 1 << 18  # bytes asked for at a time: large enough for downloads, and read1 returns what is there
_IDLE = 32  # connections that are kept for each host
_RESTED = 50.0
"""Seconds after which a connection that nothing went over is not used again: a router may have forgotten it by then
(commonly after 60 s or more), or this machine has slept, and what is sent over it is answered by nobody."""

# .cancel: the Cancel of the exchange that this thread is starting; .fresh: as its request says;
# .connecting: whether its connection is being made, proxy and TLS and all, and nothing of it has been sent
_current = threading.local()


class _Watched:
    """Mixed into urllib3's connections: lets the current exchange's `Cancel` shut the socket."""

    sock: Any

    def connect(self) -> None:
        _current.connecting = True
        super().connect()  # type: ignore[misc]  # the mixin's other base has it
        _current.connecting = False

    def request(self, *args: Any, **kwargs: Any) -> None:
        cancel: Cancel | None = getattr(_current, "cancel", None)
        if cancel is not None:
            cancel.attach(lambda: _shut(self.sock))
        super().request(*args, **kwargs)  # type: ignore[misc]  # as above
        if cancel is not None:
            # http.client forgets the socket of a closing response while its body is still being read.
            held = self.sock
            _current.sock = held
            cancel.attach(lambda: _shut(held))


class _Rested:
    """Mixed into urllib3's pools: closes a connection rather than trust it, and it is opened anew when it is used."""

    def _get_conn(self, *args: Any, **kwargs: Any) -> Any:
        connection = super()._get_conn(*args, **kwargs)  # type: ignore[misc]  # as above
        # By the clock on the wall, since the other one stands still while a machine sleeps; it may be set back, too.
        rested = abs(time.time() - getattr(connection, "last_used", 0.0))
        if getattr(_current, "fresh", False) or rested > _RESTED:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.last_used = time.time()
        super()._put_conn(conn)  # type: ignore[misc]


def _shut(sock: Any) -> None:
    if sock is None:
        return
    # The plain socket's shutdown even for TLS: it wakes a reader in another thread and tells the server
    # at once, without a TLS goodbye that could block. TypeError: a socket not of the standard library.
    with suppress(OSError, TypeError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


@cache
def _watched(pool: type[Any]) -> type[Any]:
    """Return a kind of pool (a SOCKS proxy has its own) with connections that are watched."""
    if issubclass(pool.ConnectionCls, _Watched):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_Watched, pool.ConnectionCls), {})
    return type(pool.__name__, (_Rested, pool), {"ConnectionCls": connection})


def _watch(manager: Any) -> Any:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in pools.items()}
    return manager


class PooledTransport:
    """A transport over pooled connections.

    Sends no cookies, reads no ``.netrc`` (it would replace the credential), follows no redirect (that is
    decided above) and never goes through a proxy to a loopback address. Proxy and certificate settings of
    the environment are honoured otherwise, and named where they cannot work (`network`).

    Parameters
    ----------
    advice : mapping of str to str, optional
        What to do when nothing listens at addresses that begin so.
    """

    def __init__(self, advice: Mapping[str, str] | None = None) -> None:
        self._advice = dict(advice or {})
        self._worked = False  # whether anybody outside this machine has answered
        self._closed = False
        self._alarms = Alarms()
        self._managers: dict[Way, Any] = {}
        self._making = threading.Lock()

    def __call__(self, request: Request, /) -> Response:
        """Send, and return the answer once its header has come."""
        cancel = Cancel()  # of this exchange alone: when its time is over, whoever made it may try again
        if request.cancel is not None:
            request.cancel.attach(cancel.cancel)
        way = way_to(request.url)
        expiry = _Expiry(self._alarms, patience(request), cancel)
        answer, problem = self._send(request, cancel, way)
        if answer is None or cancel.is_set:  # of a header that was cut off, http.client makes an answer
            _let_go(request, expiry, cancel)
            if answer is not None:
                answer.close()
            self._keep_none()
            # Raised here, outside any except block: the error of a header quotes it, and with it
            # the credential, and would hang on as __context__.
            expired, cancelled, connecting, known = expiry.reached, cancel.is_set, _current.connecting, None
            if not expired and not cancelled:
                causes = causes_of(problem)
                known = network_fault(causes, host_of(request), way, self._worked, connecting)
            fault = known or fault_of(problem, request, expired, cancelled, advice=self._advice)
            fault.maybe_processed = fault.maybe_processed and not connecting
            raise fault
        self._worked = self._worked or not is_loopback(request.url)
        if request.total_timeout is None:
            expiry.stop()
        sock, _current.sock = _current.sock, None
        if request.stream_timeout is not None and Response(200, dict(answer.headers)).is_event_stream:
            # Whoever writes into it may well be silent for a while.
            request = replace(request, read_timeout=request.stream_timeout, pace=None)
            with suppress(OSError):
                sock.settimeout(request.stream_timeout)

        def close() -> None:
            _let_go(request, expiry, cancel)
            answer.close()
            answer.release_conn()
            self._keep_none()

        body = _body(answer, request, expiry, cancel)
        return Response(answer.status, dict(answer.headers), body, on_close=close)

    def _send(self, request: Request, cancel: Cancel, way: Way) -> tuple[Any, Exception | None]:
        _current.cancel, _current.fresh, _current.connecting = cancel, request.fresh, False
        try:
            answer = self._manager(way).urlopen(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=request.connect_timeout, read=request.read_timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return None, error
        finally:
            _current.cancel, _current.fresh = None, False
        return answer, None

    def _manager(self, way: Way) -> Any:
        with self._making:
            if way not in self._managers:
                self._managers[way] = _watch(manager_for(way, num_pools=8, maxsize=_IDLE))
            return self._managers[way]

    def close(self) -> None:
        """Close every pooled connection; those of exchanges that go on are closed as each of them ends."""
        self._closed = True
        self._keep_none()

    def _keep_none(self) -> None:
        # A thread whose answer nobody waits for any more may ask on, and a closed pool would take up its connection.
        if self._closed:
            with self._making:
                managers = list(self._managers.values())
            for manager in managers:
                _close_all(manager)
            self._alarms.forget()


def _close_all(manager: Any) -> None:
    # urllib3 2 would close them when a pool is garbage, and the traceback of an error may put that off.
    for key in list(manager.pools.keys()):
        if (pool := manager.pools.get(key)) is not None:
            pool.close()
    manager.clear()


def _let_go(request: Request, expiry: _Expiry, cancel: Cancel) -> None:
    """See to it that nothing touches the exchange's socket any more, which another may use next."""
    expiry.stop()
    if request.cancel is not None:
        request.cancel.detach()
    cancel.detach()


class _Expiry:
    """Ends an exchange when its total time is over."""

    def __init__(self, alarms: Alarms, seconds: float | None, cancel: Cancel) -> None:
        self.reached = False
        self._cancel = cancel
        self._alarm = alarms.set(seconds, self._ring) if seconds is not None else None

    def _ring(self) -> None:
        self.reached = True
        self._cancel.cancel()

    def stop(self) -> None:
        if self._alarm is not None:
            self._alarm.stop()


def _body(answer: Any, request: Request, expiry: _Expiry, cancel: Cancel) -> Iterator[bytes]:
    # What is compressed may become a thousand times larger in memory at once.
    size = PIECE >> 4 if "content-encoding" in answer.headers else PIECE
    expected = _plain_length(answer)
    received = stride = 0
    waited = 0.0  # for the server, not for who reads
    while True:
        problem: Exception | None = None
        piece = b""
        began = time.monotonic()
        try:
            piece = answer.read1(size, decode_content=True)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError, AttributeError) as error:
            problem = error
        if cancel.is_set or problem is not None:
            raise fault_of(problem, request, expiry.reached, cancel.is_set, reading=True)
        if not piece:
            break
        received += len(piece)
        if received == expected:  # the pool has the connection, and another thread may have it next
            _let_go(request, expiry, cancel)
        stride += len(piece)
        waited += time.monotonic() - began
        if stride >= STRIDE:
            waited = stride = 0
        elif request.pace is not None and waited > request.pace:
            raise TransportFault(
                f"{host_of(request)} sends too slowly: {stride:,} bytes in {request.pace:g} s.",
                retryable=False,
            )
        yield piece
    if expected is not None and received < expected:
        raise fault_of(None, request, False, False, reading=True)
    _let_go(request, expiry, cancel)
    answer.release_conn()


def _plain_length(answer: Any) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() and "content-encoding" not in answer.headers else None
