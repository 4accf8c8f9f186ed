"""Local: start, stop, look at and reset the embedded server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kbench_jupyter.actions import local_server
from kbench_jupyter.actions.server_settings import UPSTREAM, notes_on
from kbench_jupyter.actions.target import home
from kbench_jupyter.display.view import Cell, Facts, Shown, Text, View, count
from kbench_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kbench_jupyter.actions.session import Session

_LOG_LINES = 60


@dataclass(frozen=True)
class LocalShown(Shown):
    """The embedded server, or a word on what was done with it.

    Parameters
    ----------
    title : Cell
    facts : mapping
    text : str
        Lines of its log.
    notes : tuple of str
        Why models are missing, and which settings of this kernel's environment it does not have.
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


def command(session: Session, what: str, *, confirmed: bool = False) -> LocalShown:
    """Do one thing with the embedded server.

    Parameters
    ----------
    session : Session
    what : str
        ``"start"``, ``"stop"``, ``"status"``, ``"log"`` or ``"reset"``.
    confirmed : bool
        Whether the user has agreed to a reset.

    Raises
    ------
    LocalServerError
        If it does not start or stop.
    UsageError
        If a reset was not agreed to.
    """
    place = home(session.environ)
    if what == "start":
        server = local_server.ensure_running(place)
        return _running(session, server, "started" if server.started else "was running already")
    if what == "stop":
        return _stop(session, place)
    if what == "log":
        found = local_server.find(place)
        title = Cell("Log of the embedded server", "good" if found else "")
        return LocalShown(title, {}, local_server.log_tail(place, _LOG_LINES) or "(empty)")
    if what == "reset":
        return _reset(session, place, confirmed)
    found = local_server.find(place)
    return (
        _running(session, found, "is running")
        if found
        else LocalShown(Cell("The embedded server is not running"), {})
    )


def _running(session: Session, server: Any, how: str) -> LocalShown:
    facts = {"address": server.url, "process": str(server.pid), "state in": str(server.home)}
    status = local_server.status(server.home)
    if status is not None:
        facts["models"] = str(len(status.models))
        facts["model endpoint"] = status.settings.get(UPSTREAM) or "none"
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
        facts["ended early"] = (
            f"{count(before.going, 'job')}; runs among them read errored, schedule them again"
        )
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
