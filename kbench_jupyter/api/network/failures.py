"""What went wrong in an exchange: told apart by whether the server may have acted, quoting no header and no query."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import urllib3

from kbench_jupyter.api.transport import Request, TransportFault


def patience(request: Request) -> float | None:
    """Return the seconds for the whole answer, or for its header where the body may take longer."""
    return request.header_timeout if request.total_timeout is None else request.total_timeout


def host_of(request: Request) -> str:
    """Return whom a request is for, as messages name it."""
    return urlsplit(request.url).netloc.rpartition("@")[2] or "the server"


def fault_of(
    error: Exception | None,
    request: Request,
    expired: bool,
    cancelled: bool,
    reading: bool = False,
    advice: Mapping[str, str] | None = None,
) -> TransportFault:
    """Return the fault that an exchange, or reading its answer, ended in."""
    host = host_of(request)
    causes = list(causes_of(error))
    if expired:
        return TransportFault(f"{host} had not finished its answer after {patience(request):.3g} s.")
    if cancelled:
        return TransportFault(f"The exchange with {host} was cancelled.", retryable=False)
    if reading:
        if any(isinstance(cause, urllib3.exceptions.ReadTimeoutError | TimeoutError) for cause in causes):
            return TransportFault(f"{host} sent nothing for {request.read_timeout:.3g} s in mid-answer.")
        return TransportFault(f"The answer of {host} broke off.")
    for cause in causes:
        known = _known(cause, host, request, advice or {})
        if known is not None:
            return known
    if isinstance(error, ValueError):  # of the address or a header, looked at before anything was sent
        return TransportFault(
            f"No request can be made to {host}: its address or a header is malformed.",
            maybe_processed=False,
            retryable=False,
        )
    return TransportFault(f"The connection to {host} broke before an answer came.")


def _known(
    cause: BaseException, host: str, request: Request, advice: Mapping[str, str]
) -> TransportFault | None:
    if isinstance(cause, socket.gaierror):
        return TransportFault(
            f"The name of {host} cannot be resolved.",
            maybe_processed=False,
            hint="Check the network connection. In a Kaggle notebook, turn on Internet in the settings.",
        )
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return TransportFault(
            f"No connection to {host} within {request.connect_timeout:.3g} s.", maybe_processed=False
        )
    if isinstance(cause, ConnectionRefusedError | urllib3.exceptions.NewConnectionError):
        return TransportFault(
            f"{host} refuses connections.",
            maybe_processed=False,
            hint=next(
                (words for address, words in advice.items() if request.url.startswith(f"{address}/")),
                "Check the network connection and the address.",
            ),
        )
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return TransportFault(f"{host} gave no answer within {request.read_timeout:.3g} s.")
    return None


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, innermost first: the innermost says most."""
    found: list[BaseException] = []
    queue = [error]
    while queue:
        current = queue.pop()
        if current is not None and current not in found:
            found.append(current)
            queue += [current.__cause__, current.__context__]
    yield from reversed(found)
