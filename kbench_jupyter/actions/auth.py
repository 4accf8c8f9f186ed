"""Auth: model proxy credentials for the task SDK, in ``.env`` and in this kernel.

The task SDK reads ``MODEL_PROXY_URL``, ``MODEL_PROXY_API_KEY`` and ``LLM_DEFAULT`` when it is imported. With the first
two and without the third its import fails, so all three are seen to.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.wanted_models import proxy_slug, usable
from kbench_jupyter.api import Client, ModelProxyToken
from kbench_jupyter.display.view import Cell, Facts, Shown, View, count, duration
from kbench_jupyter.errors import NotebookError, TargetError
from kbench_jupyter.session import envfile
from kbench_jupyter.session.proxy_variables import AVAILABLE, DEFAULT, EXPIRY, JUDGE, KEY, URL, VARIABLES
from kbench_jupyter.session.server_settings import model_notes
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

#: Seconds before its expiry at which a token counts as expired: a rehearsal must not lose it half-way.
MARGIN = 120.0
#: Why an env file without any cannot be used.
NO_CREDENTIALS = "there are none yet"
#: How many models ``LLMS_AVAILABLE`` names; the SDK makes an object for each at import.
MOST_AVAILABLE = 20


@dataclass(frozen=True)
class AuthResult(Shown):
    """What ``auth`` or ``init`` wrote. Holds no secret."""

    env_file: Path
    #: When the model proxy token ends, UTC.
    expiry: datetime | None
    #: Proxy slugs in force, and how many models ``LLMS_AVAILABLE`` names.
    default_model: str
    judge_model: str
    available: int
    #: Files made, and files that existed and were left alone.
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: How many models more ``LLMS_AVAILABLE`` would name if it were chosen anew.
    more: int = 0
    #: How many models the server listed, and how many of them can run; 0 where it was not asked.
    listed: int = 0
    able: int = 0
    #: What names the env file on a line to type, where it is not the one that commands read by themselves.
    named: str = ""
    #: What to type to try a task.
    validate: str = "%kbench validate"
    #: What to type to begin one, where the notebook has none.
    begin: str = ""

    def view(self) -> View:
        """Describe what was written."""
        facts = Facts(
            {
                "credentials": f"{self.env_file} (and this kernel)",
                "expire": say_expiry(self.expiry),
                "default model": self.default_model,
                "judge model": self.judge_model,
                "models": self._models() if self.available else None,
                "written": ", ".join(self.written),
                "kept as it was": ", ".join(self.kept),
            }
        )
        notes = list(self.notes)
        if self.more:
            notes.append(
                f"{count(self.more, 'more model')} can be had now: %kbench init --reset-models{self.named}"
            )
        title = Cell("Ready to write and validate tasks", "warn" if self.notes else "good")
        steps = [(f"{self.validate}{self.named}", "run the task once, here")]
        if self.begin:
            steps.insert(0, (self.begin, "the notebook has no task yet: put a worked one into a new cell"))
        return View(title, [facts], notes=notes, next=steps, footer=self.footer)

    def _models(self) -> str:
        """Say how many models the SDK will know, of how many, and why not of all."""
        if not self.listed:
            return f"{self.available} in {AVAILABLE}"
        why = []
        if self.able < self.listed:
            why.append(f"{self.listed - self.able} cannot run")
        if self.available == MOST_AVAILABLE < self.able:
            why.append(
                f"{MOST_AVAILABLE} at most, since the SDK makes an object of each on import; "
                f"all: %kbench init --all-models{self.named}"
            )
        return f"{self.available} of {self.listed} in {AVAILABLE}" + (f" ({'; '.join(why)})" if why else "")


def say_expiry(expiry: datetime | None) -> str:
    """Say when a token ends: ``"in 1 h 59 min (12:30 CET)"``, in local time."""
    if expiry is None:
        return "unknown"
    left = (expiry - datetime.now(UTC)).total_seconds()
    return f"in {duration(left)} ({expiry.astimezone():%H:%M %Z})" if left > 0 else "expired"


def expiry_of(values: Mapping[str, str]) -> datetime | None:
    """Return when an env file's credentials end; None where it does not say."""
    try:
        expiry = datetime.fromisoformat(values[EXPIRY])
    except (KeyError, ValueError):
        return None
    return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)


