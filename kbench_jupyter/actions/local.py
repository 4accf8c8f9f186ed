"""Local: start, stop, look at and reset the embedded server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.display.view import Cell, Facts, Shown, Text, View, count, told
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import envfile, local_server
from kbench_jupyter.session.local_process import Endpoint
from kbench_jupyter.session.local_server import LocalStatus
from kbench_jupyter.session.server_settings import UPSTREAM, environment, notes_on
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.settings import SERVER_SETTINGS
from kbench_jupyter.session.target import home

_LOG_LINES = 60
_WITH_ENDPOINT = "%kbench local start --upstream URL --key-from VARIABLE"


@dataclass(frozen=True)
class LocalShown(Shown):
    """The embedded server, or a word on what was done with it; `text` holds lines of its log.

    Notes say why models are missing, and which settings of this kernel's environment it does not have.
    """

    title: Cell
    facts: Mapping[str, Any]
    text: str = ""
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe the server."""
        parts = [Facts(self.facts), *([Text(self.text, code=True)] if self.text else ())]
        running = self.title.tone == "good"
        steps = [("%kbench local stop", "stop it")] if running else [("%kbench local start", "start it")]
        return View(self.title, parts, notes=self.notes, next=steps)


def command(
    session: Session,
    what: str,
    *,
    confirmed: bool = False,
    upstream: str | None = None,
    key_from: str | None = None,
) -> LocalShown:
    """Do one thing with the embedded server.

    Parameters
    ----------
    what : str
        ``"start"``, ``"stop"``, ``"status"``, ``"log"`` or ``"reset"``.
    confirmed : bool
        Whether the user has agreed to a reset.
    upstream : str, optional
        For a start: the address of an OpenAI-compatible endpoint whose models it offers.
    key_from : str, optional
        The environment variable, or the line of ``.env``, that holds the endpoint's key.

    Raises
    ------
    LocalServerError
        If it does not start or stop.
    UsageError
        If a reset was not agreed to, the key is not where it is said to be, or the server runs with another
        endpoint.
    """
    place = home(session.environ)
    if what == "start":
        return _start(session, place, _endpoint(session, upstream, key_from))
    if upstream or key_from:
        raise UsageError(
            f"%kbench local {what} takes no model endpoint, only start does.", hint=_WITH_ENDPOINT
        )
    if what == "stop":
        return _stop(session, place)
    if what == "log":
        found = local_server.find(place)
        title = Cell("Log of the embedded server", "good" if found else "")
        return LocalShown(title, {}, local_server.log_tail(place, _LOG_LINES) or "(empty)")
    if what == "reset":
        return _reset(session, place, confirmed)
    if found := local_server.find(place):
        return _running(session, found, "is running")
    return LocalShown(Cell("The embedded server is not running"), {})


def _start(session: Session, place: Any, endpoint: Endpoint | None) -> LocalShown:
    if endpoint and local_server.find(place) is None:
        key = f", its key from {endpoint.key_from}" if endpoint.key else ""
        session.reporter.say(f"Starting the embedded server with the models of {_shown(endpoint)}{key}.")
    server = local_server.ensure_running(place, endpoint=endpoint)
    if endpoint and not server.started:
        _refuse_other(local_server.status(place, models=False), endpoint)
    return _running(session, server, "started" if server.started else "was running already")


def _endpoint(session: Session, upstream: str | None, key_from: str | None) -> Endpoint | None:
    """Return the endpoint to start with. Messages never repeat what stands for the variable: it may be a key."""
    if not upstream:
        if key_from:
            raise UsageError(
                "--key-from names the key of an endpoint: --upstream is missing.", hint=_WITH_ENDPOINT
            )
        return None
    if not key_from:
        return Endpoint(upstream.strip())
    path = Path(session.environ.get("KBENCH_ENV_FILE") or ".env").expanduser()
    key = environment(session).get(key_from) or envfile.read(path).get(key_from) or ""
    if not key.strip():
        raise UsageError(
            f"The variable that --key-from names holds nothing, neither in this kernel's environment nor in {path}.",
            hint=f"Write the key into {path} as a line such as MY_ENDPOINT_KEY=..., then: {_WITH_ENDPOINT}",
        )
    return Endpoint(upstream.strip(), key.strip(), key_from)


def _shown(endpoint: Endpoint) -> str:
    return next(setting for setting in SERVER_SETTINGS if setting.name == UPSTREAM).shown(endpoint.url)


def _refuse_other(status: LocalStatus | None, endpoint: Endpoint) -> None:
    """Refuse to go on with a running server that was started with another endpoint, or another key."""
    if status is None or status.settings.get("upstream_proof") == endpoint.proof(status.server.token):
        return
    has = status.settings.get(UPSTREAM)
    started = "without a model endpoint" if not has else f"with {has}"
    if has == _shown(endpoint):
        started += ", and with another key"
    again = f"%kbench local start --upstream {shlex.quote(_shown(endpoint))}"
    again += f" --key-from {endpoint.key_from}" if endpoint.key_from else ""
    going = f" ({count(status.going, 'job')} would end)" if status.going else ""
    raise UsageError(
        f"The embedded server runs already, started {started}: {_shown(endpoint)} was not taken.",
        hint=f"Stop it first{going}: %kbench local stop\n{again}",
    )


def _running(session: Session, server: Any, how: str) -> LocalShown:
    facts = {"address": server.url, "process": told(server.pid), "state in": str(server.home)}
    status = local_server.status(server.home)
    if status is not None:
        facts["models"] = told(len(status.models))
        facts["model endpoint"] = status.settings.get(UPSTREAM) or "none"
        facts["its key from"] = status.settings.get("upstream_key_from") or ""
    notes = notes_on(session, status)
    return LocalShown(Cell(f"The embedded server {how}", "good"), facts, notes=notes)


def _stop(session: Session, place: Any) -> LocalShown:
    before = local_server.status(place)
    if before is not None:
        session.reporter.say(
            f"Stopping the embedded server at {before.server.url}; its tasks and runs stay in {before.server.home}."
        )
    stopped = local_server.stop(place)
    facts = {}
    if before is not None and before.going:
        ended = count(before.going, "job")
        facts["ended early"] = f"{ended}; runs among them read errored, schedule them again"
    if before is not None and before.waiting:
        facts["waiting"] = f"{count(before.waiting, 'job')} for the next start"
    return LocalShown(Cell("The embedded server " + ("has stopped" if stopped else "was not running")), facts)


def _reset(session: Session, place: Any, confirmed: bool) -> LocalShown:
    folder = local_server.home_folder(place)
    if not confirmed and not session.reporter.confirm(
        f"Forget every task, run and output that the embedded server holds in {folder}?"
    ):
        raise UsageError(
            f"Nothing was reset: it would forget every task, run and output in {folder}.",
            hint="To do it without being asked: %kbench local reset -y",
        )
    session.reporter.say(f"Deleting what the embedded server holds in {folder}.")
    local_server.reset(place)
    return LocalShown(Cell("The embedded server's tasks, runs and outputs are gone"), {})
