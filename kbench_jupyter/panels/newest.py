"""Which workflow panel of a session was opened last: a front end may show it a second time, beside the notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from kbench_jupyter.panels.panel import Panel
    from kbench_jupyter.session.session import Session


class Newest:
    """The newest workflow panel of a session, and who wants to know of a newer one."""

    def __init__(self) -> None:
        self._panel: Panel | None = None
        self.listeners: list[Callable[[], None]] = []

    @property
    def panel(self) -> Panel | None:
        """The panel, if it is still open."""
        return None if self._panel is None or self._panel.part.closed else self._panel

    def turn_to(self, panel: Panel) -> None:
        """Note a newer panel; called in whichever thread made it."""
        self._panel = panel
        for listener in list(self.listeners):
            listener()


_NEWEST: WeakKeyDictionary[Session, Newest] = WeakKeyDictionary()


def newest(session: Session) -> Newest:
    """Return what is known of a session's newest panel; the session's end forgets it."""
    if session not in _NEWEST:
        _NEWEST[session] = Newest()
        session.at_close(lambda: _forget(session))
    return _NEWEST[session]


def _forget(session: Session) -> None:
    _NEWEST.pop(session, None)
