"""Run status: a row for each run of a task, kept up to date by the task's watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from kbench_jupyter.actions.cancel import cancel, stop_question
from kbench_jupyter.actions.cards import page_of, state_cell, who_word
from kbench_jupyter.actions.choose_runs import Which
from kbench_jupyter.actions.run import run
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of
from kbench_jupyter.actions.status import TaskStatus
from kbench_jupyter.display.view import View, duration
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.following.status import RunStatus
from kbench_jupyter.panels.log.view import LogView, open_log_view
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.session import PartClock
from kbench_jupyter.panels.told import scheduling, told
from kbench_jupyter.panels.watches import TaskWatch
from kbench_jupyter.session.session import Session


class RunStatusPart(Part):
    """Shows where a task's runs stand, all or those on some models, by a watch that was asked once already."""

    kind = "status"

    def __init__(self, session: Session, watch: TaskWatch, models: Sequence[str] = ()) -> None:
        super().__init__(session)
        self.watch = watch
        self._models = tuple(models)
        self._which = Which(self._models)
        self._known: tuple[int | None, RunErrors] | None = None
        self._log: LogView | None = None
        self.set(task=watch.slug, version=None, page="", label="", trouble="", creation="", note="", log=None)
        self.set(who="model", pace="", cluster={})
        self._show()

    def view(self) -> View:
        """Describe the runs as they were last seen."""
        if self.watch.task is None:
            return View(self.watch.slug)
        return TaskStatus(self.watch.task, tuple(self._runs), footer=self.watch.label).view()

    @property
    def _statuses(self) -> list[RunStatus]:
        """Where each run stands that is shown here."""
        return [one for one in self.watch.statuses if one.run is None or self._which.holds(one.run)]

    @property
    def _runs(self) -> list[Any]:
        return [status.run for status in self._statuses if status.run is not None]

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
        rows = list(map(self._row, self._statuses))
        gone = {row["id"] for row in self.rows} - {row["id"] for row in rows}
        self.put_rows(rows, replace=bool(gone))
        self.set(who=who_word((run.model, run.candidate) for run in self._runs))
        self.set(pace=watch.pace, cluster=watch.cluster)
        if watch.task is not None:
            self.set(
                version=watch.task.version,
                page=page_of(watch.task),
                label=watch.label,
                trouble=watch.trouble,
                creation=watch.creation,
            )

    def _row(self, status: RunStatus) -> dict[str, Any]:
        run = status.run
        tone = state_cell(status.state).tone
        if status.ending is not None and not status.state.is_terminal:
            tone = "warn"
        outcome = self.watch.outcome(status.run_id)
        error = _error(status)
        took = self.watch.took(status.run_id)
        return {
            "id": status.run_id,
            "model": run.candidate if run else "",
            "version": run.task.version if run else None,
            "word": status.word,
            "tone": tone,
            "ended": status.ended,
            "stops": _can_stop(status),
            "start": _millis(run.start_time if run else None),
            "end": _millis(run.end_time if run else None),
            "waits": status.state == "QUEUED",
            "took": duration(took),
            "result": outcome[0] if outcome else "",
            "resultTone": outcome[1] if outcome else "",
            "error": self._explained(status).line(error)[:300],
            "note": status.note or self._stage(status),
        }

    def _stage(self, status: RunStatus) -> str:
        """Say of a run that goes on what its state alone does not: whether its task can have begun."""
        if status.state == "QUEUED":
            return "waits for its turn"
        if status.state == "RUNNING" and not status.ended and not self.watch.spoke(status.run_id):
            return "nothing printed yet: its kernel may still be starting"
        return ""

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
        for status in self._statuses:
            if status.run_id == wanted:
                self.reply(message, run=wanted, text=self._explained(status).whole(_error(status)))

    def do_retry(self, _message: Mapping[str, Any]) -> None:
        """Run again on the models whose newest run errored."""
        self.start("retry", self._retry)

    def _retry(self) -> None:
        self.watch.target()
        scheduled = run(self.session, self.watch.slug, (), retry_errored=True, retried=self._models)
        self.set(note="; ".join(scheduling(scheduled)))
        self.watch.refresh()

    def do_question(self, message: Mapping[str, Any]) -> None:
        """Send which runs would be stopped, one or all that go, and what to ask before."""
        wanted = message.get("run")
        runs = [s.run for s in self._statuses if s.run and _can_stop(s) and wanted in (None, s.run_id)]
        text = stop_question(self.watch.slug, self.watch.place, runs)
        self.reply(message, runs=[run.id for run in runs], text=text)

    def do_cancel(self, message: Mapping[str, Any]) -> None:
        """Stop the runs that the user was asked about."""
        runs = message.get("runs")
        if message.get("confirmed") is not True or not isinstance(runs, list):
            return
        if ids := [run for run in runs if isinstance(run, int)]:  # none would mean all
            self.start("cancel", partial(self._cancel, ids))

    def _cancel(self, runs: list[int]) -> None:
        self.watch.target()
        clock = PartClock(self.interrupt)
        stopped = cancel(
            self.session, self.watch.slug, run_ids=runs, running=True, confirmed=True, clock=clock
        )
        self.set(note=". ".join(told(stopped)["lines"]))
        self.watch.refresh()

    def do_log(self, message: Mapping[str, Any]) -> None:
        """Open the log view, of one candidate's runs or of all."""
        candidate = message.get("candidate")
        self.start("log", partial(self._open_log, candidate if isinstance(candidate, str) else None))

    def _open_log(self, candidate: str | None) -> None:
        view = open_log_view(self.outer, self.watch.slug, self._models, candidate=candidate)
        self._close_log()
        self._log = view
        self.set(log={"model_id": view.model_id, "of": candidate or ""})

    def do_close_log(self, _message: Mapping[str, Any]) -> None:
        """Close the log view."""
        self._close_log()

    def _close_log(self) -> None:
        view, self._log = self._log, None
        if view is not None:
            self.set(log=None)
            view.close()


def _can_stop(status: RunStatus) -> bool:
    return status.run is not None and not status.ended


def _error(status: RunStatus) -> str:
    return (status.run.error_message if status.run else None) or ""


def _millis(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp() * 1000
