"""Init and auth: model proxy credentials into ``.env`` and into this kernel, and a place to start from.

The task SDK reads ``MODEL_PROXY_URL``, ``MODEL_PROXY_API_KEY`` and ``LLM_DEFAULT`` when it is imported, and
fails on import when the first two are there without the third; so both commands see to all three.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kbench_jupyter.actions.proxied_models import choose
from kbench_jupyter.display.view import Cell, Facts, Shown, Value, View, count, duration
from kbench_jupyter.errors import NotebookError
from kbench_jupyter.session import envfile
from kbench_jupyter.session.proxy_variables import AVAILABLE, DEFAULT, EXPIRY, JUDGE, KEY, URL, VARIABLES
from kbench_jupyter.session.server_settings import model_notes

if TYPE_CHECKING:
    from kbench_jupyter.api import ModelProxyToken
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.session.target import Target


#: Seconds before its expiry at which a token counts as expired: a rehearsal must not lose it half-way.
MARGIN = 120.0


@dataclass(frozen=True)
class AuthResult(Shown):
    """What ``auth`` or ``init`` wrote. Holds no secret.

    Parameters
    ----------
    env_file : Path
    expiry : datetime or None
        When the model proxy token ends, UTC.
    default_model, judge_model : str
        Proxy slugs in force.
    available : int
        How many models ``LLMS_AVAILABLE`` names.
    written : tuple of str
        Files made.
    kept : tuple of str
        Files that existed and were left alone.
    notes : tuple of str
    more : int
        How many models more ``LLMS_AVAILABLE`` would name if it were chosen anew.
    validate : str
        What to type to try a task.
    """

    env_file: Path
    expiry: datetime | None
    default_model: str
    judge_model: str
    available: int
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    more: int = 0
    validate: str = "%kbench validate"

    def view(self) -> View:
        """Describe what was written."""
        facts: dict[str, Value] = {
            "credentials": f"{self.env_file} (and this kernel)",
            "expire": say_expiry(self.expiry),
            "default model": self.default_model,
            "judge model": self.judge_model,
            "models": f"{self.available} in {AVAILABLE}" if self.available else None,
            "written": ", ".join(self.written),
            "kept as it was": ", ".join(self.kept),
        }
        return View(
            Cell("Ready to write and validate tasks", "warn" if self.notes else "good"),
            [Facts(facts)],
            notes=[*self.notes, *self._more()],
            next=[(self.validate, "run the task once, here")],
            footer=self.footer,
        )

    def _more(self) -> list[str]:
        more = count(self.more, "more model")
        return [f"{more} can be had now: %kbench init --reset-models"] if self.more else []


def say_expiry(expiry: datetime | None) -> str:
    """Say when a token ends: ``"in 1 h 59 min (12:30 UTC)"``."""
    if expiry is None:
        return "unknown"
    left = (expiry - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return "expired"
    return f"in {duration(left)} ({expiry:%H:%M} UTC)"


def auth(session: Session, env_file: Path | None = None) -> AuthResult:
    """Fetch model proxy credentials into the env file and this kernel.

    ``LLM_DEFAULT`` is set too where it is missing: without it the task SDK fails on import.

    Parameters
    ----------
    session : Session
    env_file : Path, optional
        By default ``.env`` in the working directory.

    Raises
    ------
    KBenchError
        Whatever target, credentials and server have to say; the file is then unchanged.
    """
    result = _write(session, "auth", env_file or session.env_file)
    return replace(result, validate=_try_line(session))


def init(
    session: Session,
    env_file: Path | None = None,
    *,
    example_file: Path | None = Path("example_task.py"),
    reset_models: bool = False,
) -> AuthResult:
    """Do what :func:`auth` does, choose models, and put an example task and a syntax reference beside it.

    Parameters
    ----------
    session : Session
    env_file : Path, optional
        By default ``.env`` in the working directory.
    example_file : Path or None
        Where the example goes; the reference goes beside it. An existing file is never touched.
    reset_models : bool
        Replace models the user chose before.

    Raises
    ------
    KBenchError
        Whatever target, credentials and server have to say; nothing is then written.
    """
    from kbench_jupyter.actions.starter import check_place, starters, write_starters

    if example_file is not None:
        check_place(example_file)
    new = [str(path) for path in starters(example_file) if not path.exists()] if example_file else []
    then = ", choosing models " + ("anew" if reset_models else "where none are chosen yet")
    then += f", writing {' and '.join(new)}" if new else ""
    path = env_file or session.env_file
    result = _write(session, "init", path, then=then, models=True, reset=reset_models)
    result = replace(result, validate=_try_line(session, example_file))
    if example_file is None:
        return result
    written, kept = write_starters(example_file)
    return replace(result, written=tuple(written), kept=tuple(kept))


def _try_line(session: Session, example_file: Path | None = None) -> str:
    """Return what to type to try a task: this notebook's, and where there is none a file's."""
    try:
        session.notebook()
    except NotebookError:
        return f"%kbench validate -f {shlex.quote(str(example_file)) if example_file else 'FILE'}"
    return "%kbench validate"


def ensure_proxy(session: Session, env_file: Path | None = None) -> dict[str, str]:
    """Return the environment of a rehearsal, with credentials that are in force for the target.

    Reads the env file; fetches new credentials first when there are none, when they have expired or are
    about to, or when they belong to another server than the target (another target was chosen, or the
    embedded server came back on another port).

    Parameters
    ----------
    session : Session
    env_file : Path, optional

    Returns
    -------
    dict
        The env file's values over nothing else.
    """
    path = env_file or session.env_file
    values = envfile.read(path)
    target = session.target()
    reason = why_stale(values, target)
    if reason:
        _write(session, "auth", path, then=f": {reason}")
        values = envfile.read(path)
    elif target.is_local:
        # A key of its own for the rehearsal: it costs a millisecond here, and the one in the file may be of a
        # server that has been reset since.
        values |= _credentials(session.client(target).create_model_proxy_token("auth"))
    return values


def why_stale(values: Mapping[str, str], target: Target | None) -> str | None:
    """Say why an env file's credentials cannot be used, or None if they can.

    Parameters
    ----------
    values : mapping
        The env file's.
    target : Target or None
        What they are to be of; None where that cannot be told now, as while the embedded server is not running.
    """
    if not values.get(URL) or not values.get(KEY):
        return "there are none yet"
    if not values.get(DEFAULT):
        return f"{DEFAULT} is not set"
    if target is not None and target.is_local and not values[URL].startswith(target.base_url):
        return "those there belong to another server"
    if target is not None and not target.is_local and "127.0.0.1" in values[URL]:
        return "those there belong to the embedded server"
    try:
        expiry = datetime.fromisoformat(values[EXPIRY])
    except (KeyError, ValueError):
        return None
    expiry = expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)
    left = (expiry - datetime.now(UTC)).total_seconds()
    return "those there have expired" if left < MARGIN else None


def _write(
    session: Session,
    source: Literal["auth", "init"],
    path: Path,
    *,
    then: str = "",
    models: bool = False,
    reset: bool = False,
) -> AuthResult:
    target = session.target()
    client = session.client(target)
    envfile.refuse_read_only(path)  # before credentials are made that could not be kept
    session.reporter.say(f"Fetching model proxy credentials from {target.place} into {path}{then}.")
    token = client.create_model_proxy_token(source)
    before = envfile.read(path)
    values, notes, more = choose(client, before, complete=models, reset=reset)
    notes += model_notes(session, target) if models else ()
    values |= _credentials(token)
    envfile.upsert(path, values)
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
        more=more,
        footer=target.label,
    )


def _credentials(token: ModelProxyToken) -> dict[str, str]:
    expiry = token.expiry_time
    text = expiry.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z" if expiry else ""
    return {URL: token.base_uri, KEY: token.token, EXPIRY: text}


def refresh_sdk(names: Sequence[str] = ("llm", "judge_llm")) -> None:
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
    for model in [*(getattr(sdk, name, None) for name in names), *getattr(sdk, "llms", {}).values()]:
        client: Any = getattr(model, "client", None)
        if hasattr(client, "api_key") and hasattr(client, "base_url"):
            client.api_key, client.base_url = os.environ[KEY], f"{base}/openapi"
    if getattr(sdk.llm, "client", None) is None:
        sdk.llm = sdk.kaggle.load_default_model()
        sdk.judge_llm = sdk.kaggle.load_judge_model()
        sdk.llms = sdk.kaggle.load_available_models()
