"""Which addresses a request may go to: https anywhere, plain http to this machine only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from kbench_jupyter.errors import CredentialsError

__all__ = ["check_address", "is_loopback", "same_origin"]


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


def same_origin(one: str, other: str) -> bool:
    """Return whether two addresses share scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def check_address(url: str) -> None:
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


_HINT = "Use an address such as https://api.kaggle.com or http://127.0.0.1:8000."
