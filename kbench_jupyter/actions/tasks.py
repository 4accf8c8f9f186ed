"""List, status, models, quota: what the server says of tasks and models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kbench_jupyter.actions.choose_runs import models_of, none_of, runs_on
from kbench_jupyter.actions.push import creation_notes, page_of, state_cell
from kbench_jupyter.actions.pushed_task import get_task
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of
from kbench_jupyter.api import CreationState
from kbench_jupyter.display.view import (
    Cell,
    Facts,
    Part,
    Shown,
    Table,
    Text,
    Value,
    View,
    count,
    duration,
    money,
)
from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.server_settings import model_notes

if TYPE_CHECKING:
    from kbench_jupyter.api import Model, QuotaBalance, Run, Task, TaskQuota
    from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class TaskList(Shown):
    """The user's tasks, all or those that fit a filter."""

    tasks: tuple[Task, ...] = ()
    filtered: bool = False

    def view(self) -> View:
        """Describe the tasks."""
        rows: list[list[Value]] = [
            [
                Cell(task.slug.task, href=page_of(task)),
                str(task.version or ""),
                state_cell(task.creation_state),
                when(task.create_time),
                "everybody" if task.is_public else "you only",
            ]
            for task in self.tasks
        ]
        table = Table(
            ["task", "version>", "state", "created (UTC)", "seen by"],
            rows,
            "No task fits." if self.filtered else "No tasks.",
        )
        steps = (
            [("%kbench list", "all of them")]
            if self.filtered
            else [("%kbench push", "push this notebook's task")]
        )
        steps = [] if self.tasks else steps
        return View(count(len(self.tasks), "task"), [table], next=steps, footer=self.footer)


@dataclass(frozen=True)
class TaskStatus(Shown):
    """A task and its runs."""

    task: Task
    runs: tuple[Run, ...] = ()
    whole_errors: bool = False
    missing: str = ""
    hint: str = ""
    explained: RunErrors = NO_SOURCE

    def view(self) -> View:
        """Describe the task, its runs, and what went wrong with each."""
        task, slug = self.task, self.task.slug.task
        facts: dict[str, Value] = {
            "state": state_cell(task.creation_state),
            "error": task.creation_error_message if task.creation_state != "COMPLETED" else None,
            "created": f"{when(task.create_time)} UTC" if task.create_time else "",
            "seen by": "everybody" if task.is_public else "you only",
            "page": Cell(page_of(task), href=page_of(task)),
            "datasets": ", ".join(task.datasets),
        }
        version = f", version {task.version}" if task.version else ""
        parts = [Facts(facts), *self._run_parts()]
        return View(
            f"{slug}{version}",
            parts,
            notes=[*([self.hint] if self.hint else []), *creation_notes(task, self.explained)],
            next=self._steps(),
            footer=self.footer,
        )

    def _steps(self) -> list[tuple[str, str]]:
        slug = self.task.slug.task
        if self.missing:
            return [(f"%kbench status {slug}", "all its runs")]
        if not any(run.state.is_terminal for run in self.runs):
            return [(f"%kbench run {slug} -m MODEL", "run it")]
        steps = [(f"%kbench results {slug}", "compare what they came to")]
        if any(run.error_message for run in self.runs) and not self.whole_errors:
            steps.append((f"%kbench status {slug} --errors", "the whole of each error"))
        return [
            *steps,
            (f"%kbench log {slug}", "what the runs printed"),
            (f"%kbench download {slug}", "what they left"),
        ]

    def _run_parts(self) -> list[Part]:
        rows: list[list[Value]] = [
            [
                run.model,
                str(run.id),
                str(run.task.version or ""),
                state_cell(run.state),
                when(run.start_time),
                elapsed(run),
            ]
            for run in self.runs
        ]
        columns = ["model", "run", "version>", "state", "started (UTC)", "elapsed>"]
        parts: list[Part] = [Table(columns, rows, self.missing or "No runs yet.")]
        failed = [run for run in self.runs if run.error_message]
        if failed and not self.whole_errors:
            errors: list[list[Value]] = [
                [
                    run.model,
                    str(run.id),
                    Cell(self.explained.of(run.task.version).line(run.error_message), "bad"),
                ]
                for run in failed
            ]
            parts.append(Table(["model", "run", "error"], errors))
        for run in failed if self.whole_errors else ():
            message = self.explained.of(run.task.version).whole(run.error_message)
            parts += [Text(f"{run.model}, run {run.id}", "bad"), Text(message, code=True)]
        return parts


