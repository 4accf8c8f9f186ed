"""The panel: one anywidget that carries parts to the browser.

Nothing a part shows is ever a trait: the browser asks for it when it draws a view, and again when it has
missed a message, so nothing of it can be saved with the notebook but the static form.

From the browser::

    {"hello": view}                    a view was drawn: send everything
    {"bye": view}                      it is gone
    {"part": name, "do": verb, ...}    a click; with "ask" where one view wants an answer
    {..., "seen": true}                a sign of life is wanted, whatever else comes of the message

To the browser::

    {"n": 7, "part": name, "set": {...}, "rows": [...], "replace": bool}     changes, numbered
    {"part": name, "reply": ask, ...}                                        an answer
    {"seen": true}                                                           a sign of life
    {"form": {mime type: text}}                                              the static form, a new one
    {"closed": true}                                                         the last word

The browser writes the static form into the notebook whenever that is saved (``widgets/static_form.js``).
"""

from __future__ import annotations

import contextvars
import itertools
import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from kbench_jupyter.display.text import SIGNS
from kbench_jupyter.display.view import forms, shortened
from kbench_jupyter.panels.part import Part
from kbench_jupyter.widgets.es_modules import joined, styles
from kbench_jupyter.widgets.widget import Widget

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session

#: Seconds between two messages of a panel: ten a second at most.
GAP = 0.1
#: Seconds without a change after which the static form is sent, and the most it may be behind.
SETTLED, LATEST = 0.5, 15.0
#: Rows of a table in the static form: 500 models would be a third of a megabyte in the notebook.
_ROWS = 50
#: A span of time in a text: that it has grown makes no other static form.
_SPAN = re.compile(r"\b\d[\d.]* (ms|s|min|h)\b")
_HERE = Path(__file__).parent
log = logging.getLogger(__name__)


class Outbox:
    """Sends what a panel has to tell, gathered for a moment, in a thread that lasts as long as there is any.

    Once all is told and nothing has changed for a moment, it sends the panel's static form.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._lock = threading.Lock()
        self._due = self._running = False
        self._woken = threading.Event()
        self._closed = threading.Event()

    def wake(self) -> None:
        """Send soon; from any thread."""
        with self._lock:
            if self._closed.is_set():
                return
            self._due = True
            self._woken.set()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._go, name="kbench-panel-send", daemon=True).start()

    def close(self) -> None:
        """Send nothing any more."""
        self._closed.set()
        self._woken.set()

    def _go(self) -> None:
        behind = 0.0  # since when the static form may be another one; 0 when it is not
        while True:
            with self._lock:
                due, self._due = self._due, False
                if self._closed.is_set() or not (due or behind):
                    self._running = False
                    return
                self._woken.clear()
            if due:
                self._send(self._panel.news())
                behind = behind or time.monotonic()
            if not self._woken.wait(SETTLED) or time.monotonic() - behind > LATEST:
                self._send(self._panel.form_news())
                behind = 0.0

    def _send(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            if self._closed.is_set():
                return
            self._panel.send(message)
            self._closed.wait(GAP)


class Panel(Widget):
    """Shows a part and all inside it, in as many views as there are; closing the session closes it."""

    _esm = joined(_HERE / "panel.js", SIGNS=SIGNS | {"next": "→"})
    _css = styles(_HERE / "panel.css", _HERE / "charts" / "charts.css", _HERE / "samples" / "samples.css")
    root = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session, part: Part) -> None:
        self._session = session
        self._outbox: Outbox | None = None
        self._parts: dict[str, Part] = {}
        self._sent = itertools.count(1)
        self._views: set[str] = set()
        self._heard: contextvars.Context | None = None  # in it the kernel knows which page spoke
        self._everything = False
        self._form: dict[str, Any] = {}
        self._form_key = ""
        self._form_told = False
        self.part = part
        self.adopt(part)
        super().__init__(root=part.name)
        self._outbox = Outbox(self)
        self.on_msg(self._receive)
        session.at_close(self.close)

    def adopt(self, part: Part) -> None:
        """Carry `part`, and all inside it, from now on."""
        for one in part.every():
            self._parts[one.name] = one
            one.panel = self
            if self._views:
                one.awake()

    def wake(self) -> None:
        """Send changes soon, if anybody looks."""
        if self._views and self._outbox is not None:
            self._outbox.wake()

    def news(self) -> Iterable[dict[str, Any]]:
        """Yield the messages that are due; called by the outbox, in its thread."""
        everything, self._everything = self._everything, False
        for name, part in list(self._parts.items()):
            if part.closed:
                self._parts.pop(name, None)
                continue
            for message in part.news(everything=everything):
                yield {"n": next(self._sent), "part": name, "time": time.time() * 1000, **message}

    def form(self) -> dict[str, Any]:
        """Return the static form; the same one for as long as only time has passed."""
        made = forms(shortened(self.part.view(), _ROWS))
        key = _SPAN.sub("", made["text/plain"])
        if key != self._form_key:
            self._form, self._form_key, self._form_told = made, key, False
        return self._form

    def form_news(self) -> Iterable[dict[str, Any]]:
        """Yield the static form if it has not been sent as it is now; called by the outbox, in its thread."""
        try:
            form = self.form()
        except Exception:  # the panel goes on without: the form before is good enough
            log.debug("no static form", exc_info=True)
            return
        if not self._form_told:
            self._form_told = True
            yield {"form": form}

    def post(self, part: Part, message: Mapping[str, Any]) -> None:
        """Send one message now."""
        if self._outbox is not None:
            self.send({"part": part.name, **message})

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, Mapping) or self._outbox is None:
            return
        self._heard = contextvars.copy_context()
        if "hello" in content:
            self._hello(str(content["hello"]))
        elif "bye" in content:
            self._bye(str(content["bye"]))
        if "seen" in content:
            self.send({"seen": True})
        if part := self._parts.get(str(content.get("part"))):
            part.receive(content)

    def command_ran(self) -> None:
        """Look again, as the page heard from last would: that of the cell in which a command ran may be closed."""
        if self._heard is not None:
            self._heard.copy().run(self.part.command_ran)

    def _hello(self, view: str) -> None:
        first = not self._views
        self._views.add(view)
        self._everything = True
        self._form_told = False
        if first:
            for part in self.part.every():
                part.awake()
        self.wake()

    def _bye(self, view: str) -> None:
        self._views.discard(view)
        if not self._views:
            for part in self.part.every():
                part.asleep()

    def close(self) -> None:
        """End the panel's threads and connections; its static form takes its place on the page."""
        outbox, self._outbox = self._outbox, None
        self._session.not_at_close(self.close)
        if outbox is not None:
            outbox.close()
            for message in self.form_news():
                self.send(message)
            self.send({"closed": True})
            self.part.close()
        super().close()
