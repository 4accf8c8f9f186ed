"""What stands between this machine and a server: proxies and certificates, as the environment names them.

Settings that cannot work are named before anything is sent. What fails on the way is told apart by who
failed: a proxy that refuses is not the server refusing. A password in a proxy's address is never shown.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

from kbench_jupyter.api.addresses import is_loopback
from kbench_jupyter.api.transport import TransportFault

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_CERTIFICATES = "/PATH/TO/CERTIFICATES.pem"
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})(?: ([\w' -]{1,60}))?")


@dataclass(frozen=True)
class Way:
    """How requests get to one address."""

    through: str = field(default="", repr=False)  # the proxy in the way; there may be a password in it
    proxy: str = ""  # the same without user and password
    named_by: str = ""  # where the proxy's address stands
    bundle: str = ""  # certificates to trust, a file or a folder; "" where there are none to be checked
    changed: int = 0  # when that was last changed
    bundle_by: str = ""  # which variable names it; "" where it comes with Python's packages


def way_to(url: str) -> Way:
    """Return how requests get to an address; a proxy is never asked for one of this machine.

    Raises
    ------
    TransportFault
        If the environment's settings cannot work.
    """
    way = Way()
    if not is_loopback(url) and (through := _proxy_to(url)):
        named_by = next(
            (name for name in _PROXIES if os.environ.get(name) == through), "the system's settings"
        )
        way = Way(through, _checked(through, named_by), named_by)
    if urlsplit(url).scheme != "https":  # however it is spelled
        return way
    bundle, bundle_by = _bundle()
    return replace(way, bundle=bundle, bundle_by=bundle_by, changed=Path(bundle).stat().st_mtime_ns)


def _proxy_to(url: str) -> str:
    if not getproxies():
        return ""
    import requests.utils  # it knows all that no_proxy may say; who needs no proxy need not wait for it

    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)) or ""


def _bundle() -> tuple[str, str]:
    for name in _BUNDLES:
        path = os.environ.get(name)
        if path and not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a certificate itself, not its path
            if name == "SSL_CERT_FILE":
                continue  # as OpenSSL itself does: it is set for other programs, and may be stale
            raise _setting(
                f"{name} names a file of certificates that is not there: {path[:200]}",
                _advice(name, _CERTIFICATES),
            )
        if path:
            return path, name
    import certifi  # comes with requests

    return certifi.where(), ""


def _checked(proxy: str, named_by: str) -> str:
    """Return a proxy's address without what is secret in it."""
    shown = proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")
    try:
        parts = urlsplit(_with_scheme(proxy))
        # Whitespace in a password is no trouble.
        scheme, fine = parts.scheme, bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", shown)
    except ValueError:
        scheme, fine = "", False
    if not fine or scheme not in ("http", "https", "socks4", "socks4a", "socks5", "socks5h"):
        raise _setting(f"{named_by} holds no proxy's address ({shown!r}).", _proxy_advice(named_by))
    if scheme.startswith("socks") and find_spec("socks") is None:
        raise _setting(
            f"{named_by} names a SOCKS proxy ({shown}), and what speaks to one is not installed.",
            "%pip install pysocks",
        )
    return shown


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}"


def _setting(message: str, hint: str) -> TransportFault:
    return TransportFault(message, maybe_processed=False, retryable=False, hint=hint)


def _advice(name: str, example: str) -> str:
    return f"Correct it: %env {name}={example}, or do without: %env {name}="


def _proxy_advice(named_by: str) -> str:
    return _advice(named_by if named_by in _PROXIES else "HTTPS_PROXY", "http://HOST:PORT")


def network_fault(
    causes: Iterable[BaseException], host: str, way: Way, worked: bool, connecting: bool
) -> TransportFault | None:
    """Return what a proxy or a certificate has to do with a failure, None when that is nothing.

    Parameters
    ----------
    causes : iterable of exceptions
        The innermost first.
    worked : bool
        Whether anything got through to anybody before: then it is an outage that may pass, and else
        settings that will not mend themselves.
    connecting : bool
        Whether it failed before the connection was made, through the proxy and with TLS.
    """
    causes = list(causes)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(cause, host, way)
    if way.bundle_by and any(isinstance(cause, ssl.SSLError) for cause in causes) and not _holds(way.bundle):
        return _setting(
            f"{way.bundle_by} names {way.bundle}, which holds no certificates.",
            _advice(way.bundle_by, _CERTIFICATES),
        )
    return _by_proxy(causes, host, way, worked, connecting) if way.proxy else None


