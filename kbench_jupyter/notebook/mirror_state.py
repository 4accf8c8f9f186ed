"""The kernel's side of the notebook mirror: what the browser has told about its documents.

A message from the browser (``msg:custom`` of the mirror widget)::

    {"client": "k3x...", "seq": 7,                  each document counts its messages
     "path": "folder/task.ipynb", "dirty": true,
     "saved": 1763000000.5,                         when its file was written, where the page knows
     "order": ["id1", "id2"],                       all cell ids, when they changed
     "cells": [{"id", "type", "source", "tags"}],   changed cells only; never outputs
     "reset": true,                                 everything is in this message
     "answers": 3}                                  with it, the number of the question it answers

One kernel may serve several documents (a notebook open in two windows, two notebooks on one kernel), and a
window that is closed or crashes does not say so. So each document has its own record, with the session its
messages came by: the id that a page puts into the header of all it sends, a cell to be run as well as a word
of its mirror. A document is told of only to a request that came by that session, so the page that told is
the one that asks.

A page's words and its requests are heard in order where one thread takes both. Where JupyterLab uses
subshells they may not be, or a busy kernel may not have heard the last words yet. Then the page is asked,
and its answer, which is everything, waited for; what arrives of its earlier words after that is left.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_KINDS = ("code", "markdown", "raw")
_MAX_DOCUMENTS = 8  # windows that were closed never say so
ANSWER_SECONDS = 3.0
"""How long a page may take to answer, which has just run a cell or been clicked at."""


@dataclass
class _Document:
    session: str
    path: str = ""
    dirty: bool = False
    saved: float | None = None
    heard: float = 0.0
    seq: int = 0
    answered: int = 0
    thread: int = 0
    context: contextvars.Context = field(default_factory=contextvars.copy_context)  # knows its subshell
    order: list[str] = field(default_factory=list)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return bool(self.order) and all(ident in self.cells for ident in self.order)


@dataclass(frozen=True)
class MirroredNotebook:
    """One document as the browser shows it."""

    path: str  # by which the Jupyter server knows it
    dirty: bool  # it has edits that are not saved
    cells: list[dict[str, Any]]  # of nbformat: cell_type, id, source, metadata
    #: Until when the page knows its file (seconds since the epoch): when it loaded or saved it, on the server's
    #: clock, or else when it was last heard.
    known: float


class MirrorState:
    """Documents told by browsers. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._documents: dict[str, _Document] = {}
        self._asked = 0
        self._listeners: list[Callable[[str], None]] = []
        self.ask: Callable[[int], None] = lambda _number: None
        """Asks all pages for everything; set by the widget. The answer comes by the subshell that asks."""

    def receive(self, content: Any, session: str) -> bool:
        """Take in one message that came by a session; anything malformed is ignored.

        False is returned when cells are missing, so that the browser should be asked for everything.
        """
        if not isinstance(content, Mapping) or not isinstance(content.get("client"), str):
            return True
        with self._lock:
            client, seq = content["client"], content.get("seq")
            document = self._documents.pop(client, None) or _Document(session)
            self._documents[client] = document  # newest last
            if not isinstance(seq, int) or seq <= document.seq:
                return True
            before = document.path, document.order, dict(document.cells)
            if content.get("reset") is True:
                document = self._documents[client] = _Document(session)
            elif seq != document.seq + 1:
                document.seq, document.order = seq, []  # it is not known until all is told
                return False
            document.seq = seq
            while len(self._documents) > _MAX_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
            _apply(document, content)
            self._lock.notify_all()
            known = document.complete or not document.order
            edited = document.complete and before != (document.path, document.order, document.cells)
            listeners = self._listeners if edited else []
        for listener in listeners:
            listener(session)
        return known

    def listen(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with a page's session whenever its document was edited or moved; return what ends that.

        It is called in the thread and context in which the page told so, and must return at once.
        """
        with self._lock:
            self._listeners = [*self._listeners, listener]

        def end() -> None:
            with self._lock:
                self._listeners = [other for other in self._listeners if other != listener]

        return end

    def notebook(self, session: str | None, cell_id: str | None = None) -> MirroredNotebook | None:
        """Return the document of the page that asks, by its session and perhaps its cell, if it has told of it."""
        if not self._is_current(session):
            self.ask(0)  # so that the next request finds it
            return None
        with self._lock:
            document = self._of(session)
            if document is None or (cell_id is not None and cell_id not in document.order):
                return None
            return _mirrored(document)

    def told(self, session: str, wait: float = 0.0) -> MirroredNotebook | None:
        """Return the document of a session's page as it was last told, asking nobody.

        Where it was never told, its first word is waited for, at most so many seconds.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._of(session) is not None, wait)
            document = self._of(session)
            return None if document is None else _mirrored(document)

    def _of(self, session: str | None) -> _Document | None:
        """The document heard from last of those that came by a session."""
        newest = reversed(self._documents.values())
        return next((each for each in newest if each.session == session and each.complete), None)

    def _is_current(self, session: str | None) -> bool:
        """Whether all is known that a session's page told before its request."""
        with self._lock:
            document = self._of(session)
            if document is None or document.thread == threading.get_ident():
                return document is not None
            self._asked += 1
            number = self._asked
        # A busy main thread would not hear an answer to itself: it asks by the subshell that was last heard.
        main = threading.current_thread() is threading.main_thread()
        context = document.context if main else contextvars.copy_context()
        context.copy().run(self.ask, number)

        def answered() -> bool:
            document = self._of(session)
            return document is not None and document.answered >= number

        with self._lock:
            return self._lock.wait_for(answered, ANSWER_SECONDS)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._documents.clear()

    def __repr__(self) -> str:
        return f"<MirrorState of {len(self._documents)} documents>"  # not what they hold


def _mirrored(document: _Document) -> MirroredNotebook:
    cells = [_as_nbformat(document.cells[ident]) for ident in document.order]
    known = document.heard if document.saved is None else document.saved
    return MirroredNotebook(document.path, document.dirty, cells, known)


def _apply(document: _Document, content: Mapping[str, Any]) -> None:
    if isinstance(content.get("path"), str):
        document.path = content["path"]
    document.dirty = bool(content.get("dirty", document.dirty))
    document.heard, document.thread = time.time(), threading.get_ident()
    document.context = contextvars.copy_context()
    saved, answers = content.get("saved"), content.get("answers")
    document.saved = float(saved) if isinstance(saved, (int, float)) else None
    document.answered = answers if isinstance(answers, int) else document.answered
    cells = content.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, Mapping) and _well_formed(cell):
            document.cells[cell["id"]] = dict(cell)
    order = content.get("order")
    if isinstance(order, list) and all(isinstance(ident, str) for ident in order):
        document.order = order
        document.cells = {ident: cell for ident, cell in document.cells.items() if ident in set(order)}


def _well_formed(cell: Mapping[str, Any]) -> bool:
    return (
        isinstance(cell.get("id"), str) and isinstance(cell.get("source"), str) and cell.get("type") in _KINDS
    )


def _as_nbformat(cell: Mapping[str, Any]) -> dict[str, Any]:
    tags = cell.get("tags")
    tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    out = {"cell_type": cell["type"], "id": cell["id"], "source": cell["source"]}
    out["metadata"] = {"tags": tags} if tags else {}
    return out | ({"outputs": [], "execution_count": None} if cell["type"] == "code" else {})
