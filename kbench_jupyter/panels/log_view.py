"""The log view: a panel with one tab a run, all live at once.

The lines stay in the kernel (`log_buffer`), read once for all views (`log_source`); the browser gets what it
shows (`log_pump`) and draws it (``log_view.js``). No trait ever holds a line, so none can be saved with the
notebook; what is saved is the static form.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import traitlets

from kbench_jupyter.display.html import CODE, FRAME, TONES
from kbench_jupyter.display.view import Cell, Part, Text, View, count, forms
from kbench_jupyter.following.logs.follow import strip_codes
from kbench_jupyter.notebook import static_form as saved
from kbench_jupyter.notebook.es_modules import joined
from kbench_jupyter.panels.log_pump import LogPump
from kbench_jupyter.panels.log_source import LogSource, RunLog, log_source

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session

__all__ = ["LogView", "open_log_view"]

#: Seconds given to the logs of ended runs, so that the static form has something to show.
_PATIENCE = 3.0
#: What the static form shows of a run, and of how many runs.
_TAIL, _RUNS, _COLUMNS = 100, 20, 2000
_HERE = Path(__file__).parent


class LogView(anywidget.AnyWidget):
    """Shows the logs of a task's runs.

    Parameters
    ----------
    source : LogSource
        Used already on behalf of this widget, which releases it when closed.
    """

    _esm = joined(_HERE / "log_view.js", STYLES={"view": FRAME, "code": CODE, "tones": TONES})
    _css = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("widget.css", "log_view.css"))
    task = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    #: Its own model id: by it the front end finds its output in the document.
    ident = traitlets.Unicode().tag(sync=True)

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._pump: LogPump | None = None
        ident = uuid4().hex
        super().__init__(model_id=ident, ident=ident, task=source.task, label=source.label)
        self._pump = LogPump(source, self.send)
        self.on_msg(self._receive)
        self._pump.start()

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if self._pump is not None:
            self._pump.receive(content)

    def close(self) -> None:
        """End this view's thread and, if it was the last view of these runs, their connections.

        On the page its static form takes its place.
        """
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.close()
            self.send({"t": "closed"})
            self._source.release()
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return {**data, **forms(static_form(self._source))}, saved.mark(self.ident)


def static_form(source: LogSource) -> View:
    """Describe the logs as far as they go now, for where no widget is drawn."""
    runs = list(source.runs.values())
    parts: list[Part] = []
    for log in runs[:_RUNS]:
        parts += [
            Text(f"{log.model} (run {log.run_id}): {log.state}, {count(len(log.buffer), 'line')}", log.tone)
        ]
        if log.problem:
            parts.append(Text(log.problem, "bad"))
        if tail := _tail(log):
            parts.append(Text(tail, code=True))
    notes = [f"{len(runs) - _RUNS} more runs are not shown here."] if len(runs) > _RUNS else []
    return View(
        Cell(f"Log of {count(len(runs), 'run')} of {source.task}"),
        parts,
        notes,
        [
            (f"%kbench log {source.task}", "print the whole logs"),
            *(
                [(f"%kbench status {source.task} --errors", "the whole of each error")]
                if any(log.tone == "bad" for log in runs)
                else []
            ),
        ],
        source.label,
    )


def _tail(log: RunLog) -> str:
    total = len(log.buffer)
    lines = [*log.buffer.read(total - _TAIL, _TAIL), *log.open_lines]
    return "\n".join(strip_codes(line.text)[:_COLUMNS] for line in lines)


def open_log_view(session: Session, task: str, models: Sequence[str] = ()) -> LogView:
    """Open a log view; see `kbench_jupyter.panels.log_panel`."""
    source = log_source(session, task, models)
    try:
        source.wait_for_ended(_PATIENCE)
        view = LogView(source)
    except BaseException:  # Ctrl+C while waiting, too: nothing half-done stays behind
        source.release()
        raise
    session.at_close(view.close)
    return view
