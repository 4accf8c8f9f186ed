"""nbclient's notebook client, which also tells each piece of output at the moment it arrives."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbclient import NotebookClient

from kbench_jupyter.execution.events import CellFailed, CellOutput, Event, failed_line

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from kbench_jupyter.execution.kernel import FreshKernel

_WIDGET = "application/vnd.jupyter.widget-view+json"
#: Characters of what a notebook prints that its copy with outputs keeps.
_MOST_TEXT = 20 * 2**20
#: Characters of what a notebook shows (pictures, tables, widgets' views) that its copy keeps at a time.
_MOST_SHOWN = 100 * 2**20
#: Seconds after a cell has ended in which what it wrote is read to its end: much of it takes long on a busy machine.
_READING = 600
_DISPLAYED = ("execute_result", "display_data", "update_display_data")

#: Where nbclient's own words go: nowhere. It logs through the running application (IPython, a kernel), which
#: prints them; what happened is in the `Outcome`.
_UNHEARD = logging.getLogger(f"{__name__}.nbclient")
_UNHEARD.addHandler(logging.NullHandler())
_UNHEARD.propagate = False


class StreamingClient(NotebookClient):
    """Executes cells on a kernel that somebody else started, and calls `emit` with each `CellOutput`."""

    def __init__(self, nb: NotebookNode, kernel: FreshKernel, emit: Callable[[Event], None]) -> None:
        super().__init__(
            nb,
            km=kernel.manager,
            store_widget_state=False,
            timeout=None,
            iopub_timeout=_READING,
            log=_UNHEARD,
        )
        self.kc = kernel.client
        self._emit = emit
        #: The last cell that raised.
        self.failure: CellFailed | None = None
        self._left = _MOST_TEXT
        self._shown = 0
        self.on_cell_error = self._note_failure

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Emit a message's text, then let nbclient add it to the cell's outputs."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self._emit(CellOutput(cell_index, content["name"], content["text"]))
            if self._left <= 0:
                return None
            kept = content["text"][: self._left]
            self._left -= len(kept)
            if self._left <= 0:
                kept += f"\n[The notebook prints more than {_MOST_TEXT >> 20} MB; the rest is left out.]\n"
            msg = {**msg, "content": {**content, "text": kept}}
        elif msg["msg_type"] in _DISPLAYED:
            data = content.get("data", {})
            # A widget's plain text is the repr of an object: nothing that its author meant to say.
            if _WIDGET not in data and (text := data.get("text/plain")):
                self._emit(CellOutput(cell_index, "stdout", text if text.endswith("\n") else text + "\n"))
            if msg["msg_type"] != "update_display_data" and not self._has_room(data):
                return None
        return super().process_message(msg, cell, cell_index)

    def _has_room(self, data: dict[str, Any]) -> bool:
        """Whether the notebook's copy keeps one more of what is shown; of the first that it does not, it says so."""
        if self._shown > _MOST_SHOWN:
            return False
        self._shown += _size(data)
        if self._shown > _MOST_SHOWN:  # unless some was cleared since, as an animation's pictures are
            outputs = [output for cell in self.nb.cells for output in cell.get("outputs", ())]
            self._shown = sum(_size(output.get("data", {})) for output in outputs) + _size(data)
        if self._shown <= _MOST_SHOWN:
            return True
        note = f"[The notebook shows more than {_MOST_SHOWN >> 20} MB; the rest is left out.]"
        data.clear()
        data["text/plain"] = note
        return True

    def _note_failure(self, cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        content = execute_reply["content"]
        # What fails while IPython shows a cell's value is told by the output alone: the reply names no exception.
        shown = [output for output in cell.get("outputs", ()) if output["output_type"] == "error"]
        displaying = shown and content.get("ename") in (None, "", "NoneType")
        content = {**content, **(shown[-1] if displaying else {})}
        traceback = "\n".join(content.get("traceback", []))
        self.failure = CellFailed(
            index=cell_index,
            ename=content.get("ename", "Error"),
            evalue=content.get("evalue", ""),
            traceback=traceback,
            line=failed_line(traceback, content.get("execution_count")),
            displaying=bool(displaying),
        )


def _size(data: dict[str, Any]) -> int:
    return sum(len(value) if isinstance(value, str) else len(str(value)) for value in data.values())
