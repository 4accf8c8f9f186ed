"""Up: the whole chain, from credentials to a table of results, after one yes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.download.result import refuse_file
from kbench_jupyter.actions.dry_run import dry_run
from kbench_jupyter.actions.forecast import Lookup
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.results import Results, results
from kbench_jupyter.actions.run import run
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.actions.validate import validate
from kbench_jupyter.actions.wanted_models import settle_models
from kbench_jupyter.errors import KBenchError, UsageError
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class Step:
    """One step of the chain: its command, what that will do, what does it, and what to type to do it alone."""

    name: str
    plan: str
    do: Callable[[], Any]
    line: str


def up(
    session: Session,
    chosen: ChosenTask,
    models: Sequence[str],
    *,
    repeat: int = 1,
    output: Path = Path(),
    confirmed: bool = False,
) -> Results:
    """Try it on the stand-in, validate, push, run, download and compare, stopping at the first failure.

    Parameters
    ----------
    chosen : ChosenTask
        The source and the task in it.
    models : sequence of str
        Names or patterns.
    repeat : int
        Runs of each model.
    output : Path
        The folder downloads go to.
    confirmed : bool
        Whether the user has agreed to the plan; if not, they are asked once.

    Raises
    ------
    UsageError
        If no model is named, a file is in the place of the folder, or the user did not agree.
    NotFoundError
        If the server knows no such model; nothing was done.
    KBenchError
        What the failing step has to say, with what was done before and how to go on.
    """
    refuse_file(output / chosen.slug)
    target = session.target()
    asked = Lookup(session, target, chosen.slug, output=output, runs=True)
    wanted = settle_models(session, models)
    steps = _steps(session, chosen, wanted, repeat, output)
    session.reporter.say(f"Target: {target.place}.")
    for number, step in enumerate(steps, 1):
        session.reporter.say(f"{number}. {step.name}: {step.plan}")
    for line in asked.past().forecast([(model, model) for model in wanted], repeat).lines():
        session.reporter.say(line)
    if not confirmed and not session.reporter.confirm(f"Do all {len(steps)} steps at {target.place}?"):
        raise UsageError(
            "Nothing was done: the plan was not agreed to.", hint="To do it without being asked: add -y"
        )
    result: Any = None
    for number, step in enumerate(steps):
        session.reporter.say(f"── {step.name}")
        try:
            result = step.do()
        except KBenchError as error:
            error.detail = "\n".join(filter(None, [error.detail, "", _story(steps, number)]))
            raise
        except KeyboardInterrupt:
            session.reporter.say(_story(steps, number))
            raise
    found: Results = result
    return found


def _steps(
    session: Session, chosen: ChosenTask, models: Sequence[str], repeat: int, output: Path
) -> list[Step]:
    slug = chosen.slug
    run_words = f"run {slug} {' '.join(f'-m {model}' for model in models)}"
    run_words += f" --repeat {repeat}" if repeat > 1 else ""
    times = f"{repeat} times each, " if repeat > 1 else ""
    results_words = f"results {slug} -o {shlex.quote(str(output))}"
    return [
        Step(
            "validate --dry-run",
            "check the rules and run the task on a stand-in model, at no cost",
            lambda: dry_run(session, slug, chosen=chosen),
            chosen.line("validate --dry-run"),
        ),
        Step(
            "validate",
            "run the task once in a fresh kernel, with a model",
            lambda: validate(session, slug, chosen=chosen),
            chosen.line("validate"),
        ),
        Step(
            "push",
            f"send it as the next version of {slug}, unless it is there already",
            lambda: push(session, chosen, wait=0.0).refuse_raised(),
            chosen.line("push --wait"),
        ),
        Step(
            run_words,
            f"run it {times}on {', '.join(models)} and wait",
            lambda: run(session, slug, models, repeat=repeat, wait=0.0),
            f"%kbench {run_words}",
        ),
        Step(
            results_words,
            f"download to {output} and compare",
            lambda: results(session, slug, output=output),
            f"%kbench {results_words}",
        ),
    ]


def _story(steps: Sequence[Step], number: int) -> str:
    """Say what was done before a step, and what to type to go on."""
    done = ", ".join(step.name for step in steps[:number]) or "nothing"
    left = "\n".join(f"  {step.line}" for step in steps[number:])
    return f"Done: {done}. To go on:\n{left}"