def auth(session: Session, env_file: Path | None = None) -> AuthResult:
    """Fetch model proxy credentials into the env file and this kernel.

    ``LLM_DEFAULT`` is set too where it is missing: without it the task SDK fails on import.

    Parameters
    ----------
    env_file : Path, optional
        By default the session's.

    Raises
    ------
    KBenchError
        Whatever target, credentials and server have to say; the file is then unchanged.
    """
    return replace(write_credentials(session, "auth", env_file), validate=try_line(session))


def try_line(session: Session, example_file: Path | None = None) -> str:
    """Return what to type to try a task: this notebook's, and where there is none a file's."""
    try:
        session.notebook()
    except NotebookError:
        return f"%kbench validate -f {shlex.quote(str(example_file)) if example_file else 'FILE'}"
    return "%kbench validate"


def ensure_proxy(session: Session, env_file: Path | None = None) -> dict[str, str]:
    """Return the env file's values, with credentials that are in force for the target.

    New ones are fetched first where there are none, where they have expired or are about to, and where they belong to
    another server (another target was chosen, or the embedded server came back on another port).
    """
    path = env_file or session.env_file
    values = envfile.read(path)
    target = session.target()
    reason = why_stale(values, target)
    if reason:
        write_credentials(session, "auth", path, then=f": {reason}")
        values = envfile.read(path)
    elif target.is_local:
        # A key of its own for the rehearsal: it costs a millisecond here, and the one in the file may be of a
        # server that has been reset since.
        values |= _credentials(session.client(target).create_model_proxy_token("auth"))
    return values


def why_stale(values: Mapping[str, str], target: Target | None) -> str | None:
    """Say why an env file's credentials cannot be used at the target (None: it is not known), or None if they can."""
    if not values.get(URL) or not values.get(KEY):
        return NO_CREDENTIALS
    if not values.get(DEFAULT):
        return f"{DEFAULT} is not set"
    if target is not None and target.is_local and not values[URL].startswith(target.base_url):
        return "those there belong to another server"
    if target is not None and not target.is_local and "127.0.0.1" in values[URL]:
        return "those there belong to the embedded server"
    expiry = expiry_of(values)
    if expiry is None or (expiry - datetime.now(UTC)).total_seconds() >= MARGIN:
        return None
    return "those there have expired"


def write_credentials(
    session: Session,
    source: Literal["auth", "init"],
    env_file: Path | None,
    *,
    then: str = "",
    models: bool = False,
    reset: bool = False,
    every: bool = False,
) -> AuthResult:
    """Fetch credentials into an env file and this kernel; with `models`, choose models.

    With `reset` anew, and with `every` all that can run are listed.
    """
    path = env_file or session.env_file
    target = session.target()
    client = session.client(target)
    envfile.refuse_read_only(path)  # before credentials are made that could not be kept
    session.reporter.say(f"Fetching model proxy credentials from {target.place} into {path}{then}.")
    named = "" if path == session.env_file else f" --env-file {shlex.quote(str(path))}"
    before = envfile.read(path)
    token, choice = both(
        lambda: client.create_model_proxy_token(source),
        lambda: _choose_models(client, before, complete=models, reset=reset, every=every),
    )
    values, notes = choice.values, []
    if choice.missing:
        notes.append(
            f"{DEFAULT}={choice.missing} was kept, but this target does not offer that model. "
            f"To choose anew: %kbench init --reset-models{named}"
        )
    notes += model_notes(session, target) if models else ()
    envfile.upsert(path, values | _credentials(token))
    if odd := envfile.odd_lines(path):
        lines = ", ".join(map(str, odd))
        notes.append(
            f"{path}, line {lines}: neither a value nor a comment. It was left as it is, and says nothing."
        )
    after = envfile.read(path)
    os.environ.update({name: after[name] for name in VARIABLES if name in after})
    refresh_sdk()
    return AuthResult(
        env_file=path,
        expiry=token.expiry_time,
        default_model=after.get(DEFAULT, ""),
        judge_model=after.get(JUDGE, ""),
        available=len([name for name in after.get(AVAILABLE, "").split(",") if name]),
        notes=tuple(notes),
        more=choice.more,
        listed=choice.listed,
        able=choice.able,
        named=named,
        footer=target.label,
    )


