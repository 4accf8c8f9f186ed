"""Dry run: a rehearsal on the stand-in model, which needs no server, no credentials and no money."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.actions import envfile
from kbench_jupyter.actions.cards import finding_parts, notes_on
from kbench_jupyter.actions.edited import source_digest
from kbench_jupyter.actions.judging import refuse_failed_cell, refuse_unrecorded, runs_of_task
from kbench_jupyter.actions.passing import Passing
from kbench_jupyter.actions.rehearsing import rehearse_source
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.actions.validate import Checked, check, refuse_errors
from kbench_jupyter.display.view import Cell, Facts, Part, Text, View, count, duration
from kbench_jupyter.errors import ExecutionError, UsageError
from kbench_jupyter.validation.rehearsal.endpoint import Calls, StandIn

if TYPE_CHECKING:
    from kbench_jupyter.actions.session import Session
    from kbench_jupyter.results.runfiles import RunResult
    from kbench_jupyter.validation.rehearsal.run import Rehearsal

_MEANS_NOTHING = (
    "The stand-in knows nothing: whether its answers pass says nothing about the task or any model."
)

# What no answer of a model can cause. The rest (a number that cannot be read, a pattern that does not match) can
# be the task's fault or the answer's.
_SURELY = frozenset({
    "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError",
    "FileNotFoundError", "NotADirectoryError", "IsADirectoryError", "PermissionError", "NotImplementedError",
    "RecursionError", "SchemaError", "AttributeError", "TypeError", "RuntimeError",
})  # fmt: skip
_NONE = re.compile(r"\bNoneType\b")
_FAULT_OF_ANSWER = re.compile(r"Unsupported type:|on_failure must be")


@dataclass(frozen=True)
class DryRun(Checked):
    """What a dry run found.

    Parameters
    ----------
    rehearsal : Rehearsal
    runs : tuple of RunResult
        Those of the task that would be pushed.
    calls : int
        Answers the stand-in gave.
    input_tokens, output_tokens : int
        About as many as a real model would count.
    rows : int
        Samples that were evaluated: subruns, or runs without any.
    raised : str
        What the task raised over an answer, or "".
    rehearse, push : str
        What to type to rehearse it with a model, and to push it.
    """

    rehearsal: Rehearsal | None = None
    runs: tuple[RunResult, ...] = ()
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    rows: int = 0
    raised: str = ""
    rehearse: str = "%kbench validate"
    push: str = "%kbench push"

    def view(self) -> View:
        """Describe what ran, and what that cannot tell."""
        title = Cell("Dry run: the task runs, and records", "good")
        parts: list[Part] = [self._facts()]
        if self.raised:
            title = Cell("Dry run: the task raised an error over an answer of the stand-in", "warn")
            parts.append(Text(self.raised, "warn", code=True))
        elif not self.calls:
            title = Cell("Dry run: the task runs and records, and asks no model", "warn")
        lesson = (
            "A model may answer so, too: then the run counts as errored." if self.raised else _MEANS_NOTHING
        )
        return View(
            title,
            [*parts, *finding_parts(self.findings)],
            notes=[
                *notes_on(self.source),
                *self.notes,
                *(self.rehearsal.hints if self.rehearsal else ()),
                lesson,
            ],
            next=[(self.rehearse, "run it once with a real model"), (self.push, "send it to the target")],
            footer=self.footer,
        )

    def _facts(self) -> Facts:
        recorded = [f"{count(len(self.runs), 'run')} of {self.runs[0].task}"] if self.runs else ["none"]
        seconds = self.rehearsal.outcome.seconds if self.rehearsal else None
        return Facts(
            {
                "recorded": recorded[0],
                "samples": f"{self.rows:,}" if self.rows != len(self.runs) else "",
                "model calls": f"{self.calls:,}",
                "tokens": f"about {self.input_tokens:,} in, {self.output_tokens:,} out",
                "took": duration(seconds),
            }
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
    session : Session
    task : str, optional
        The task meant, by name or slug.
    chosen : ChosenTask, optional
        Another source than the current notebook's.
    rows : int, optional
        How many rows ``.evaluate`` runs at the most; by default all.
    timeout : float, optional
        Seconds for the whole run.
    pass_env : sequence of str
        Names of environment variables that the task gets beside those it has on the server.
    env_file : Path, optional
        Where `pass_env` is looked for beside the environment; by default the session's.
    interrupt : threading.Event, optional
        Setting it, in any thread, stops the run as Ctrl+C does.

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
    if rows is not None and rows < 1:
        raise UsageError(
            f"--rows takes a number above 0, not {rows}.", hint="%kbench validate --dry-run --rows 5"
        )
    _check_installed()
    chosen = chosen or choose_task(session, task, required=False)
    checked = check(session, task, chosen=chosen)
    refuse_errors(checked, "it was not run")
    passing = Passing.of(session, envfile.read(env_file or session.env_file), pass_env)
    session.reporter.say(f"Dry run of {chosen.source.origin} in a fresh kernel, on the stand-in model.")
    with StandIn() as stand_in:
        env = {**passing.environment(), **stand_in.environment()}
        prelude = "" if rows is None else _FIRST_ROWS.format(rows=rows)
        rehearsal, runs = rehearse_source(session, chosen.source, env, timeout, interrupt, prelude=prelude)
        calls = stand_in.calls
    mine = runs_of_task(chosen, runs)
    raised = _raised_over_answer(rehearsal, mine, calls)
    if not raised:
        mend = "Mend the cell, then %kbench validate --dry-run again."
        failure = rehearsal.failure
        refuse_failed_cell(rehearsal, mine, (passing.missed(failure.message) if failure else "") or mend)
        refuse_unrecorded(chosen, rehearsal, runs)
        session.tried.add(source_digest(chosen.source))
    return DryRun(
        checked.source,
        checked.findings,
        (
            *checked.notes,
            *passing.notes,
            *([f"Of each dataset, {count(rows, 'row')} at the most."] if rows else []),
        ),
        rehearsal=rehearsal,
        runs=mine,
        calls=calls.calls,
        input_tokens=calls.input_tokens,
        output_tokens=calls.output_tokens,
        rows=sum(_samples(run) for run in mine),
        raised=raised,
        rehearse=chosen.line("validate"),
        push=chosen.line(f"push {chosen.slug}" if len(chosen.stored) > 1 and chosen.slug else "push"),
    )


def _check_installed() -> None:
    if importlib.util.find_spec("kaggle_benchmarks") is None:
        raise ExecutionError(
            "A dry run needs the task SDK, and this Python has no package kaggle_benchmarks.",
            hint="%pip install kaggle_benchmarks 'hishel<2' jupyter_bokeh",
        )


def _samples(run: RunResult) -> int:
    return sum(_samples(sub) for sub in run.subruns) or 1


def _raised_over_answer(rehearsal: Rehearsal, runs: Sequence[RunResult], calls: Calls) -> str:
    """Return what the task raised if the stand-in's answer may be the cause, else ""."""
    failure = rehearsal.failure
    errored = any(run.errored for run in runs)
    if (
        failure is None
        or failure.displaying
        or not errored
        or not calls.calls
        or rehearsal.outcome.error is None
    ):
        return ""
    name, text = rehearsal.outcome.error.ename, rehearsal.outcome.error.evalue
    if _FAULT_OF_ANSWER.search(text) or (name in _SURELY and not _NONE.search(text)):
        return ""
    where = ", ".join(filter(None, [failure.where, failure.also]))
    return f"{where}: {failure.message}\n\n{failure.traceback}".strip()


# Runs in the kernel before the first cell. What it defines is not seen by the notebook.
_FIRST_ROWS = """\
def _kbench_first_rows(most):
    import functools, itertools
    from kaggle_benchmarks.actors.llms import LLMChat
    from kaggle_benchmarks.tasks import Task
    whole = Task.evaluate

    def first(values):
        values = list(itertools.islice(values, most + 1))
        return values if any(isinstance(value, LLMChat) for value in values) else values[:most]

    @functools.wraps(whole)
    def evaluate(self, grid=None, evaluation_data=None, *options, **named):
        import inspect
        own = inspect.signature(whole).parameters
        if evaluation_data is not None:
            evaluation_data = evaluation_data.head(most)
        if grid is not None:
            grid = {{name: first(values) for name, values in grid.items()}}
        named = {{name: value if name in own else first(value) for name, value in named.items()}}
        return whole(self, grid, evaluation_data, *options, **named)

    Task.evaluate = evaluate

_kbench_first_rows({rows})
del _kbench_first_rows
"""
