"""Which addresses a request may go to: https anywhere, plain http to this machine only.

A redirect never takes credentials to another origin, nor a write to another address.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from kbench_jupyter.api.transport import Request, TransportFault
from kbench_jupyter.errors import CredentialsError

_HINT = "Use an address such as https://api.kaggle.com or http://127.0.0.1:8000."


@lru_cache(64)  # each request asks several times
def is_loopback(url: str) -> bool:
    """Return whether an address names this machine: ``localhost``, ``127.0.0.0/8`` or ``::1``.

    A name below ``localhost`` does not count: not every resolver keeps those on this machine.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def check_server(url: str) -> None:
    """Refuse what is no server's address: one that nothing may be sent to, or that paths cannot be added to.

    Raises
    ------
    CredentialsError
    """
    _check(url)
    if "?" in url or "#" in url:  # the rest is not said: such a thing may be a token
        raise CredentialsError(
            f"The address of {urlsplit(url).netloc} goes on after a path, with ? or #: no server's does.",
            hint=_HINT,
        )


def _check(url: str) -> None:
    """Refuse an address that nothing may be sent to.

    Raises
    ------
    CredentialsError
        For plain http to another machine, an address with a user name in it, or no web address at all.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise CredentialsError("The server's address is malformed.", hint=_HINT) from None
    if not host or parts.scheme not in ("http", "https"):
        raise CredentialsError(f"{url.rpartition('@')[2]!r} is no web address.", hint=_HINT)
    if parts.username is not None or parts.password is not None:
        raise CredentialsError(
            f"The address of {host} holds a user name or password: it would show in every message.",
            hint=_HINT,
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise CredentialsError(
            f"Nothing was sent to {host}: plain http would show your credentials to the network.",
            hint="Use an https:// address. Plain http is for this machine only (127.0.0.1, localhost).",
        )


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

    def refused(to: str, hint: str | None = None) -> TransportFault:
        return TransportFault(f"{method}: the server redirects to {to}.", retryable=False, hint=hint)

    try:
        target = urljoin(request.url, location)
    except ValueError:
        raise refused("an address that is none") from None
    _check(target)
    if is_loopback(target) and not is_loopback(request.url):
        raise refused("this machine")
    keeps_method, same = status in (307, 308), _origin(target) == _origin(request.url)
    hint = "Check the server's address: %kbench target."
    if not safe and not (keeps_method and same):
        raise refused("another address, and a write is not sent there", hint)
    if not elsewhere and not same:
        raise refused(f"{urlsplit(target).netloc}, and its answer would not be the target's", hint)
    headers = dict(request.headers)
    if not same:
        headers.pop("Authorization", None)
    if not keeps_method:
        headers.pop("Content-Type", None)
    return replace(
        request,
        method=request.method if keeps_method else "GET",
        url=target,
        headers=headers,
        body=request.body if keeps_method and same else None,
    )