def _untrusted(cause: ssl.SSLCertVerificationError, host: str, way: Way) -> TransportFault:
    said = cause.verify_message
    if "expired" in said or "not yet valid" in said:
        hint = "Check this machine's clock (!date); if it is right, who runs that server must renew its certificate."
    elif "mismatch" in said or "doesn't match" in said:
        hint = "Something else answers at that address: a sign-in page of the network, or a wrong entry for its name."
    else:
        hint = (
            "In a company's network, get its certificate as a .pem file: %env REQUESTS_CA_BUNDLE=/PATH/TO/COMPANY.pem"
            "\nOr trust what this machine's system trusts: %pip install truststore, and restart the kernel."
        )
    trusted = f" by {way.bundle}, which {way.bundle_by} names" if way.bundle_by else ""
    return _setting(f"The certificate of {host} is not trusted{trusted} ({said}).", hint)


def _holds(bundle: str) -> bool:
    try:
        _read(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), bundle)
    except OSError:
        return False
    return True


def _by_proxy(
    causes: list[BaseException], host: str, way: Way, worked: bool, connecting: bool
) -> TransportFault | None:
    hung_up = (urllib3.exceptions.ProxyError, *((ConnectionError, HTTPException) if connecting else ()))
    proxy = f"The proxy {way.proxy} ({way.named_by})"
    for cause in causes:
        refused = _TUNNEL.search(str(cause)) if isinstance(cause, OSError) else None
        if refused:
            return _tunnel(proxy, host, way, *refused.groups())
        if isinstance(cause, socket.gaierror):
            said = f"{proxy} cannot be found: its name is not known."
        elif isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
            said = f"{proxy} does not answer."
        elif isinstance(cause, ConnectionRefusedError):
            said = f"{proxy} refuses connections."
        elif isinstance(cause, hung_up):
            said = f"{proxy} does not connect to {host}; perhaps it is none."
        else:
            continue
        return TransportFault(said, maybe_processed=False, retryable=worked, hint=_proxy_advice(way.named_by))
    return None


def _tunnel(proxy: str, host: str, way: Way, code: str, reason: str | None) -> TransportFault:
    if code == "407":
        return _setting(
            f"{proxy} asks for a user name and password (407).",
            "Start Jupyter with HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT in its environment (in a cell they would"
            " be saved with the notebook); write @ : / % in a password as %40 %3A %2F %25.",
        )
    return TransportFault(
        f"{proxy} does not connect to {host}: it answers {code}{f' ({reason})' if reason else ''}.",
        maybe_processed=False,
        retryable=code.startswith("5"),
        hint=f"Ask whoever runs the proxy to let {host} through, or do without it: {_proxy_advice(way.named_by)}",
    )


def manager_for(way: Way, **pools: Any) -> Any:
    """Return what keeps connections that go this way, of so many `pools` as urllib3 wants to be told.

    The certificates are read once, not for each connection.

    Raises
    ------
    OSError
        If the certificates cannot be read.
    """
    trust: dict[str, Any] = {}
    if way.bundle:
        trust = {"cert_reqs": "CERT_REQUIRED", "ssl_context": _trusting(way.bundle)}
    if not way.through:
        return urllib3.PoolManager(**pools, **trust)
    from requests.adapters import HTTPAdapter  # it knows SOCKS, and how a user's name is said to a proxy

    through = _with_scheme(way.through)
    if urlsplit(through).scheme == "https":
        trust["proxy_ssl_context"] = trust.get("ssl_context")
    adapter = HTTPAdapter(pool_connections=pools["num_pools"], pool_maxsize=pools["maxsize"])
    return adapter.proxy_manager_for(through, **trust)


def _trusting(bundle: str) -> Any:
    """Return a TLS context that trusts a file or folder of certificates, and what the platform may trust besides."""
    context = system_trust() or create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    _read(context, bundle)
    return context


def system_trust() -> Any:
    """Return a TLS context that asks the platform's trust store, or None without the package `truststore`."""
    if find_spec("truststore") is None:
        return None
    return import_module("truststore").SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _read(context: Any, bundle: str) -> None:
    context.load_verify_locations(*(None, bundle) if Path(bundle).is_dir() else (bundle,))
