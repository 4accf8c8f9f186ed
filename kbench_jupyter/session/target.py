"""Targets: which server is spoken to, and why that one.

In order: ``KBENCH_API_URL`` (an address of one's own), what ``%kbench target`` chose in this kernel,
``KBENCH_TARGET``, and else Kaggle where credentials are found and the embedded server where none are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kbench_jupyter.errors import CredentialsError, LocalServerError, TargetError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.layers import Layers

if TYPE_CHECKING:
    from kbench_jupyter.api import Credentials

KAGGLE = "kaggle"
LOCAL = "local"
_LOCAL_POLL = 0.5
NAMES = (KAGGLE, LOCAL)

#: Source: the official client's production endpoint (kagglesdk 0.1.37).
KAGGLE_URL = "https://api.kaggle.com"
TOKEN_PAGE = "https://www.kaggle.com/settings/api"  # noqa: S105 - an address, not a secret


#: Who can read what is public at the embedded server.
NOBODY_ELSE = "nobody but you reaches it there"

TOKEN_ADVICE = f"Make a token at {TOKEN_PAGE} and save it as ~/.kaggle/access_token"
_ANOTHER_SERVER = "A server on this machine takes a token of its own: set KAGGLE_API_TOKEN to that one."
BY_ADDRESS = "KBENCH_API_URL is set"
_NO_CREDENTIALS = "no Kaggle credentials found"
NONE_FOUND = "no Kaggle credentials were found."


@dataclass(frozen=True)
class Target:
    """The server spoken to."""

    name: str  #: ``"kaggle"`` or ``"local"``.
    base_url: str  #: Calls go to ``{base_url}/v1/{service}/{method}``.
    credentials: Credentials | None
    reason: str  #: Why this one, in a few words.
    #: What to do when nothing listens at its address; "" where only the network can be to blame.
    advice: str = ""

    @property
    def label(self) -> str:
        """The target in one line, as every result shows it."""
        place = urlsplit(self.base_url).netloc
        shown = self.name if self.base_url == KAGGLE_URL else f"{self.name} at {place}"
        return f"target: {shown} ({self.reason})"

    @property
    def place(self) -> str:
        """The target as the end of a sentence: "... to Kaggle", "... to the embedded server"."""
        if self.is_local:
            return "the embedded server"
        return "Kaggle" if self.base_url == KAGGLE_URL else urlsplit(self.base_url).netloc

    @property
    def is_local(self) -> bool:
        """Whether runs happen on this machine."""
        return self.name == LOCAL

    def poll_interval(self, asked: float | None) -> float | None:
        """Return the most seconds between two looks: on this machine looking costs less than waiting does."""
        return min(_LOCAL_POLL, asked or _LOCAL_POLL) if self.is_local else asked

    @property
    def key(self) -> object:
        """Equal for targets that one client can serve."""
        return self.base_url, self.credentials, self.advice


def resolve_target(
    chosen: str | None,
    environ: Mapping[str, str],
    *,
    on_start: Callable[[str], None] | None = None,
    start: bool = True,
) -> Target:
    """Decide which server to speak to, where ``%kbench target`` chose `chosen` in this kernel.

    Where the embedded server had to be started, which `start` allows, `on_start` is told so in one line.

    Raises
    ------
    TargetError
        If the name is none of a target's, or the embedded server cannot be had.
    CredentialsError
        If Kaggle was asked for and there are no credentials.
    """
    from kbench_jupyter.api import find_credentials
    from kbench_jupyter.api.addresses import check_server, is_loopback

    address = environ.get("KBENCH_API_URL")
    if address:
        check_server(address)  # before it is shown anywhere: it might hold a password
        # It decides the target: starting a server would not help where it leads nowhere.
        advice = f"KBENCH_API_URL names that address: correct it, or unset it: {how_to_unset(environ)}"
        credentials = find_credentials(environ)
        if credentials and is_loopback(address):  # not Kaggle, so a token of Kaggle's is not what it lacks
            credentials.advice = _ANOTHER_SERVER
        return Target(KAGGLE, address.rstrip("/"), credentials, BY_ADDRESS, advice)
    name, reason = chosen, "chosen with %kbench target"
    if name is None and (name := environ.get("KBENCH_TARGET")):
        reason = _worded(environ, "KBENCH_TARGET", "chosen with {1}", "{0} is set in {1}", "{0} is set")
    credentials = None
    if name != LOCAL:
        credentials = find_credentials(environ)
        if name is None:
            name = KAGGLE if credentials is not None else LOCAL
            reason = f"credentials from {credentials.source}" if credentials else _NO_CREDENTIALS
    stands = _worded(environ, "KBENCH_TARGET", "{1}", "{0} in {1}", "the environment variable {0}")
    check_name(name, "" if chosen else stands)
    if name == LOCAL:
        return _local(reason, environ, on_start, start=start)
    if credentials is None:
        raise CredentialsError(
            f"The target is kaggle ({reason}), but {NONE_FOUND}",
            hint=f"{TOKEN_ADVICE}, or run tasks on this machine: %kbench target local",
        )
    return Target(KAGGLE, KAGGLE_URL, credentials, reason)


def check_name(name: str, origin: str = "") -> None:
    """Raise TargetError unless `name` is a target's; says in whose words it came, where that is not in sight."""
    if name not in NAMES:
        hint = did_you_mean(name, NAMES, more=f"there are: {', '.join(NAMES)}")
        named = f", which {origin} names" if origin else ""
        raise TargetError(f"There is no target {name!r}{named}.", hint=hint)


def home(environ: Mapping[str, str]) -> Path | None:
    """Return the embedded server's home if the environment names one."""
    named = environ.get("KBENCH_HOME")
    return expanded(named) if named else None


def _local(
    reason: str, environ: Mapping[str, str], on_start: Callable[[str], None] | None, *, start: bool
) -> Target:
    from kbench_jupyter.api import Credentials
    from kbench_jupyter.session.local_server import ensure_running, find

    try:
        server = ensure_running(home(environ)) if start else find(home(environ))
    except LocalServerError as error:
        if reason == _NO_CREDENTIALS:
            error.message = f"No Kaggle credentials were found, so the target is local. {error.message}"
            error.hint = f"{error.hint or '%kbench local log'}\nor, for Kaggle: {TOKEN_ADVICE}"
        raise
    if server is None:
        raise LocalServerError("The embedded server is not running.", hint="%kbench local start")
    if server.started and on_start:
        on_start(f"Started the embedded server at {server.url} (stop it with: %kbench local stop)")
    credentials = Credentials.bearer(
        server.token,
        "the embedded server's token",
        advice="Start it afresh: %kbench local stop, then %kbench local start",
    )
    advice = "Nothing listens there. %kbench local start starts the embedded server."
    return Target(LOCAL, server.url, credentials, reason, advice)


def how_to_unset(environ: Mapping[str, str]) -> str:
    """Say how to unset the address, wherever it was set."""
    return _worded(environ, "KBENCH_API_URL", "{1} = ''", "take the line {0} out of {1}", "%env {0}=")


def _worded(environ: Mapping[str, str], variable: str, config: str, file: str, environment: str) -> str:
    """Say something of a variable, ``{0}``, that depends on where it was set, ``{1}``."""
    found = environ.source(variable) if isinstance(environ, Layers) else None
    where = found[1] if found else "environment"
    form = config if where.startswith("%config") else environment if where.startswith("environment") else file
    return form.format(variable, where)