def _credentials(token: ModelProxyToken) -> dict[str, str]:
    expiry = token.expiry_time
    text = expiry.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z" if expiry else ""
    return {URL: token.base_uri, KEY: token.token, EXPIRY: text}


@dataclass(frozen=True)
class _Choice:
    """Models chosen: values for the env file, and what to say of them (see `AuthResult`)."""

    values: dict[str, str] = field(default_factory=dict)
    missing: str = ""  #: The default model that was kept, if the target does not offer it.
    more: int = 0
    listed: int = 0
    able: int = 0


def _choose_models(
    client: Client, before: Mapping[str, str], *, complete: bool, reset: bool, every: bool
) -> _Choice:
    """Fill in the ``LLM`` values that are missing: all of them if `complete`, else ``LLM_DEFAULT`` alone.

    What the user chose stays unless `reset`; with `every` the list of models is one of all that can run.
    """
    wanted = (DEFAULT, JUDGE, AVAILABLE) if complete else (DEFAULT,)
    if not complete and before.get(DEFAULT):
        return _Choice()
    listed = list(client.list_models())
    slugs = [proxy_slug(model) for model in usable(listed)]
    if not slugs:
        raise TargetError(
            "The server offers no model that tasks may use.", hint="Look at the list: %kbench models"
        )
    most = None if every else MOST_AVAILABLE
    fresh = {DEFAULT: slugs[0], JUDGE: slugs[0], AVAILABLE: ",".join(slugs[:most])}
    anew = {name for name in wanted if reset or not before.get(name) or (every and name == AVAILABLE)}
    chosen = {name: fresh[name] for name in wanted if name in anew}
    kept = before.get(DEFAULT, "") if DEFAULT not in chosen else ""
    named = before.get(AVAILABLE, "").split(",") if complete and AVAILABLE not in chosen else slugs
    more = len(set(slugs[:most]) - set(named))
    return _Choice(chosen, "" if kept in slugs else kept, more, len(listed) if complete else 0, len(slugs))


def refresh_sdk() -> None:
    """Hand the new credentials to a task SDK that this kernel has already imported.

    The SDK captures the key in its model objects when it is imported. Objects that the user's code holds
    get the new key in place; a placeholder made for want of credentials is replaced in the package.
    """
    sdk: Any = sys.modules.get("kaggle_benchmarks")
    if sdk is None or not hasattr(sdk, "kaggle"):
        return
    base = os.environ[URL]
    for suffix in ("/openapi", "/genai"):
        base = base.removesuffix(suffix)
    for model in [
        getattr(sdk, "llm", None),
        getattr(sdk, "judge_llm", None),
        *getattr(sdk, "llms", {}).values(),
    ]:
        client: Any = getattr(model, "client", None)
        if hasattr(client, "api_key") and hasattr(client, "base_url"):
            client.api_key, client.base_url = os.environ[KEY], f"{base}/openapi"
    if getattr(sdk.llm, "client", None) is None:
        sdk.llm = sdk.kaggle.load_default_model()
        sdk.judge_llm = sdk.kaggle.load_judge_model()
        sdk.llms = sdk.kaggle.load_available_models()
