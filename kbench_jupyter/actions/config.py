"""Config: each setting, its value in force, and where that came from."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.display.view import Cell, Shown, Table, View
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.session import local_server
from kbench_jupyter.session.layers import Layers
from kbench_jupyter.session.local_server import LocalStatus
from kbench_jupyter.session.server_settings import differences, environment, in_force
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.settings import SERVER_SETTINGS, SETTINGS, Setting
from kbench_jupyter.session.target import home


@dataclass(frozen=True)
class SettingsShown(Shown):
    """Settings: of each its name, its value, where that came from, and what it is."""

    rows: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...] = ()
    #: The settings whose value cannot be, which a note explains.
    wrong: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe the settings."""
        table = Table(
            ["setting", "value", "from", "is"],
            [
                [name, Cell(value, "bad") if name in self.wrong else value, *more]
                for name, value, *more in self.rows
            ],
        )
        return View(
            "Settings",
            [table],
            notes=self.notes,
            next=[
                ("%config KBench.target = 'local'", "set one for this kernel"),
                ("KBENCH_TARGET=local", "set it for good, in the environment or in .env"),
                ("KBENCH_WORKERS=4", "the embedded server's own: in the environment it is started from"),
            ],
        )


def settings(session: Session) -> SettingsShown:
    """Show each setting, its value and where it came from; of the embedded server's own, whether it has it."""
    layers = session.environ if isinstance(session.environ, Layers) else Layers({}, session.environ)
    rows: list[tuple[str, str, str, str]] = []
    wrong: dict[str, str] = {}
    for setting in SETTINGS:
        value, source, problem = _in_force(session, layers, setting)
        rows.append((setting.name, value, source, setting.help))
        if problem:
            wrong[setting.name] = problem
    status = None if "home" in wrong else local_server.status(home(session.environ), models=False)
    environ = environment(session)
    for setting in SERVER_SETTINGS:
        value, source = _of_server(setting, status, environ.get(setting.variable))
        rows.append((setting.name, value, source, setting.help))
    notes = (*wrong.values(), *differences(session, status), *_not_read(layers))
    return SettingsShown(tuple(rows), notes, tuple(wrong))


def _in_force(session: Session, layers: Layers, setting: Setting) -> tuple[str, str, str]:
    """Return a setting's value, where it came from, and what is wrong with it: this is what one looks with."""
    try:
        found = layers.source(setting.variable)
    except KBenchError as refused:
        # The last value that %config was given: until there is a good one, none holds.
        return "refused", f"%config KBench.{setting.name}", str(refused)
    value, source = found or (setting.default, "default")
    if setting.name == "target" and session.chosen and not _has_address(layers):
        return session.chosen, "%kbench target", ""
    problem = ""
    if found:
        try:
            setting.read(value)
        except KBenchError as error:
            told = " ".join(filter(None, [error.message, error.hint]))
            problem = f"{setting.name} cannot be what {source} says. {told}"
    return setting.shown(value), source, problem


def _has_address(layers: Layers) -> bool:
    try:
        return bool(layers.get("KBENCH_API_URL"))
    except KBenchError:  # refused, and told so in its own row
        return False


def _of_server(setting: Setting, status: LocalStatus | None, wanted: str | None) -> tuple[str, str]:
    """Return the value of a setting of the embedded server's own, and where it came from."""
    if wanted:
        unheard = "" if in_force(setting, status, wanted) else ", not in force"
        return setting.shown(wanted), f"environment variable {setting.variable}{unheard}"
    if not in_force(setting, status, ""):
        return status.settings[setting.name] if status else "", "the running embedded server"
    return setting.default, "default"


def _not_read(layers: Layers) -> list[str]:
    """Say which of the embedded server's settings stand where it does not look: in ``.env``."""
    found = {setting.variable: layers.source(setting.variable) for setting in SERVER_SETTINGS}
    return [
        f"{name} in {place[1]} is not read: the embedded server takes it from the environment it is started in."
        for name, place in found.items()
        if place and name not in place[1]
    ]
