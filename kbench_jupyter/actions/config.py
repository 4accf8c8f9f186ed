"""Config: each setting, its value in force, and where that came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbench_jupyter.actions import local_server
from kbench_jupyter.actions.server_settings import differences, environment, in_force
from kbench_jupyter.actions.settings import SERVER_SETTINGS, SETTINGS, Layers, Setting
from kbench_jupyter.actions.target import home
from kbench_jupyter.display.view import Shown, Table, Value, View

if TYPE_CHECKING:
    from kbench_jupyter.actions.local_server import LocalStatus
    from kbench_jupyter.actions.session import Session


@dataclass(frozen=True)
class SettingsShown(Shown):
    """Each setting, its value and where it came from."""

    rows: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe the settings."""
        rows: list[list[Value]] = [list(row) for row in self.rows]
        return View(
            "Settings",
            [Table(["setting", "value", "from", "is"], rows)],
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
    rows = []
    for setting in SETTINGS:
        value, source = layers.source(setting.variable) or (setting.default, "default")
        if setting.name == "target" and session.chosen and not layers.get("KBENCH_API_URL"):
            value, source = session.chosen, "%kbench target"
        rows.append((setting.name, setting.shown(value), source, setting.help))
    status = local_server.status(home(session.environ), models=False)
    environ = environment(session)
    for setting in SERVER_SETTINGS:
        value, source = _of_server(setting, status, environ.get(setting.variable))
        rows.append((setting.name, value, source, setting.help))
    return SettingsShown(tuple(rows), (*differences(session, status), *_not_read(layers)))


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
