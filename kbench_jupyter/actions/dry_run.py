"""Dry run: a rehearsal on the stand-in model, which needs no server, no credentials and no money."""

from __future__ import annotations

import importlib.util
import inspect
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.actions.cards import finding_parts
from kbench_jupyter.actions.check import check, refuse_errors
from kbench_jupyter.actions.pushes import source_digest
from kbench_jupyter.actions.rehearsing import Rehearsed, rehearse_source
from kbench_jupyter.actions.rehearsing.answers import raised_over_answer, samples
from kbench_jupyter.actions.rehearsing.judging import (
    refuse_errored,
    refuse_failed_cell,
    refuse_unrecorded,
    runs_of_task,
    sdk_notes,
)
from kbench_jupyter.actions.rehearsing.passing import Passing
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.display.view import Cell, Facts, Part, Text, Value, View, count, duration
from kbench_jupyter.errors import ExecutionError, UsageError
from kbench_jupyter.session import envfile
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal import first_rows
from kbench_jupyter.validation.rehearsal.endpoint import Calls, StandIn
from kbench_jupyter.validation.rehearsal.stand_in import MODEL

_MEANS_NOTHING = (
    "The stand-in knows nothing: whether its answers pass says nothing about the task or any model."
)

_NAMED = re.compile(r"\bllms\s*\[\s*['\"]([^'\"]+)['\"]\s*\]")


@dataclass(frozen=True)
class DryRun(Rehearsed):
    """What a dry run found."""

    #: Answers the stand-in gave, with about as many tokens as a real model would count.
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    #: Samples that were evaluated: subruns, or runs without any.
    rows: int = 0
    #: What the task raised over an answer, or "".
    raised: str = ""
    #: What to type to rehearse it with a model.
    rehearse: str = "%kbench validate"

    def view(self) -> View:
        """Describe what ran, and what that cannot tell."""
        ran = f"{count(self.calls, 'call')}, about {count(self.input_tokens + self.output_tokens, 'token')}"
        title = Cell(f"Dry run: the task runs and records; {ran}, {count(self.rows, 'sample')}", "good")
        facts: dict[str, Value] = {
            "recorded": f"{count(len(self.runs), 'run')} of {self.runs[0].task}" if self.runs else "none",
            "samples": f"{self.rows:,}" if self.rows != len(self.runs) else "",
            "model calls": f"{self.calls:,}",
            "tokens": f"about {self.input_tokens:,} in, {self.output_tokens:,} out",
            "took": duration(self.seconds),
        }
        parts: list[Part] = [Facts(facts)]
        lesson = _MEANS_NOTHING
        if self.raised:
            title = Cell("Dry run: an error was raised after an answer of the stand-in", "warn")
            parts.append(Text(self.raised, "warn", code=True))
            lesson = "Where the answer is the cause: a model may answer so, too, and then the run counts as errored."
        elif not self.calls:
            title = Cell("Dry run: the task runs and records, and asks no model", "warn")
        return View(
            title,
            [*parts, *finding_parts(self.findings)],
            notes=[*self.remarks, lesson],
            next=[(self.rehearse, "run it once with a real model"), (self.push, "send it to the target")],
            footer=self.footer,
        )


