"""The log view: a panel with one tab a run, all live at once.

The lines stay in the kernel (`buffer`), read once for all views (`source`); the browser gets what it
shows (`pump`) and draws it (``view.js``). No trait ever holds a line, so none can be saved with the
notebook; what is saved is the static form.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import traitlets

from kbench_jupyter.actions.choose_runs import Which
from kbench_jupyter.display.html import CLASSES, CODE, FRAME, TONES
from kbench_jupyter.display.view import Cell, Part, Text, View, count, forms
from kbench_jupyter.following.logs.terminal import strip_codes
from kbench_jupyter.panels.log.pump import LogPump
from kbench_jupyter.panels.log.source import EVERY, LogSource, RunLog, log_source
from kbench_jupyter.session.session import Session
from kbench_jupyter.widgets.es_modules import joined, styles
from kbench_jupyter.widgets.widget import Widget

#: Seconds given to the logs of ended runs, so that the static form has something to show.
_PATIENCE = 3.0
#: What the static form shows of a run, and of how many runs.
_TAIL, _RUNS, _COLUMNS = 100, 20, 2000
_HERE = Path(__file__).parent


class LogView(Widget):
    """Shows the logs of a task's runs, and releases their source when it is closed."""

    _esm = joined(_HERE / "view.js", STYLES={"classes": CLASSES, "view": FRAME, "code": CODE, "tones": TONES})
    _css = styles(_HERE / "view.css")
    task = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session, source: LogSource) -> None:
        self._session = session
        self._source = source
        self._pump: LogPump | None = None
        super().__init__(task=source.task, label=source.label)
        self._pump = LogPump(source, self.send)
        self.on_msg(self._receive)
        self._pump.start()
        session.at_close(self.close)

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if self._pump is not None:
            self._pump.receive(content)

    def close(self) -> None:
        """End this view's thread and, if it was the last view of these runs, their connections.

        On the page its static form takes its place.
        """
        pump, self._pump = self._pump, None
        self._session.not_at_close(self.close)
        if pump is not None:
            pump.close()
            self.send({"t": "closed"})
            self._source.release()
        super().close()

    def form(self) -> dict[str, Any]:
        """Return the static form by MIME type."""
        return forms(static_form(self._source))


def static_form(source: LogSource) -> View:
    """Describe the logs as far as they go now, for where no widget is drawn."""
    runs = [log for log in list(source.runs.values()) if log.run_id != EVERY]
    parts: list[Part] = []
    for log in runs[:_RUNS]:
        lines = count(len(log.buffer), "line")
        version = f" v{log.version}" if log.version else ""
        parts.append(Text(f"{log.model}{version} (run {log.run_id}): {log.state}, {lines}", log.tone))
        if log.problem:
            parts.append(Text(log.problem, "bad"))
        if tail := _tail(log):
            parts.append(Text(tail, code=True))
    notes = [f"Not shown here: {count(len(runs) - _RUNS, 'more run')}."] if len(runs) > _RUNS else []
    following = [(f"%kbench log {source.task}", "print the whole logs")]
    if any(log.tone == "bad" for log in runs):
        following.append((f"%kbench status {source.task} --errors", "the whole of each error"))
    return View(
        Cell(f"Log of {count(len(runs), 'run')} of {source.task}"), parts, notes, following, source.label
    )


def _tail(log: RunLog) -> str:
    total = len(log.buffer)
    lines = [*log.buffer.read(total - _TAIL, _TAIL), *log.open_lines]
    return "\n".join(strip_codes(line.text)[:_COLUMNS] for line in lines)


def open_log_view(
    session: Session,
    task: str,
    models: Sequence[str] = (),
    *,
    candidate: str | None = None,
    run_ids: Collection[int] = (),
    version: int | None = None,
) -> LogView:
    """Open a log view; see `kbench_jupyter.panels.log_panel`. With a `candidate`, only of that very one's runs."""
    source = log_source(session, task, Which(tuple(models), candidate, frozenset(run_ids), version))
    try:
        source.wait_for_ended(_PATIENCE)
        return LogView(session, source)
    except BaseException:  # Ctrl+C while waiting, too: nothing half-done stays behind
        source.release()
        raise
