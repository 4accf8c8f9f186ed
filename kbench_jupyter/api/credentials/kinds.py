"""The kinds of credentials, named by their source, never by their value.

A token or a user name and key are sent as they are; what ``kaggle auth login`` leaves renews itself.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from kbench_jupyter.api.credentials.files import SETTINGS, read_key_file
from kbench_jupyter.api.values import parse
from kbench_jupyter.errors import ApiError, CredentialsError

MARGIN = timedelta(minutes=2)
LIFETIME = "43200s"  # twelve hours, what the official client asks for (kagglesdk 0.1.37)
_SOURCE = "~/.kaggle/credentials.json (kaggle auth login)"
_ADVICE = "Sign in again with: kaggle auth login"


RefreshCall = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Calls ``service``, ``method`` with a body, without credentials."""


class Credentials:
    """A credential and where it came from; ``repr`` shows the source alone.

    Attributes
    ----------
    source : str
        Where it came from, as a person would name it (``"~/.kaggle/access_token"``).
    username : str or None
        Whose it is, when that is known.
    advice : str
        What to do when the server refuses it.
    remark : str
        What is odd about where it was found; to be said once.
    """

    def __init__(
        self,
        source: str,
        header: str,
        *,
        secrets: tuple[str, ...] = (),
        username: str | None = None,
        token: str | None = None,
        advice: str | None = None,
        remark: str = "",
    ) -> None:
        if any(not " " <= character <= "~" for character in header):
            # Said here, since an HTTP library would say it with the value.
            raise CredentialsError(
                f"The credentials from {source} hold characters that no token has (a line break, perhaps).",
                hint=f"Create a new token at {SETTINGS} and save it there again.",
            )
        self.source = source
        self.remark = remark
        self.username = username
        self.advice = advice or f"Create a new token at {SETTINGS}, replace {source}, then %kbench auth."
        self._header = header
        self._secrets = secrets
        self._token = token

    def __eq__(self, other: object) -> bool:
        # Found twice in the same place, they are the same credentials: one client serves both.
        return self.identity == other.identity if isinstance(other, Credentials) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(source={self.source!r})"

    @property
    def identity(self) -> object:
        """Equal for the same credentials found twice; holds secrets, so only ever compare it."""
        return self.source, self._header

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("credentials are not pickled: they would end up in files and other processes")

    @classmethod
    def bearer(cls, token: str, source: str, *, advice: str | None = None, remark: str = "") -> Self:
        """Return credentials that send a token; `CredentialsError` if it holds what no token does."""
        token = token.strip()
        return cls(source, f"Bearer {token}", secrets=(token,), token=token, advice=advice, remark=remark)

    @classmethod
    def basic(cls, username: str, key: str, source: str, *, remark: str = "") -> Self:
        """Return credentials that send a user name and key."""
        packed = base64.b64encode(f"{username}:{key}".encode()).decode("ascii")
        return cls(source, f"Basic {packed}", secrets=(key, packed), username=username, remark=remark)

    def token(self, call: RefreshCall | None = None) -> str | None:
        """Return the token, refreshed if need be; None for a user name and key."""
        self.authorization(call)
        return self._token

    def authorization(self, call: RefreshCall | None = None) -> str:
        """Return the value of the Authorization header, refreshed by `call` if need be."""
        del call
        return self._header

    def refreshed(self, call: RefreshCall, refused: str) -> str | None:
        """Return another header value after the server refused one; None when there is no other."""
        del call, refused
        return None

    def redact(self, text: str) -> str:
        """Return `text` with every secret of these credentials replaced."""
        for secret in self._secrets:
            if len(secret) > 3:
                text = text.replace(secret, "***")
        return text


class OAuthCredentials(Credentials):
    """An access token with a refresh token behind it.

    A token counts as expired two minutes *before* its expiry, so that it does not expire on its way. A
    refreshed one is saved for the official client too, atomically and readable by the owner only; fields of
    the file that this client does not know are kept.
    """

    def __init__(
        self,
        path: Path,
        data: dict[str, Any],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        remark: str = "",
    ) -> None:
        username = parse.text(data.get("username")) or None
        super().__init__(_SOURCE, "", username=username, advice=_ADVICE, remark=remark)
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._take(data)

    @classmethod
    def load(cls, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self | None:
        """Return the credentials in a file; None when there is no such file, `CredentialsError` if damaged."""
        found = read_key_file(path, f"~/.kaggle/{path.name}")
        if found is None:
            return None
        return cls(path, found.fields(["refresh_token"]), now, found.remark)

    @property
    def identity(self) -> object:
        """Equal for the same sign-in, however often its access token was renewed."""
        return self._path, self._data.get("refresh_token")

    def _take(self, data: dict[str, Any]) -> None:
        self._data = data
        self._token = parse.text(data.get("access_token")) or None
        secrets = (self._token, parse.text(data.get("refresh_token")))
        self._secrets = tuple(dict.fromkeys((*self._secrets, *(s for s in secrets if s))))

    def _is_fresh(self) -> bool:
        expiry = parse.when(self._data.get("access_token_expiration"))
        return bool(self._token) and expiry is not None and self._now() < expiry - MARGIN

    def authorization(self, call: RefreshCall | None = None) -> str:
        """Return the value of the Authorization header; `CredentialsError` if it cannot be refreshed."""
        with self._lock:
            if not self._is_fresh():
                self._renew(call)
            return f"Bearer {self._token}"

    def refreshed(self, call: RefreshCall, refused: str) -> str | None:
        """Return a fresh header value after the server refused one."""
        with self._lock:
            if f"Bearer {self._token}" == refused:  # else another thread has renewed it meanwhile
                self._renew(call)
            return f"Bearer {self._token}"

    def _renew(self, call: RefreshCall | None) -> None:
        was = self._token
        stored = _stored(self._path)
        if parse.text(stored.get("refresh_token")):
            self._take(stored)  # another process may have renewed it, or signed in anew
        if self._is_fresh() and self._token != was:
            return
        if call is None:
            raise CredentialsError(f"The token in {_SOURCE} has expired.", hint=_ADVICE)
        request = {
            "refreshToken": self._data["refresh_token"],
            "apiVersion": "API_VERSION_V1",
            "expirationDuration": LIFETIME,
        }
        refused: str | None = None
        answer: dict[str, Any] = {}
        try:
            answer = call("users.AccountService", "GenerateAccessToken", request)
        except (ApiError, CredentialsError) as error:
            if isinstance(error, ApiError) and error.status not in (400, 403, 404):
                raise
            refused = self.redact(getattr(error, "server_message", ""))
        token = parse.text(answer.get("token"))
        if refused is not None or not token:
            raise CredentialsError(
                f"The server refused to renew the token in {_SOURCE}.", hint=_ADVICE, detail=refused or None
            )
        seconds = parse.integer(answer.get("expiresIn")) or 0
        expiry = self._now() + timedelta(seconds=seconds)
        self._take({**self._data, "access_token": token, "access_token_expiration": expiry.isoformat()})
        # A read-only home still lets this process work with the fresh token.
        with suppress(OSError):
            _save(self._path, self._data)


def _stored(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return dict(parse.mapping(json.loads(path.read_text(encoding="utf-8"))))
    return {}


def _save(path: Path, data: dict[str, Any]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")  # created 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