def dry_run(
    session: Session,
    task: str | None = None,
    *,
    chosen: ChosenTask | None = None,
    rows: int | None = None,
    timeout: float | None = None,
    pass_env: Sequence[str] = (),
    env_file: Path | None = None,
    interrupt: threading.Event | None = None,
) -> DryRun:
    """Check the rules, then run the task source once on the stand-in model.

    Parameters
    ----------
    rows : int, optional
        How many rows ``.evaluate`` runs at the most; by default all.
    env_file : Path, optional
        Where `pass_env` is looked for beside the environment; by default the session's.
    task, chosen, timeout, pass_env, interrupt
        As `validate` takes them.

    Returns
    -------
    DryRun
        Also where the task raised over an answer that the stand-in gave.

    Raises
    ------
    UsageError
        If `rows` is not above 0.
    ValidationError
        If a finding is an error, a cell fails whatever a model answers, or the task that would be pushed records
        no run.
    ExecutionError
        If the task SDK is not installed, or no kernel can be started.
    """
    _refuse_impossible(rows)
    chosen = chosen or choose_task(session, task, required=False)
    checked = check(session, task, chosen=chosen)
    refuse_errors(checked, "it was not run")
    passing = Passing.of(session, envfile.read(env_file or session.env_file), pass_env)
    session.reporter.say(f"Dry run of {chosen.source.origin} in a fresh kernel, on the stand-in model.")
    with StandIn(_models(chosen, passing)) as stand_in:
        env = {**passing.environment(), **stand_in.environment()}
        rehearsal, runs = rehearse_source(
            session, chosen.source, env, timeout, interrupt, prelude=_first_rows(rows)
        )
        calls = stand_in.calls
    mine = runs_of_task(chosen, runs)
    raised = raised_over_answer(rehearsal, mine) if calls.calls else ""
    if not raised:
        again, failure = chosen.line("validate --dry-run"), rehearsal.failure
        mend = f"Mend the cell, then {again} again."
        refuse_failed_cell(
            rehearsal, mine, passing.missed(failure.traceback if failure else "", again) or mend
        )
        refuse_unrecorded(chosen, rehearsal, runs)
        refuse_errored(mine, lambda message, _: passing.missed(message, again) or mend)
        session.tried.add(source_digest(chosen.source))
    return DryRun(
        checked.source,
        checked.findings,
        (*checked.notes, *passing.notes, *sdk_notes(rehearsal), *_remarks(calls, rows)),
        rehearsal=rehearsal,
        runs=mine,
        calls=calls.calls,
        input_tokens=calls.input_tokens,
        output_tokens=calls.output_tokens,
        rows=sum(1 for run in mine for _ in samples(run)),
        raised=raised,
        rehearse=chosen.line("validate"),
        push=chosen.line("push"),
    )


def _refuse_impossible(rows: int | None) -> None:
    if rows is not None and rows < 1:
        raise UsageError(
            f"--rows takes a number above 0, not {rows}.", hint="%kbench validate --dry-run --rows 5"
        )
    if importlib.util.find_spec("kaggle_benchmarks") is None:
        raise ExecutionError(
            "A dry run needs the task SDK, and this Python has no package kaggle_benchmarks.",
            hint="%pip install kaggle_benchmarks 'hishel<2' jupyter_bokeh",
        )


def _models(chosen: ChosenTask, passing: Passing) -> list[str]:
    """Return the models that a rehearsal would find; where that is not known yet, those that the task looks up."""
    known = [name for name in passing.source.get("LLMS_AVAILABLE", "").split(",") if name]
    return known or _NAMED.findall(chosen.source.text)


def _first_rows(rows: int | None) -> str:
    """Return what the kernel executes before the first cell."""
    if rows is None:
        return ""
    source = inspect.getsource(first_rows)
    return f"_kbench = {{'__name__': 'first_rows'}}; exec({source!r}, _kbench); _kbench['prepare']({rows}); del _kbench"


def _remarks(calls: Calls, rows: int | None) -> Iterator[str]:
    if rows is not None and calls.rows < 0:
        yield "All rows ran: the first ones cannot be chosen with the installed version of the task SDK."
    elif rows is not None and calls.rows:
        yield f"Evaluated: {calls.kept:,} of {count(calls.rows, 'row')}, the first of each dataset."
    elif rows is not None:
        yield "No rows were evaluated, so --rows made no difference."
    if others := sorted(calls.models - {MODEL}):
        yield f"The stand-in answered for {', '.join(others)}, too. Whether the target has them is not known from this."
    for error in sorted(calls.tool_errors):
        yield f"Only the model was told: {error}"
    if calls.unfit:
        yield f"{count(calls.unfit, 'answer')} may not fit the schema: the stand-in found no value for it."
