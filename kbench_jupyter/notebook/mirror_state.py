"""The kernel's side of the notebook mirror: what the browser has told about its documents.

A message from the browser (``msg:custom`` of the mirror widget)::

    {"client": "k3x...", "path": "folder/task.ipynb", "dirty": true,
     "order": ["id1", "id2"],                       all cell ids, when they changed
     "cells": [{"id", "type", "source", "tags"}],   changed cells only; never outputs
     "reset": true}                                 everything is in this message

One kernel may serve several documents (a notebook open in two windows, two notebooks on one kernel), so
each document has its own record; the id of the running cell tells them apart.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KINDS = ("code", "markdown", "raw")
_MAX_DOCUMENTS = 8  # windows that were closed never say so


@dataclass
class _Document:
    path: str = ""
    dirty: bool = False
    order: list[str] = field(default_factory=list)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return bool(self.order) and all(ident in self.cells for ident in self.order)


@dataclass(frozen=True)
class MirroredNotebook:
    """One document as the browser shows it.

    Parameters
    ----------
    path : str
        The path the Jupyter server knows it by.
    dirty : bool
        Whether it has edits that are not saved.
    cells : list of dict
        nbformat cells: ``cell_type``, ``id``, ``source``, ``metadata``.
    """

    path: str
    dirty: bool
    cells: list[dict[str, Any]]


class MirrorState:
    """Documents told by browsers. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, _Document] = {}

    def receive(self, content: Any) -> bool:
        """Take in one message.

        Parameters
        ----------
        content : object
            The message; anything malformed is ignored.

        Returns
        -------
        bool
            False when cells are missing, so that the browser should be asked for everything.
        """
        if not isinstance(content, Mapping) or not isinstance(content.get("client"), str):
            return True
        with self._lock:
            client = content["client"]
            document = self._documents.pop(client, None)
            if document is None or content.get("reset") is True:
                document = _Document()
            self._documents[client] = document  # newest last
            while len(self._documents) > _MAX_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
            _apply(document, content)
            return document.complete or not document.order

    def notebook(self, cell_id: str | None = None) -> MirroredNotebook | None:
        """Return a document: the one with this cell, or without an id the one heard from last.

        Parameters
        ----------
        cell_id : str, optional
            The id of the cell that is running.
        """
        with self._lock:
            for document in reversed(self._documents.values()):
                if document.complete and (cell_id is None or cell_id in document.order):
                    cells = [_as_nbformat(document.cells[ident]) for ident in document.order]
                    return MirroredNotebook(document.path, document.dirty, cells)
        return None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._documents.clear()

    def __repr__(self) -> str:
        return f"<MirrorState of {len(self._documents)} documents>"  # not what they hold


def _apply(document: _Document, content: Mapping[str, Any]) -> None:
    if isinstance(content.get("path"), str):
        document.path = content["path"]
    document.dirty = bool(content.get("dirty", document.dirty))
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
    out = {
        "cell_type": cell["type"],
        "id": cell["id"],
        "source": cell["source"],
        "metadata": {"tags": tags} if tags else {},
    }
    return out | ({"outputs": [], "execution_count": None} if cell["type"] == "code" else {})
