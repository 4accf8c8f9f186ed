"""Run status: a row for each run of a task, kept up to date by the task's watch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from kbench_jupyter.actions.cancel import cancel
from kbench_jupyter.actions.cards import page_of, state_cell
from kbench_jupyter.actions.run import run
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of
from kbench_jupyter.actions.status import TaskStatus
from kbench_jupyter.display.view import View
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.following.status import RunStatus
from kbench_jupyter.panels.log.view import LogView, open_log_view
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.told import scheduling, told
from kbench_jupyter.panels.watches import TaskWatch
from kbench_jupyter.session.session import Session

__all__ = ["RunStatusPart"]


class RunStatusPart(Part):
    """Shows where the runs of a task stand, by a watch that was asked once already."""

    kind = "status"

    def __init__(self, session: Session, watch: TaskWatch) -> None:
        super().__init__(session)
        self.watch = watch
        self._known: tuple[int | None, RunErrors] | None = None
        self._log: LogView | None = None
        self.set(task=watch.slug, version=None, page="", label="", trouble="", note="", log=None)
        self._show()

    def view(self) -> View:
        """Describe the runs as they were last seen."""
        if self.watch.task is None:
            return View(self.watch.slug)
        runs = tuple(status.run for status in self.watch.statuses if status.run is not None)
        return TaskStatus(self.watch.task, runs, footer=self.watch.label).view()

    def awake(self) -> None:
        """Follow the runs."""
        self.watch.listen(self._show)
        self._show()

    def asleep(self) -> None:
        """Follow them no more."""
        self.watch.ignore(self._show)

    def close(self) -> None:
        """End the following, and the log view."""
        super().close()
        self._close_log()

    def _show(self) -> None:
        watch = self.watch
        self.put_rows(self._row(status) for status in watch.statuses)
        if watch.task is not None:
            self.set(
                version=watch.task.version, page=page_of(watch.task), label=watch.label, trouble=watch.trouble
            )

    def _row(self, status: RunStatus) -> dict[str, Any]:
        run = status.run
        tone = state_cell(status.state).tone
        if status.ending is not None and not status.state.is_terminal:
            tone = "warn"
        outcome = self.watch.outcome(status.run_id)
        error = _error(status)
        return {
            "id": status.run_id,
            "model": run.candidate if run else "",
            "version": run.task.version if run else None,
            "word": status.word,
            "tone": tone,
            "ended": status.ended,
            "start": _millis(run.start_time if run else None),
            "end": _millis(run.end_time if run else None),
            "result": outcome[0] if outcome else "",
            "resultTone": outcome[1] if outcome else "",
            "error": self._explained(status).line(error)[:300],
            "note": status.note,
        }

    def _explained(self, status: RunStatus) -> RunErrors:
        """Return what explains a run's error: of the newest version, where it is what the notebook holds."""
        task = self.watch.task
        if task is None or not _error(status) or status.run is None:
            return NO_SOURCE
        if self._known is None or self._known[0] != task.version:
            self._known = (task.version, NO_SOURCE)
            with suppress(KBenchError):
                self._known = (task.version, errors_of(self.session, self.session.target(start=False), task))
        return self._known[1].of(status.run.task.version)

    def do_refresh(self, _message: Mapping[str, Any]) -> None:
        """Ask the server for runs started elsewhere."""
        self.start("refresh", self.watch.refresh)

    def do_error(self, message: Mapping[str, Any]) -> None:
        """Send the whole message of a run's error."""
        wanted = message.get("run")
        for status in self.watch.statuses:
            if status.run_id == wanted:
                self.reply(message, run=wanted, text=self._explained(status).whole(_error(status)))

    def do_retry(self, _message: Mapping[str, Any]) -> None:
        """Run again on the models whose newest run errored."""
        self.start("retry", self._retry)

    def _retry(self) -> None:
        scheduled = run(self.session, self.watch.slug, (), retry_errored=True)
        self.set(note="; ".join(scheduling(scheduled)))
        self.watch.refresh()

    def do_cancel(self, message: Mapping[str, Any]) -> None:
        """Stop a run, queued or going; the panel has asked before."""
        run_id = message.get("run")
        if isinstance(run_id, int) and message.get("confirmed") is True:
            self.start("cancel", partial(self._cancel, run_id))

    def _cancel(self, run_id: int) -> None:
        stopped = cancel(self.session, self.watch.slug, run_ids=[run_id], running=True, confirmed=True)
        self.set(note="; ".join(told(stopped)["lines"]))
        self.watch.refresh()

    def do_log(self, message: Mapping[str, Any]) -> None:
        """Open the log view, of one model's runs or of all."""
        model = message.get("model")
        models = [model] if isinstance(model, str) and model else []
        self.start("log", lambda: self._open_log(models))

    def _open_log(self, models: list[str]) -> None:
        view = open_log_view(self.outer, self.watch.slug, models)
        self._close_log()
        self._log = view
        self.set(log={"model_id": view.model_id, "of": models[0] if models else ""})

    def do_close_log(self, _message: Mapping[str, Any]) -> None:
        """Close the log view."""
        self._close_log()

    def _close_log(self) -> None:
        view, self._log = self._log, None
        if view is not None:
            self.set(log=None)
            view.close()


def _error(status: RunStatus) -> str:
    return (status.run.error_message if status.run else None) or ""


def _millis(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp() * 1000
