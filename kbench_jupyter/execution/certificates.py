"""Certificates that are read when the first connection asks for them, not when a client is made.

The task SDK (0.6.2) makes an httpx client for each model there is when it is imported, and each reads the same file of
authorities: 15 to 35 ms and 0.7 MB a model, of which a run talks to one or two, mostly without TLS. A client made here
trusts the same authorities and differs in nothing else.
"""

from __future__ import annotations

import functools
import importlib
import os
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_reading = threading.Lock()


class _Late(ssl.SSLContext):
    """A context that has a file of authorities yet to read."""

    unread: Path | None

    def _read(self) -> None:
        with _reading:  # who comes meanwhile waits for them, too
            if self.unread is not None:
                self.load_verify_locations(cafile=self.unread)
                self.unread = None

    # Whatever looks at the authorities goes through one of these four.

    def _wrap_socket(self, *args: Any, **options: Any) -> Any:
        self._read()
        return super()._wrap_socket(*args, **options)  # type: ignore[misc]

    def _wrap_bio(self, *args: Any, **options: Any) -> Any:
        self._read()
        return super()._wrap_bio(*args, **options)  # type: ignore[misc]

    def cert_store_stats(self) -> Any:
        self._read()
        return super().cert_store_stats()

    def get_ca_certs(self, *args: Any, **options: Any) -> Any:
        self._read()
        return super().get_ca_certs(*args, **options)


def read_late() -> None:
    """Have the httpx clients of this process and of its forks read late what this process can read now."""
    with suppress(ImportError, AttributeError):
        certifi: Any = importlib.import_module("certifi")
        transports: Any = importlib.import_module("httpx._transports.default")
        create, readable = transports.create_ssl_context, set[Path]()

        @functools.wraps(create)
        def create_ssl_context(
            verify: Any = True, cert: Any = None, trust_env: bool = True
        ) -> ssl.SSLContext:
            named, folder = (trust_env and os.environ.get(f"SSL_CERT_{what}") for what in ("FILE", "DIR"))
            plain = verify is True and not cert and (named or not folder)
            file = Path(named or certifi.where()).absolute()
            if not plain or file not in readable:
                context: ssl.SSLContext = create(verify=verify, cert=cert, trust_env=trust_env)
                readable.update([file] if plain else [])
                return context
            # As this Python makes one, but for authorities: below this name there are none.
            context = ssl.create_default_context(capath=os.devnull)
            context.__class__ = _Late
            context.unread = file  # type: ignore[attr-defined]
            return context

        transports.create_ssl_context = create_ssl_context
        with suppress(OSError):  # or the task's first client says so
            create_ssl_context()
