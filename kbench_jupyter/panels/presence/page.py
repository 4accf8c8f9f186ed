"""One page of a browser that shows this kernel's notebook: its panel, its runs, its marks."""

from __future__ import annotations

import contextvars
import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from kbench_jupyter._version import __version__
from kbench_jupyter.actions import document
from kbench_jupyter.actions.standing import standing
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels import workflow_panel
from kbench_jupyter.panels.newest import newest
from kbench_jupyter.panels.presence.marks import Marking
from kbench_jupyter.panels.presence.runs import Runs
from kbench_jupyter.panels.session import PartSession
from kbench_jupyter.session.session import Session, SilentReporter

#: What a page must understand; counted up when messages change their meaning.
PROTOCOL = 1
#: Seconds to wait for the page's document: the notebook mirror may have been created with the same request.
_PATIENCE = 3.0
log = logging.getLogger(__name__)


class Page:
    """Answers one page; each answer that takes longer than a moment comes from a thread.

    Parameters
    ----------
    session : Session
        Its end closes the page.
    comm : Comm
        The page's end of the line.
    leave : callable
        Called once, when the page is closed.
    used : bool
        Whether a command ran before the page came.
    """

    def __init__(
        self, session: Session, comm: Any, leave: Callable[[Page], None], *, used: bool = False
    ) -> None:
        self._session, self._comm, self._leave = session, comm, leave
        self._closed = False
        self._opening = threading.Lock()
        self.quiet = PartSession(session, SilentReporter())
        self.window = document.open_document(session)
        self._marking = Marking(session, self.window, self.send)
        self._runs = Runs(session, self.quiet, self.send)
        self._newest = newest(session)
        self._newest.listeners.append(self._tell_panel)
        comm.on_msg(self._receive)
        comm.on_close(lambda _message: self.close(said=True))
        session.at_close(self.close)
        self.send({"hello": {"version": __version__, "protocol": PROTOCOL}})
        self._tell_panel()
        if used or self._newest.panel is not None or session.pushed:  # a page that was loaded anew, perhaps
            self.look()

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the page something; from any thread."""
        if not self._closed:
            self._comm.send(dict(message))

    def look(self) -> None:
        """Look where the runs stand."""
        self._in_thread("look", self._runs.look)

    def close(self, *, said: bool = False) -> None:
        """End everything that goes on for this page; `said` where the page has closed the line itself."""
        if self._closed:
            return
        self._closed = True
        self._session.not_at_close(self.close)
        self._newest.listeners.remove(self._tell_panel)
        self._marking.close()
        self._runs.close()
        if not said:
            self._comm.close()
        self._leave(self)

    def _receive(self, message: Mapping[str, Any]) -> None:
        data = message["content"]["data"]
        act = getattr(self, f"_do_{data.get('do')}", None) if isinstance(data, Mapping) else None
        if act is not None and not self._closed:
            act(data)

    def _in_thread(self, name: str, work: Callable[[], None]) -> None:
        context = contextvars.copy_context()  # in it the kernel knows which window asks
        threading.Thread(target=context.run, args=(work,), name=f"kbench-{name}", daemon=True).start()

    # -- The panel -------------------------------------------------------------------------------------------

    def _do_panel(self, _data: Mapping[str, Any]) -> None:
        self._in_thread("panel", self._open_panel)

    def _open_panel(self) -> None:
        with self._opening:  # asked twice, it is made once
            if self._newest.panel is not None:
                self._tell_panel()
                return
            document.told(self._session, self.window, wait=_PATIENCE)
            try:
                workflow_panel(self._session, standing(self.quiet))  # which tells all pages
            except KBenchError as error:
                self.send({"problem": error.lines()})
            except Exception as error:  # a bug of ours: nobody to raise to, so it is shown
                log.debug("no panel", exc_info=True)
                lines = traceback.format_exc().splitlines()
                self.send({"problem": [f"{type(error).__name__}: {error}", "", *lines]})
        self._runs.look()

    def _tell_panel(self) -> None:
        if (panel := self._newest.panel) is not None:
            self.send({"panel": panel.model_id})

    # -- Findings --------------------------------------------------------------------------------------------

    def _do_marks(self, data: Mapping[str, Any]) -> None:
        self._marking.turn(on=data.get("on") is True)

    def _do_fix(self, data: Mapping[str, Any]) -> None:
        ask, code, cell, line = (data.get(key) for key in ("ask", "code", "cell", "line"))

        def answer() -> None:
            found = None
            with suppress(KBenchError):  # cells that make no source any more
                found = document.repair(self._session, self.window, str(code), str(cell), line)
            if found is None:
                problem = "This has no safe fix any more: the cells have changed."
                self.send({"reply": ask, "problem": problem})
            else:
                self.send({"reply": ask, "cell": found.cell, "old": found.old, "new": found.new})

        self._in_thread("fix", answer)
