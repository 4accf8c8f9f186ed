"""Validate: what the rules say about the task source, and a rehearsal of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.actions.answers import samples
from kbench_jupyter.actions.cards import finding_lines, finding_parts, last_line, notes_on, run_parts
from kbench_jupyter.actions.edited import source_digest
from kbench_jupyter.actions.init import ensure_proxy
from kbench_jupyter.actions.judging import (
    refuse_errored,
    refuse_failed_cell,
    refuse_unrecorded,
    runs_of_task,
    sdk_notes,
    what_to_mend,
)
from kbench_jupyter.actions.passing import Passing
from kbench_jupyter.actions.proxied_models import proxy_slug, usable
from kbench_jupyter.actions.rehearsing import rehearse_source
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.api import normalize_model
from kbench_jupyter.display.view import Cell, Shown, View, count, duration
from kbench_jupyter.errors import UsageError, ValidationError
from kbench_jupyter.results.runfiles import RunResult
from kbench_jupyter.session.proxy_variables import AVAILABLE, DEFAULT, VARIABLES
from kbench_jupyter.session.server_settings import models_hint, with_model_notes
from kbench_jupyter.validation.rehearsal.tracebacks import shortened
from kbench_jupyter.validation.rules.findings import Finding, Severity

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import TaskSource
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.validation.rehearsal.run import Rehearsal


_NO_SDK = "kaggle_benchmarks is not installed here: whether its names and parameters are right (KB6xx) was not checked."


@dataclass(frozen=True)
class Checked(Shown):
    """What the rules had to say.

    Parameters
    ----------
    source : TaskSource
    findings : tuple of Finding
    notes : tuple of str
        What could not be checked, and why.
    """

    source: TaskSource
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a push."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    def view(self) -> View:
        """Describe the findings."""
        title = Cell("No findings", "good")
        if self.findings:
            title = Cell(count(len(self.findings), "finding"), "bad" if self.errors else "warn")
        notes = [*notes_on(self.source), *self.notes]
        return View(title, finding_parts(self.findings), notes=notes, footer=self.footer)


@dataclass(frozen=True)
class ValidateResult(Checked):
    """What the rules and the rehearsal had to say.

    Parameters
    ----------
    rehearsal : Rehearsal
    runs : tuple of RunResult
        The runs it recorded.
    model : str
        Proxy slug of the default model.
    push : str
        What to type to push it.
    """

    rehearsal: Rehearsal | None = None
    runs: tuple[RunResult, ...] = ()
    model: str = ""
    push: str = "%kbench push"

    @property
    def passed(self) -> bool:
        """Whether every recorded run passed."""
        return bool(self.runs) and all(run.passed for run in self.runs)

    def view(self) -> View:
        """Describe the rehearsal's result card."""
        recorded = count(len(self.runs), "run")
        seconds = self.rehearsal.outcome.seconds if self.rehearsal else None
        verdict = "not everything passed (that is the model's matter)"
        if self.passed:
            asserted = any(run.assertions for run in self.runs)
            verdict = "every assertion passed" if asserted else "nothing failed, nothing was asserted"
        # An evaluation may go on after them.
        every = [sample for run in self.runs for sample in samples(run)]
        errored = [sample for sample in every if sample.errored]
        if errored:
            first = shortened(last_line(errored[0].error_message))
            verdict = f"{len(errored):,} of {count(len(every), 'sample')} errored, the first with {first}"
        title = Cell(
            f"Valid: {recorded} recorded in {duration(seconds)}, {verdict}", "warn" if errored else "good"
        )
        parts = [part for run in self.runs for part in run_parts(run, self.source)]
        notes = [*notes_on(self.source), *self.notes, *(self.rehearsal.hints if self.rehearsal else ())]
        return View(
            title,
            [*parts, *finding_parts(self.findings)],
            notes=notes,
            next=[(self.push, "send it to the target")],
            footer=self.footer,
        )


def check(
    session: Session,
    task: str | None = None,
    *,
    chosen: ChosenTask | None = None,
    datasets: Sequence[str] = (),
) -> Checked:
    """Check the current notebook's task source against the rules, running nothing.

    Parameters
    ----------
    session : Session
    task : str, optional
        The task meant, by name or slug.
    chosen : ChosenTask, optional
        Another source than the current notebook's.
    datasets : sequence of str
        Datasets that will be attached, ``owner/name``.

    Returns
    -------
    Checked
        Findings of any severity.
    """
    from kbench_jupyter.validation import check as check_rules
    from kbench_jupyter.validation import installed

    chosen = chosen or choose_task(session, task, required=False)
    folder = chosen.path.parent if chosen.path is not None else Path.cwd()
    findings = check_rules(chosen.source, task=task, datasets=datasets, folder=folder)
    notes = () if installed() is not None else (_NO_SDK,)
    return Checked(chosen.source, tuple(findings), notes)