@dataclass(frozen=True)
class ModelList(Shown):
    """The models tasks can run on, and why there may be fewer than expected."""

    models: tuple[Model, ...] = ()
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe the models."""
        rows: list[list[Value]] = [
            [model.slug, model.display_name, model.organization, modalities(model), availability(model)]
            for model in self.models
        ]
        table = Table(["model", "name", "by", "takes", "can run"], rows, "No models.")
        return View(
            count(len(self.models), "model"),
            [table],
            notes=self.notes,
            next=[("%kbench run -m MODEL", "run this notebook's task on one")] if rows else (),
            footer=self.footer,
        )


@dataclass(frozen=True)
class Quota(Shown):
    """What runs and the model proxy may cost, and have cost."""

    tasks: TaskQuota
    proxy: tuple[QuotaBalance, ...] = ()

    def view(self) -> View:
        """Describe the balances."""
        rows = [["benchmark runs", "daily", money(self.tasks.used), _limit(self.tasks.allowed), ""]]
        rows += [
            ["model proxy", b.period.lower(), money(b.used), _limit(b.allowed), when(b.refill_time)]
            for b in self.proxy
        ]
        return View(
            "Quota",
            [Table(["for", "period", "used>", "allowed>", "refilled (UTC)"], rows, drop_empty=True)],
            footer=self.footer,
        )


def list_tasks(session: Session, *, regex: str | None = None, status: str | None = None) -> TaskList:
    """List the user's tasks.

    Parameters
    ----------
    session : Session
    regex : str, optional
        Only tasks whose name matches.
    status : str, optional
        Only tasks in that state, for example ``"errored"``.

    Raises
    ------
    UsageError
        If there is no such state, or `regex` is no regular expression.
    """
    _check_filters(regex, status)
    target = session.target()
    tasks = session.client(target).list_tasks(regex=regex, status=status)
    return TaskList(tuple(tasks), filtered=bool(regex or status), footer=target.label)


def _check_filters(regex: str | None, status: str | None) -> None:
    """Refuse what the server would answer with nothing, as if there were no tasks."""
    if regex:
        try:
            re.compile(regex)
        except re.error as error:
            raise UsageError(
                f"{regex!r} is no regular expression: {error}.", hint="%kbench list --name-regex '^math'"
            ) from None
    states = [state.lower() for state in CreationState if state != CreationState.UNSPECIFIED]
    # The official client leaves the word to the server, so an abbreviation of a state may be one.
    if status and not any(state.startswith(status.lower()) for state in states):
        hint = did_you_mean(status, states, form="--status {}", more=f"there are: {', '.join(states)}")
        raise UsageError(f"There is no state {status!r}.", hint=hint)


def status(session: Session, slug: str, *, models: Sequence[str] = (), errors: bool = False) -> TaskStatus:
    """Show a task and its runs.

    Parameters
    ----------
    session : Session
    slug : str
    models : sequence of str
        Only runs on these models, by name or pattern; all where empty.
    errors : bool
        Show the whole message of each error instead of its last line.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    target = session.target()
    client = session.client(target)
    task = get_task(session, client, slug)
    runs = runs_on(client, slug, models)
    others = list(client.list_runs(slug)) if models and not runs else []
    missing = f"No run is on {none_of(models, others)}." if others else ""
    hint = models_of(others) if others else ""
    known = errors_of(session, target, task) if any(run.error_message for run in runs) else NO_SOURCE
    return TaskStatus(task, tuple(runs), errors, missing, hint, known, footer=target.label)


def list_models(session: Session, *, modality: str | None = None, search: str | None = None) -> ModelList:
    """List the models tasks can run on.

    Parameters
    ----------
    session : Session
    modality : str, optional
        Only models that take it, for example ``"image"``.
    search : str, optional
        Only models whose slug, name or maker holds this text, in any case.
    """
    target = session.target()
    models = session.client(target).list_models()
    fitting = tuple(m for m in models if _takes(m, modality) and _mentions(m, search))
    return ModelList(fitting, model_notes(session, target), footer=target.label)


def _limit(usd: float) -> str:
    """Say an allowance; the server tells one of nothing where there is none."""
    return money(usd) if usd else "none told"


def _takes(model: Model, modality: str | None) -> bool:
    return modality is None or modality.upper() in model.input_modalities


def _mentions(model: Model, text: str | None) -> bool:
    names = (model.slug, model.display_name, model.organization)
    return text is None or any(text.lower() in name.lower() for name in names)


def quota(session: Session) -> Quota:
    """Show what runs and the model proxy may cost, and have cost, in USD."""
    target = session.target()
    client = session.client(target)
    return Quota(client.task_quota(), tuple(client.model_proxy_quotas()), footer=target.label)


def when(time: datetime | None) -> str:
    """Say a moment, in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if time else ""


def elapsed(run: Run) -> str:
    """Say how long a run took, or has been going."""
    if run.start_time is None:
        return ""
    end: Any = run.end_time or (None if run.state.is_terminal else datetime.now(UTC))
    return duration((end - run.start_time).total_seconds()) if end else ""


def modalities(model: Model) -> str:
    """Say what a model takes, and what it gives where that is more than text."""
    takes = ", ".join(m.lower() for m in model.input_modalities)
    gives = [m.lower() for m in model.output_modalities if m != "TEXT"]
    return f"{takes} → {', '.join(gives)}" if gives else takes


def availability(model: Model) -> Cell:
    """Say whether runs on a model are possible."""
    if model.deprecation_time and model.deprecation_time <= datetime.now(UTC):
        return Cell(f"deprecated since {model.deprecation_time:%Y-%m-%d}", "warn")
    if not model.allows_proxy:
        return Cell("not through the model proxy", "warn")
    if model.deprecation_time:
        return Cell(f"until {model.deprecation_time:%Y-%m-%d}", "good")
    return Cell("yes", "good")
