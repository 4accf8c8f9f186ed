"""Where a redirect may lead: never with credentials to another origin, never a write to another address."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from kbench_jupyter.api.addresses import check_address, is_loopback, same_origin
from kbench_jupyter.api.transport import Request, TransportFault

__all__ = ["redirected"]


def redirected(
    request: Request, status: int, location: str, method: str, safe: bool, *, elsewhere: bool
) -> Request:
    """Return the request that follows a redirect.

    Parameters
    ----------
    elsewhere : bool
        Whether another server may give the answer: files are often kept by one. What it says of tasks and
        runs would not be the target's word.

    Raises
    ------
    TransportFault, CredentialsError
        If it leads where this request may not go.
    """
    try:
        target = urljoin(request.url, location)
    except ValueError:
        raise TransportFault(
            f"{method}: the server redirects to an address that is none.", retryable=False
        ) from None
    check_address(target)
    if is_loopback(target) and not is_loopback(request.url):
        raise TransportFault(f"{method}: the server redirects to this machine.", retryable=False)
    keeps_method = status in (307, 308)
    if not safe and not (keeps_method and same_origin(target, request.url)):
        raise TransportFault(
            f"{method}: the server redirects to another address, and a write is not sent there.",
            retryable=False,
            hint="Check the server's address: %kbench target.",
        )
    if not elsewhere and not same_origin(target, request.url):
        raise TransportFault(
            f"{method}: the server redirects to {urlsplit(target).netloc}, and its answer would not be the target's.",
            retryable=False,
            hint="Check the server's address: %kbench target.",
        )
    headers = dict(request.headers)
    if not same_origin(target, request.url):
        headers.pop("Authorization", None)
    if not keeps_method:
        headers.pop("Content-Type", None)
    return replace(
        request,
        method=request.method if keeps_method else "GET",
        url=target,
        headers=headers,
        body=request.body if keeps_method and same_origin(target, request.url) else None,
    )
