"""The notebook mirror's widget. Imported once the kernel is idle, never by ``%load_ext``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets

from kbench_jupyter.notebook.mirror_state import MirrorState
from kbench_jupyter.widgets.es_modules import joined
from kbench_jupyter.widgets.widget import Widget


class NotebookMirror(Widget):
    """A widget without a view, whose front end tells the notebook's cells to `state`.

    No trait ever holds notebook text, so none can be saved with the notebook.
    """

    _esm = joined(Path(__file__).parent / "mirror.js")
    _view_name = traitlets.Any(None, allow_none=True).tag(sync=True)
    _view_module = traitlets.Any(None, allow_none=True).tag(sync=True)
    _view_module_version = traitlets.Unicode("").tag(sync=True)

    def __init__(self, state: MirrorState) -> None:
        self._told = state
        super().__init__()
        state.ask = lambda number: self.send({"ask": number})

    def _handle_msg(self, message: Any) -> None:
        """Take in a message whole: `on_msg` hands on no header, which names the session."""
        data = message["content"]["data"]
        if data.get("method") != "custom":
            super()._handle_msg(message)
        elif not self._told.receive(data.get("content"), message["header"].get("session", "")):
            self._told.ask(0)

    def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        return {"text/plain": repr(self)}, {}
