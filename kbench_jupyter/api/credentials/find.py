"""Finding credentials in the official order.

The order is the official client's (kaggle 2.2.4, kagglesdk 0.1.37): the token of a Kaggle notebook,
``KAGGLE_API_TOKEN``, ``~/.kaggle/access_token``, user name and key, and last what ``kaggle auth login`` left.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from kbench_jupyter.api.credentials.files import SETTINGS, exists, read_key_file
from kbench_jupyter.api.credentials.kinds import Credentials, OAuthCredentials
from kbench_jupyter.errors import CredentialsError

_PATH = re.compile(r"~|\.{0,2}[\\/]|[A-Za-z]:[\\/]")  # what begins so is no token


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
    # Path.home raises where a container's user has none.
    folder = Path(os.path.expanduser("~") if home is None else home)  # noqa: PTH111
    return (
        _kaggle_notebook(environ)
        or _token_variable(environ)
        or _bearer(folder / ".kaggle" / "access_token", "~/.kaggle/access_token")
        or _bearer(folder / ".kaggle" / "access_token.txt", "~/.kaggle/access_token.txt")
        or _user_and_key(environ, folder)
        or OAuthCredentials.load(folder / ".kaggle" / "credentials.json")
    )


def _kaggle_notebook(environ: Mapping[str, str]) -> Credentials | None:
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


def _token_variable(environ: Mapping[str, str]) -> Credentials | None:
    value = environ.get("KAGGLE_API_TOKEN", "").strip()
    if not value:
        return None
    # Neither raises for a long token, nor for the home of somebody who is not there. %env expands no ~.
    path = os.path.expanduser(value)  # noqa: PTH111
    if os.path.isfile(path):  # noqa: PTH113
        return _bearer(Path(path), "the file KAGGLE_API_TOKEN names")
    if _PATH.match(value):
        raise CredentialsError(
            "KAGGLE_API_TOKEN holds the path of a file that is not there.",
            hint="Correct it: %env KAGGLE_API_TOKEN=PATH, or do without: %env KAGGLE_API_TOKEN=",
        )
    return Credentials.bearer(
        value,
        "KAGGLE_API_TOKEN",
        advice=f"Create a new token at {SETTINGS} and set KAGGLE_API_TOKEN to it, or unset it (%env) to use"
        " what is in ~/.kaggle. Then %kbench auth.",
    )


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
