"""What this kernel has been told to run, and from which cells.

JupyterLab and VS Code send a cell's id along with its code. Where the notebook itself cannot be asked,
these executions are newer than the saved file and are laid over it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_CELL_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")  # nbformat 4.5


@dataclass(frozen=True)
class Executed:
    """One execution."""

    cell_id: str | None  # where the front end sends it
    text: str  # the code as it was sent
    at: float  # in seconds since the epoch
    shown: bool = False  # the front end named the cell in some way: then it shows a document of its own
    session: str | None = None  # by which the request came: the id of one window's connection to this kernel


class ExecutedCells:
    """Executions of one shell: the newest of each cell, and the one that is running. `start` begins it."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._lock = threading.Lock()
        self._runs: dict[tuple[str | None, str, bool], Executed] = {}
        self.running: Executed | None = None
        #: Called once, with the first execution.
        self.on_first: Callable[[Executed], None] | None = None

    def start(self) -> None:
        """Record from now on, beginning with the cell that runs at this moment."""
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self.adopt_parent()

    def stop(self) -> None:
        """Record no more."""
        for event, callback in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            if callback in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, callback)

    def adopt_parent(self) -> None:
        """Take the request the kernel is answering as an execution (the cell that loads the extension)."""
        parent = _parent_request(self._shell)
        content = parent.get("content", {})
        code = content.get("code")
        if isinstance(code, str) and not content.get("silent"):
            self._record(_cell_id_of(parent), code)

    @property
    def runs(self) -> list[Executed]:
        """The newest execution of each cell by each session, oldest first; without an id, of each text."""
        with self._lock:
            return list(self._runs.values())

    def _before(self, info: Any) -> None:
        if not _is_users(info):
            return
        # ipykernel before 6.3 sends no id along; the request it answers has it all the same.
        cell_id = getattr(info, "cell_id", None) or _cell_id_of(_parent_request(self._shell))
        self._record(cell_id, info.raw_cell)

    def _after(self, result: Any) -> None:
        if _is_users(getattr(result, "info", None)):
            self.running = None

    def _record(self, cell_id: str | None, text: str) -> None:
        # VS Code names cells by an address of its own, which no file knows.
        own = cell_id if cell_id and _CELL_ID.fullmatch(cell_id) else None
        self.running = Executed(own, text, time.time(), bool(cell_id), session_of(self._shell))
        key = (self.running.session, own or text, own is None)
        with self._lock:
            self._runs.pop(key, None)
            self._runs[key] = self.running
        if first := self.on_first:
            self.on_first = None
            first(self.running)


def _is_users(info: Any) -> bool:
    """Whether a run is a cell of the user's, not code that a magic or the front end runs in between."""
    return bool(getattr(info, "store_history", True)) and not getattr(info, "silent", False)


def session_of(shell: Any) -> str | None:
    """Return the session by which came what the kernel is answering: a cell, or a click in a panel."""
    session = _parent(shell).get("header", {}).get("session")
    return session if isinstance(session, str) and session else None


def answers_click(shell: Any) -> bool:
    """Whether the kernel is answering something that is not a cell, though one may be running."""
    return _parent(shell).get("header", {}).get("msg_type") not in (None, "execute_request")


def _parent(shell: Any) -> dict[str, Any]:
    kernel = getattr(shell, "kernel", None)
    try:
        return (kernel.get_parent() if kernel is not None else None) or {}
    except Exception:  # noqa: BLE001 -- an ipykernel too old for get_parent, or between two requests
        return {}


def _parent_request(shell: Any) -> dict[str, Any]:
    return {} if answers_click(shell) else _parent(shell)


def _cell_id_of(parent: dict[str, Any]) -> str | None:
    metadata = parent.get("metadata")
    cell_id = metadata.get("cellId") if isinstance(metadata, dict) else None
    return cell_id if isinstance(cell_id, str) and cell_id else None
