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

import itertools
import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import traitlets

from kbench_jupyter.display.text import SIGNS
from kbench_jupyter.display.view import forms, shortened
from kbench_jupyter.panels.part import Part
from kbench_jupyter.widgets import static_form
from kbench_jupyter.widgets.es_modules import joined

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session

__all__ = ["Panel"]

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

    Parameters
    ----------
    panel : Panel
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


class Panel(anywidget.AnyWidget):
    """Shows a part and all inside it, in as many views as there are.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    part : Part
        What is shown.
    """

    _esm = joined(_HERE / "panel.js", SIGNS=SIGNS | {"next": "→"})
    _css = "".join(
        (_HERE / name).read_text(encoding="utf-8") for name in ("../widgets/widget.css", "panel.css")
    )
    root = traitlets.Unicode().tag(sync=True)
    ident = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session, part: Part) -> None:
        self._outbox: Outbox | None = None
        self._names: dict[Part, str] = {}
        self._numbers = itertools.count(1)
        self._sent = itertools.count(1)
        self._views: set[str] = set()
        self._everything = False
        self._form: dict[str, Any] = {}
        self._form_key = ""
        self._form_told = False
        self.part = part
        self.adopt(part)
        ident = uuid4().hex  # how the browser finds this panel in the document, from the first moment on
        super().__init__(model_id=ident, ident=ident, root=self._names[part])
        self._outbox = Outbox(self)
        self.on_msg(self._receive)
        session.at_close(self.close)

    def adopt(self, part: Part) -> None:
        """Carry `part`, and all inside it, from now on."""
        for one in part.every():
            if one not in self._names:
                self._names[one] = f"p{next(self._numbers)}"
                one.panel = self
        for one in part.every():
            one.set(**{name: self._names[inner] for name, inner in one.parts.items()})
            if self._views:
                one.awake()

    def name_of(self, part: Part) -> str:
        """Return the name by which the browser knows a part."""
        return self._names.get(part, "")

    def wake(self) -> None:
        """Send changes soon, if anybody looks."""
        if self._views and self._outbox is not None:
            self._outbox.wake()

    def news(self) -> Iterable[dict[str, Any]]:
        """Yield the messages that are due; called by the outbox, in its thread."""
        everything, self._everything = self._everything, False
        for part, name in list(self._names.items()):
            if part.closed:
                self._names.pop(part, None)
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
            self.send({"part": self.name_of(part), **message})

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, Mapping) or self._outbox is None:
            return
        if "hello" in content:
            self._hello(str(content["hello"]))
        elif "bye" in content:
            self._bye(str(content["bye"]))
        if "seen" in content:
            self.send({"seen": True})
        part = next((part for part, name in self._names.items() if name == content.get("part")), None)
        if part is not None:
            part.receive(content)

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
        if outbox is not None:
            outbox.close()
            for message in self.form_news():
                self.send(message)
            self.send({"closed": True})
            self.part.close()
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return {**data, **self.form()}, static_form.mark(self.ident)
