"""Validate: what the rules say about the task source, and a rehearsal of it with a model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kbench_jupyter.actions.auth import ensure_proxy
from kbench_jupyter.actions.cards import finding_parts, last_line, run_parts
from kbench_jupyter.actions.check import check, refuse_errors
from kbench_jupyter.actions.pushes import source_digest
from kbench_jupyter.actions.rehearsing import Rehearsed, rehearse_source
from kbench_jupyter.actions.rehearsing.answers import samples
from kbench_jupyter.actions.rehearsing.judging import (
    refuse_errored,
    refuse_failed_cell,
    refuse_unrecorded,
    runs_of_task,
    sdk_notes,
    what_to_mend,
)
from kbench_jupyter.actions.rehearsing.passing import Passing
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.actions.wanted_models import proxy_slug, usable
from kbench_jupyter.api import normalize_model
from kbench_jupyter.display.view import Cell, View, count, duration
from kbench_jupyter.errors import UsageError
from kbench_jupyter.results.runfiles import Usage
from kbench_jupyter.session.proxy_variables import AVAILABLE, DEFAULT, VARIABLES
from kbench_jupyter.session.server_settings import models_hint, with_model_notes
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.tracebacks import shortened


@dataclass(frozen=True)
class ValidateResult(Rehearsed):
    """What the rules and the rehearsal had to say; `model` is the proxy slug of the default model."""

    model: str = ""

    @property
    def passed(self) -> bool:
        """Whether every recorded run passed."""
        return bool(self.runs) and all(run.passed for run in self.runs)

    def view(self) -> View:
        """Describe the rehearsal's result card."""
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
        recorded = f"{count(len(self.runs), 'run')} recorded in {duration(self.seconds)}"
        return View(
            Cell(f"Valid: {recorded}, {verdict}", "warn" if errored else "good"),
            [
                *(part for run in self.runs for part in run_parts(run, self.source)),
                *finding_parts(self.findings),
            ],
            notes=self.remarks,
            next=[(self.push, "send it to the target")],
            footer=self.footer,
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
    task, chosen
        As `check` takes them.
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
    # Nobody sees the kernel's own drawing, and one of 300 rows takes the SDK (0.6.2) minutes.
    env.setdefault("RENDER_SUBRUNS", "False")
    if model:
        name = _proxy_name(session, model)
        env[DEFAULT] = name
        env[AVAILABLE] = ",".join(dict.fromkeys([name, *filter(None, env.get(AVAILABLE, "").split(","))]))
    session.reporter.say(f"Rehearsing {chosen.source.origin} in a fresh kernel with {env[DEFAULT]}.")
    rehearsal, runs = rehearse_source(session, chosen.source, env, timeout, interrupt)
    target = session.target()
    mine = runs_of_task(chosen, runs)
    again = chosen.line("validate")

    def mend(what: str, said: str, endpoint: bool) -> str:
        return passing.missed(said, again) or what_to_mend(what, again, target, endpoint=endpoint)

    if failure := rehearsal.failure:
        refuse_failed_cell(rehearsal, mine, mend("cell", failure.traceback, failure.endpoint))
    refuse_errored(mine or runs, partial(mend, "task"))
    refuse_unrecorded(chosen, rehearsal, runs)
    session.validated.add(source_digest(chosen.source))
    if chosen.slug:
        used = sum((run.usage for run in mine), Usage())
        session.rehearsed[chosen.slug] = used.input_tokens + used.output_tokens
    return ValidateResult(
        checked.source,
        checked.findings,
        (*checked.notes, *passing.notes, *sdk_notes(rehearsal)),
        rehearsal=rehearsal,
        runs=mine,
        model=env[DEFAULT],
        push=chosen.line("push"),
        footer=target.label,
    )


def _proxy_name(session: Session, model: str) -> str:
    """Return the name the model proxy knows a model by; refuse one that the target does not know."""
    wanted = normalize_model(model)
    target = session.target()
    models = usable(session.client(target).list_models())
    for found in models:
        if wanted in (found.slug, normalize_model(proxy_slug(found))):
            return proxy_slug(found)
    error = UsageError(
        f"The target has no model {model!r} to rehearse with.",
        hint=models_hint(wanted, (m.slug for m in models)),
    )
    raise with_model_notes(session, target, error)
