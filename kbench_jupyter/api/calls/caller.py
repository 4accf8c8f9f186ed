"""A call that survives: time-outs, retries with back-off and a deadline, redirects, refreshed credentials.

What may be sent again is decided here and nowhere else. A *safe* call (a read, or a write that changes
nothing the second time) is sent again after any failure that another try could mend. An unsafe one only
when the request surely was not acted on: no connection came about, the server answered 429, or 503 with a
Retry-After (it declines and says when to come back). Everything else leaves an unsafe call *ambiguous*,
and who made it looks whether it landed (`kbench_jupyter.api.calls.writes`). A 503 without Retry-After counts as
ambiguous, since a load balancer sends it too when the server behind it dies in the middle of the work.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Self, TypeVar

from kbench_jupyter._version import __version__
from kbench_jupyter.api.addresses import check_server, redirected
from kbench_jupyter.api.calls.answers import Answer, error_of, json_object, refusal
from kbench_jupyter.api.calls.pages import items_of_pages
from kbench_jupyter.api.credentials.kinds import Credentials
from kbench_jupyter.api.limits import Limits
from kbench_jupyter.api.transport import Cancel, Request, Response, Transport, TransportFault
from kbench_jupyter.errors import AmbiguousWriteError, KBenchError

TASKS = "benchmarks.BenchmarkTasksApiService"
T = TypeVar("T")
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_MAX_REDIRECTS = 5


class _Failure(Exception):
    """One try's failure that another try could mend; never leaves this module."""

    def __init__(self, error: KBenchError, *, maybe_processed: bool, delay: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.maybe_processed = maybe_processed
        self.delay = delay


class Caller:
    """Makes calls to one server; see `kbench_jupyter.api.client.Client` for what it is made with."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        transport: Transport | None = None,
        user_agent: str = f"kbench-jupyter/{__version__}",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
        advice: str = "",
        on_retry: Callable[[KBenchError, float], None] | None = None,
    ) -> None:
        check_server(base_url)
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self.limits = limits or Limits()
        self.clock = clock
        self.sleep = sleep
        self.rand = rand
        if transport is None:
            from kbench_jupyter.api.network.pooled import PooledTransport

            transport = PooledTransport(advice={self.base_url: advice} if advice else {})
        self._transport = transport
        self._user_agent = user_agent
        self._on_retry = on_retry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, {self.credentials!r})"

    def close(self) -> None:
        """Close the pooled connections."""
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()

    def call(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        *,
        safe: bool = True,
        headers: Mapping[str, str] | None = None,
        subject: str = "",
        anonymous: bool = False,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """Make a call and return the answer's JSON object.

        Parameters
        ----------
        safe : bool
            Whether sending it twice does no harm.
        subject : str
            What is asked for, for messages.
        anonymous : bool
            Whether to leave the credentials out.
        deadline : float, optional
            Seconds for all tries together, if fewer than the limits allow.

        Raises
        ------
        ApiError, CredentialsError
            If the server answered with an error.
        TransportError
            If no usable answer came.
        AmbiguousWriteError
            If an unsafe call may or may not have been acted on.
        """

        def once(remaining: float) -> dict[str, Any]:
            fields = {"Accept-Encoding": "gzip", **(headers or {})}
            # Half of what is left, so that a slow drip leaves time for another try.
            total = remaining / 2 if safe else remaining
            request = self._request(service, method, body, fields, remaining, anonymous)
            # What cannot be sent again does not go over a connection that the server may be closing at this moment.
            request = replace(request, total_timeout=total, pace=None, fresh=not safe)
            response = self._exchange(request, method, subject, safe)
            try:
                raw = response.read(self.limits.answer)
                answer = refusal(method, response, body=raw)
                data = json_object(method, response, raw, self.credentials) if answer is None else {}
            except TransportFault as fault:
                raise self._failed(fault, safe) from None
            if answer is not None:
                raise self._refused(answer, subject)
            return data

        return self._persist(once, method, safe, deadline=deadline)

    def pages(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        key: str,
        subject: str = "",
        deadline: float | None = None,
        whole: bool = False,
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, which `key` holds on each page, page by page as they are asked for.

        Where it is wanted `whole`, and the call takes ``skip``, several pages are asked for at once.
        """

        def ask(**place: str | int) -> dict[str, Any]:
            return self.call(service, method, {**body, **place}, subject=subject, deadline=deadline)

        return items_of_pages(
            lambda token: ask(pageToken=token) if token else ask(),
            method,
            key,
            (lambda before: ask(skip=before)) if whole else None,
        )

    def open(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        cancel: Cancel | None = None,
        subject: str = "",
        check: Callable[[Response], Answer | None] | None = None,
        deadline: float | None = None,
    ) -> Response:
        """Make a (safe) call and return its answer as soon as its header has come, error statuses raised.

        Parameters
        ----------
        cancel : Cancel, optional
            Lets another thread end the pauses and the answer.
        check : callable, optional
            Looks at an answer for an error in disguise, which then counts as one with that status.
        deadline : float, optional
            Seconds for all tries together, if fewer than the limits allow.

        Raises
        ------
        ApiError, CredentialsError, TransportError
            As `call`; what breaks off later is a `TransportFault` of the response.
        """
        limits, tries = self.limits, count()

        def once(remaining: float) -> Response:
            request = self._request(service, method, body, headers or {}, remaining, False, cancel)
            # Twice as long each time: an archive that is made when it is asked for may well take a minute.
            patience = limits.read * 2.0 ** min(next(tries), 30)
            request = replace(
                request,
                read_timeout=min(patience, remaining),
                header_timeout=min(limits.connect + patience, remaining),
            )
            response = self._exchange(request, method, subject, safe=True, elsewhere=True)
            try:
                answer = check(response) if check is not None else None
            except TransportFault as fault:
                raise self._failed(fault, True) from None
            if answer is not None:
                raise self._refused(answer, subject)
            return response

        return self._persist(once, method, True, cancel, deadline)

    def _persist(
        self,
        once: Callable[[float], T],
        method: str,
        safe: bool,
        cancel: Cancel | None = None,
        deadline: float | None = None,
    ) -> T:
        limits, began, failures = self.limits, self.clock(), 0
        deadline = limits.deadline if deadline is None else min(deadline, limits.deadline)
        while True:
            remaining = deadline - (self.clock() - began)
            try:
                return once(max(remaining, 0.001))
            except _Failure as failure:
                problem = failure
            failures += 1
            if problem.maybe_processed and not safe:
                raise AmbiguousWriteError(
                    f"{method} got no usable answer, and may have been acted on. {problem.error}"
                )
            pause = limits.pause(failures, self.rand)
            if problem.delay is not None:
                pause = max(pause, min(problem.delay, limits.retry_after_cap))
            remaining = deadline - (self.clock() - began)
            over = failures >= limits.attempts or pause >= remaining
            if over or (cancel is not None and cancel.is_set):
                raise problem.error
            if self._on_retry is not None:
                self._on_retry(problem.error, pause)
            (self.sleep if cancel is None else cancel.wait)(pause)

    def _failed(self, fault: TransportFault, safe: bool) -> KBenchError | _Failure:
        if fault.retryable or (fault.maybe_processed and not safe):
            return _Failure(fault, maybe_processed=fault.maybe_processed)
        return fault

    def _refused(self, answer: Answer, subject: str) -> KBenchError | _Failure:
        error = error_of(answer, self.credentials, subject)
        if answer.status not in _TRANSIENT:
            return error
        declined = answer.status == 429 or (answer.status == 503 and answer.retry_after is not None)
        return _Failure(error, maybe_processed=not declined, delay=answer.retry_after)

    def _request(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        remaining: float,
        anonymous: bool,
        cancel: Cancel | None = None,
    ) -> Request:
        fields = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
        fields["User-Agent"] = self._user_agent
        if self.credentials is not None and not anonymous:
            fields["Authorization"] = self.credentials.authorization(self.refresh)
        limits = self.limits
        return Request(
            "POST",
            f"{self.base_url}/v1/{service}/{method}",
            fields,
            json.dumps(body).encode("ascii"),  # escaped, so that even a lone surrogate is valid JSON
            connect_timeout=min(limits.connect, remaining),
            read_timeout=min(limits.read, remaining),
            stream_timeout=limits.stream_read,
            pace=limits.deadline,
            cancel=cancel,
        )

    def refresh(self, service: str, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call that gives fresh credentials, and so cannot carry any."""
        return self.call(service, method, body, anonymous=True)

    def _exchange(
        self, request: Request, method: str, subject: str, safe: bool, *, elsewhere: bool = False
    ) -> Response:
        """Return an answer without error status, following redirects and refreshing credentials once."""
        refreshed = False
        for _ in range(_MAX_REDIRECTS):
            try:
                response = self._transport(request)
            except TransportFault as fault:
                raise self._failed(fault, safe) from None
            location = response.headers.get("location")
            if 300 <= response.status < 400 and location:
                response.close()
                request = redirected(request, response.status, location, method, safe, elsewhere=elsewhere)
                continue
            answer = refusal(method, response)
            if answer is None:
                return response
            credentials = self.credentials
            if answer.status == 401 and not refreshed and credentials and "Authorization" in request.headers:
                refreshed = True
                fresh = credentials.refreshed(self.refresh, request.headers["Authorization"])
                if fresh is not None:
                    request = replace(request, headers={**request.headers, "Authorization": fresh})
                    continue
            raise self._refused(answer, subject)
        raise TransportFault(f"{method}: the server redirects in circles.", retryable=False)
