"""Presence: what the JupyterLab extension (``kbench_jupyter/labextension/``) is told, over one comm a page.

``%load_ext`` calls `install`, which only registers the comm's name: everything else is imported when a page opens it.

From the browser::

    {"do": "panel"}                                  which workflow panel to show; one is made if there is none
    {"do": "marks", "on": bool}                      whether findings are wanted while one types
    {"do": "fix", "ask": 3, "code", "cell", "line"}  the safe fix of one finding

To the browser::

    {"hello": {"version": "0.2.0", "protocol": 1}}   the first word
    {"panel": model id}                              that panel; again whenever a newer one was opened
    {"problem": [line, ...]}                         why there is no panel
    {"runs": {"task", "going", "failed", "ended"}}   the newest version's runs, as counts, when they changed
    {"over": {"task", "completed", "failed"}}        all runs that were going have ended
    {"marks": [{"code", "severity", "message", "hint", "cell", "line", "fix"}, ...]}
    {"reply": 3, "cell", "old", "new"}               a fix: the cell's text, and what is to take its place
    {"reply": 3, "problem": text}                    or why there is none
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kbench_jupyter.panels.newest import newest

if TYPE_CHECKING:
    from kbench_jupyter.panels.presence.page import Page
    from kbench_jupyter.session.session import Session

__all__ = ["TARGET", "install", "uninstall"]

TARGET = "kbench_jupyter"
"""The comm's name."""
#: Pages that are kept; one that was closed or reloaded never says so.
_MAX_PAGES = 8


class Door:
    """Opens a page for each browser that comes; the newest of them are kept."""

    def __init__(self, shell: Any, session_of: Callable[[], Session]) -> None:
        self._shell, self._session_of = shell, session_of
        self._pages: list[Page] = []
        self._used = False  # whether a command ran: a page that comes later looks at the runs at once
        shell.events.register("post_run_cell", self._ran)

    def open(self, comm: Any, _message: Any) -> None:
        """Answer a browser; called by the kernel."""
        from kbench_jupyter.panels.presence.page import Page

        self._pages.append(Page(self._session_of(), comm, self._leave, used=self._used))
        while len(self._pages) > _MAX_PAGES:
            self._pages[0].close()

    def _leave(self, page: Page) -> None:
        if page in self._pages:
            self._pages.remove(page)

    def _ran(self, result: Any) -> None:
        """Look again after a cell that may have pushed something, or scheduled or stopped runs."""
        code = getattr(getattr(result, "info", None), "raw_cell", "") or ""
        if "%kbench" in code:
            self._used = True
            for page in self._pages:
                page.look()
            if (panel := newest(self._session_of()).panel) is not None:
                panel.command_ran()

    def close(self) -> None:
        """Say the last word to every page."""
        self._shell.events.unregister("post_run_cell", self._ran)
        for page in list(self._pages):
            page.close()


_DOORS: WeakKeyDictionary[Any, Door] = WeakKeyDictionary()


def install(shell: Any, session_of: Callable[[], Session]) -> None:
    """Have `shell`'s kernel answer the extension; where there is no kernel (a terminal) nothing is done.

    Parameters
    ----------
    session_of : callable
        Returns the session of ``%kbench``, which is made when it is first asked for.
    """
    manager = getattr(getattr(shell, "kernel", None), "comm_manager", None)
    if manager is not None:
        uninstall(shell)
        door = _DOORS[shell] = Door(shell, session_of)
        manager.register_target(TARGET, door.open)


def uninstall(shell: Any) -> None:
    """Undo `install`."""
    if door := _DOORS.pop(shell, None):
        door.close()
        shell.kernel.comm_manager.targets.pop(TARGET, None)