def refuse_errors(checked: Checked, doing: str) -> None:
    """Raise if a finding is an error.

    Raises
    ------
    ValidationError
        Listing every finding.
    """
    if not checked.errors:
        return
    many = count(len(checked.errors), "finding")
    raise ValidationError(
        f"{many} would make this task fail or record nothing, so {doing}.",
        detail="\n".join(line for finding in checked.findings for line in finding_lines(finding)),
        hint=f"Explain a rule: %kbench rule {checked.errors[0].code}",
    )


def validate(
    session: Session,
    task: str | None = None,
    *,
    chosen: ChosenTask | None = None,
    model: str | None = None,
    timeout: float | None = None,
    env_file: Path | None = None,
    pass_env: Sequence[str] = (),
    interrupt: threading.Event | None = None,
) -> ValidateResult:
    """Check the rules, then rehearse the task source in a fresh kernel and read the run files it leaves.

    Parameters
    ----------
    session : Session
    task : str, optional
        The task meant, by name or slug.
    chosen : ChosenTask, optional
        Another source than the current notebook's.
    model : str, optional
        The model to rehearse with, by any of its names; by default ``LLM_DEFAULT``.
    timeout : float, optional
        Seconds for the whole rehearsal.
    env_file : Path, optional
        By default the session's.
    pass_env : sequence of str
        Names of environment variables that the task gets beside those it has on the server.
    interrupt : threading.Event, optional
        Setting it, in any thread, stops the rehearsal as Ctrl+C does.

    Raises
    ------
    ValidationError
        If a finding is an error, a cell fails, the task errors, or the task that would be pushed records no run.
    ExecutionError
        If no kernel can be started.
    """
    chosen = chosen or choose_task(session, task, required=False)
    checked = check(session, task, chosen=chosen)
    refuse_errors(checked, "it was not rehearsed")
    values = ensure_proxy(session, env_file)
    passing = Passing.of(session, values, pass_env)
    env = {**passing.environment(), **{name: values[name] for name in VARIABLES if name in values}}
    if model:
        name = _proxy_name(session, model)
        env[DEFAULT] = name
        env[AVAILABLE] = ",".join(dict.fromkeys([name, *filter(None, env.get(AVAILABLE, "").split(","))]))
    session.reporter.say(f"Rehearsing {chosen.source.origin} in a fresh kernel with {env[DEFAULT]}.")
    rehearsal, runs = rehearse_source(session, chosen.source, env, timeout, interrupt)
    target = session.target()
    mine = runs_of_task(chosen, runs)
    if failure := rehearsal.failure:
        hint = passing.missed(failure.traceback) or what_to_mend("cell", target, endpoint=failure.endpoint)
        refuse_failed_cell(rehearsal, mine, hint)
    refuse_errored(
        mine or runs,
        lambda message, endpoint: passing.missed(message) or what_to_mend("task", target, endpoint=endpoint),
    )
    refuse_unrecorded(chosen, rehearsal, runs)
    session.validated.add(source_digest(chosen.source))
    return ValidateResult(
        checked.source,
        checked.findings,
        (*checked.notes, *passing.notes, *sdk_notes(rehearsal)),
        rehearsal=rehearsal,
        runs=mine,
        model=env[DEFAULT],
        push=chosen.push_line,
        footer=target.label,
    )


def _proxy_name(session: Session, model: str) -> str:
    """Return the name the model proxy knows a model by.

    Raises
    ------
    UsageError
        If the target knows no such model.
    """
    wanted = normalize_model(model)
    target = session.target()
    models = usable(session.client(target).list_models())
    found = next((m for m in models if wanted in (m.slug, normalize_model(proxy_slug(m)))), None)
    if found is None:
        error = UsageError(
            f"The target has no model {model!r} to rehearse with.",
            hint=models_hint(wanted, (m.slug for m in models)),
        )
        raise with_model_notes(session, target, error)
    return proxy_slug(found)
