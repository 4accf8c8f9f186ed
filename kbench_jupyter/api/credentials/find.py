"""Who is calling: credentials found in the official order, named by their source, never by their value.

The order is the official client's (kaggle 2.2.4, kagglesdk 0.1.37): the token of a Kaggle notebook,
``KAGGLE_API_TOKEN``, ``~/.kaggle/access_token``, user name and key, and last what ``kaggle auth login`` left.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from kbench_jupyter.api.credentials.files import SETTINGS, exists, read_key_file
from kbench_jupyter.errors import CredentialsError

__all__ = ["Credentials", "RefreshCall", "find_credentials"]

RefreshCall = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Calls ``service``, ``method`` with a body, without credentials."""


class Credentials:
    """A credential and where it came from; ``repr`` shows the source alone.

    Parameters
    ----------
    source : str
        Where it came from, as a person would name it (``"~/.kaggle/access_token"``).
    header : str
        Value of the Authorization header.
    secrets : tuple of str
        What must never be shown.
    username : str or None
        Whose it is, when that is known.
    token : str or None
        The token, when it is one.
    advice : str, optional
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
        """Return credentials that send a token.

        Raises
        ------
        CredentialsError
            If it holds characters that no token has.
        """
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
        """Return the value of the Authorization header, refreshed if need be.

        Parameters
        ----------
        call : callable, optional
            How to ask the server for a fresh token.
        """
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


def find_credentials(
    environ: Mapping[str, str] | None = None, home: str | Path | None = None
) -> Credentials | None:
    """Find credentials in the official order.

    Parameters
    ----------
    environ : mapping, optional
        Environment variables; the process's own by default.
    home : path, optional
        Home folder; the user's by default.

    Returns
    -------
    Credentials or None
        The first found; None when there are none.

    Raises
    ------
    CredentialsError
        If the first found cannot be a credential, or its file is damaged: neither is passed over.
    """
    environ = os.environ if environ is None else environ
    folder = Path.home() if home is None else Path(home)
    for find in (_kaggle_notebook, _token_variable, _token_file, _user_and_key, _oauth):
        found = find(environ, folder)
        if found is not None:
            return found
    return None


def _kaggle_notebook(environ: Mapping[str, str], home: Path) -> Credentials | None:
    del home
    inside = environ.get("KAGGLE_KERNEL_RUN_TYPE") is not None
    path = environ.get("KAGGLE_API_V1_TOKEN")
    if not inside or environ.get("KAGGLE_DATA_PROXY_URL") is None or not path:
        return None
    found = read_key_file(Path(path), "the token file of this Kaggle notebook")
    if found is None:
        return None
    return Credentials.bearer(
        found.text,
        "this Kaggle notebook",
        advice="Restart the notebook's session: its token is renewed then. The account that owns the"
        " notebook must have access to Kaggle Benchmarks.",
    )


def _token_variable(environ: Mapping[str, str], home: Path) -> Credentials | None:
    del home
    value = environ.get("KAGGLE_API_TOKEN", "").strip()
    if not value:
        return None
    try:
        is_file = Path(value).is_file()
    except (OSError, ValueError):
        is_file = False  # a long token: asking for it as a file is an error of the file system's
    if is_file:
        return _bearer(Path(value), "the file KAGGLE_API_TOKEN names")
    return Credentials.bearer(
        value,
        "KAGGLE_API_TOKEN",
        advice=f"Create a new token at {SETTINGS} and set KAGGLE_API_TOKEN to it, or unset it (%env) to use"
        " what is in ~/.kaggle. Then %kbench auth.",
    )


def _token_file(environ: Mapping[str, str], home: Path) -> Credentials | None:
    del environ
    for name in ("access_token", "access_token.txt"):
        found = _bearer(home / ".kaggle" / name, f"~/.kaggle/{name}")
        if found is not None:
            return found
    return None


def _bearer(path: Path, shown: str) -> Credentials | None:
    found = read_key_file(path, shown)
    if found is None:
        return None
    token, remark = found.token()
    return Credentials.bearer(token, shown, remark=remark)


def _user_and_key(environ: Mapping[str, str], home: Path) -> Credentials | None:
    # As the official client does, each variable takes the place of its field in the file.
    names = {"username": environ.get("KAGGLE_USERNAME"), "key": environ.get("KAGGLE_KEY")}
    values = {field: value.strip() for field, value in names.items() if value and value.strip()}
    source, remark = "KAGGLE_USERNAME and KAGGLE_KEY", ""
    if len(values) < 2:
        path, shown = _config_file(environ, home)
        found = read_key_file(path, shown)
        if found is None:
            return None
        missing = [field for field in names if field not in values]
        if not found.fields([]).keys() & names.keys():
            return None  # `kaggle config set` keeps other settings in the same file
        stored = found.fields(missing)
        values |= {field: stored[field].strip() for field in missing}
        source, remark = source if "key" not in missing else shown, found.remark
    return Credentials.basic(values["username"], values["key"], source, remark=remark)


def _config_file(environ: Mapping[str, str], home: Path) -> tuple[Path, str]:
    named = environ.get("KAGGLE_CONFIG_DIR")
    if named:
        return Path(named) / "kaggle.json", "kaggle.json in KAGGLE_CONFIG_DIR"
    folder = home / ".kaggle"
    if sys.platform.startswith("linux") and not exists(folder):
        config = environ.get("XDG_CONFIG_HOME")
        where = Path(config) if config else home / ".config"
        return where / "kaggle" / "kaggle.json", "kaggle.json in the XDG configuration folder"
    return folder / "kaggle.json", "~/.kaggle/kaggle.json"


def _oauth(environ: Mapping[str, str], home: Path) -> Credentials | None:
    del environ
    path = home / ".kaggle" / "credentials.json"
    if not exists(path):
        return None
    from kbench_jupyter.api.credentials.kinds import OAuthCredentials

    return OAuthCredentials.load(path)
