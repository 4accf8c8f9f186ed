"""The third door: the actions that scripts and notebooks in CI need, as plain functions.

For example::

    from kbench_jupyter import compare, push, run

    push("task.py", wait=0)
    run("my-task", ["gemini-2.5-flash"], wait=0)
    print(compare("my-task", output="results"))

Each returns the value that its ``%kbench`` command shows: ``print`` it, read its attributes, or take
``.to_dataframe()``. Errors are :class:`~kbench_jupyter.errors.KBenchError`. All functions share one
session, which :func:`session` returns; it speaks to the same target as the magics would.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from kbench_jupyter.errors import UsageError

if TYPE_CHECKING:
    from kbench_jupyter.actions.auth import AuthResult
    from kbench_jupyter.actions.cancel import CancelledRuns
    from kbench_jupyter.actions.check import Checked
    from kbench_jupyter.actions.compare import Comparison
    from kbench_jupyter.actions.download import DownloadResult
    from kbench_jupyter.actions.dry_run import DryRun
    from kbench_jupyter.actions.list_tasks import TaskList
    from kbench_jupyter.actions.local import LocalShown
    from kbench_jupyter.actions.models import ModelList
    from kbench_jupyter.actions.push import PushResult
    from kbench_jupyter.actions.results import Results
    from kbench_jupyter.actions.run import ScheduledRuns
    from kbench_jupyter.actions.status import TaskStatus
    from kbench_jupyter.actions.validate import ValidateResult
    from kbench_jupyter.results.comparison import By
    from kbench_jupyter.results.samples.measures import Measure
    from kbench_jupyter.session.session import Session

_Path = str | os.PathLike[str]
_Names = str | Sequence[str]


@functools.cache
def session() -> Session:
    """Return the session that the functions of this module share."""
    from kbench_jupyter.session.session import Session

    return Session()


def auth(env_file: _Path | None = None) -> AuthResult:
    """Fetch model proxy credentials into the env file and this process (see ``%kbench auth``)."""
    from kbench_jupyter.actions import auth

    return auth.auth(session(), _path(env_file))


def check(file: _Path, task: str | None = None) -> Checked:
    """Check a task file against the rules, running nothing.

    Parameters
    ----------
    file : path
        A .py, .ipynb or .md file.
    task : str, optional
        The task meant, by name or slug.

    Raises
    ------
    NotebookError
        If the file cannot be read. Findings are returned, not raised.
    """
    from kbench_jupyter.actions import check, sources

    chosen = sources.choose_task(session(), task, file=os.fspath(file), required=False)
    return check.check(session(), task, chosen=chosen)


def validate(
    file: _Path,
    task: str | None = None,
    *,
    model: str | None = None,
    timeout: float | None = None,
    pass_env: _Names = (),
    dry_run: bool = False,
    rows: int | None = None,
) -> ValidateResult | DryRun:
    """Check a task file, then run it once in a fresh kernel.

    Parameters
    ----------
    file : path
        A .py, .ipynb or .md file.
    task : str, optional
        The task meant, by name or slug.
    model : str, optional
        Proxy slug of the model to rehearse with.
    timeout : float, optional
        Seconds for the whole rehearsal.
    pass_env : str or sequence of str, optional
        Environment variables that the task gets although it has none of them on the server.
    dry_run : bool
        Run it on the stand-in model instead, which needs no server and costs nothing.
    rows : int, optional
        In a dry run, how many rows ``.evaluate`` runs at the most.

    Raises
    ------
    ValidationError
        If a rule finds an error, a cell or the task fails, or nothing is recorded.
    """
    from kbench_jupyter.actions import dry_run as dry
    from kbench_jupyter.actions import sources, validate

    if rows is not None and not dry_run:
        raise UsageError("rows goes with a dry run.", hint="validate(..., dry_run=True, rows=5)")
    chosen = sources.choose_task(session(), task, file=os.fspath(file), required=False)
    how: dict[str, Any] = {"chosen": chosen, "timeout": timeout, "pass_env": _names(pass_env)}
    if dry_run:
        if model is not None:
            raise UsageError("A dry run is on the stand-in model.", hint="Leave out model, or dry_run.")
        return dry.dry_run(session(), task, rows=rows, **how)
    return validate.validate(session(), task, model=model, **how)


def push(
    file: _Path,
    task: str | None = None,
    *,
    datasets: _Names = (),
    wait: float | bool | None = None,
    force: bool = False,
    again: bool = False,
    detach_datasets: bool = False,
    describe: bool = False,
) -> PushResult:
    """Push a task file as the next version of its task.

    Parameters
    ----------
    file : path
        A .py, .ipynb or .md file.
    task : str, optional
        May be left out when the file stores exactly one.
    datasets : str or sequence of str
        ``owner/name`` of Kaggle datasets to attach; a single text is a single name.
    wait : float or bool, optional
        Seconds to wait for the version to be created; 0 or True waits as long as it takes, None or False
        does not wait.
    force, again, detach_datasets, describe : bool
        As the flags of ``%kbench push``; the description is changed without a question.

    Raises
    ------
    UsageError, ValidationError, TaskNotReadyError, WatchTimeoutError
        As ``%kbench push`` does.
    """
    from kbench_jupyter.actions import push, sources

    seconds = _seconds(wait)  # before anything is read or sent
    return push.push(
        session(),
        sources.choose_task(session(), task, file=os.fspath(file)),
        datasets=_names(datasets),
        wait=seconds,
        force=force,
        again=again,
        detach_datasets=detach_datasets,
        describe=describe,
        confirmed=True,
    )


def run(
    task: str,
    models: _Names = (),
    *,
    effort: str | None = None,
    agents: _Names = (),
    repeat: int = 1,
    wait: float | bool | None = None,
) -> ScheduledRuns:
    """Schedule a task's newest version on models, or with agents.

    Parameters
    ----------
    task : str
        Name or slug.
    models : str or sequence of str
        Names or patterns such as ``"gemini*"``; a single text is a single one.
    effort : str, optional
        Reasoning effort of the models.
    agents : str or sequence of str
        Slugs of agents.
    repeat : int
        Runs of each candidate. Where the server lets one of them go at a time, each but the last is waited for.
    wait : float or bool, optional
        Seconds to follow the runs; 0 or True follows them to their end, None or False does not wait.

    Raises
    ------
    UsageError, NotFoundError, TaskNotReadyError, RunsFailedError, WatchTimeoutError
        As ``%kbench run`` does.
    """
    from kbench_jupyter.actions import run

    seconds = _seconds(wait)  # before anything is sent
    how: dict[str, Any] = {"effort": effort, "agents": _names(agents), "repeat": repeat, "wait": seconds}
    return run.run(session(), _slug(task), _names(models), **how)


def cancel(
    task: str, *, models: _Names = (), run_ids: Sequence[int] = (), running: bool = False
) -> CancelledRuns:
    """Stop a task's queued runs, all or those named; with `running` those that are going, too."""
    from kbench_jupyter.actions import cancel

    how: dict[str, Any] = {"models": _names(models), "run_ids": run_ids, "running": running}
    return cancel.cancel(session(), _slug(task), **how, confirmed=True)


def start_local(
    upstream: str | None = None, *, key_from: str | None = None, cluster: str | None = None
) -> LocalShown:
    """Start the embedded server, which otherwise starts when it is first needed.

    Parameters
    ----------
    upstream : str, optional
        Address of an OpenAI-compatible endpoint whose models it offers beside its own.
    key_from : str, optional
        The environment variable, or the line of ``.env``, that holds the endpoint's key.
    cluster : str, optional
        Address of a Dask scheduler whose workers run the tasks (``"tcp://10.0.0.5:8786"``), or ``"new:4"`` for a
        worker with four slots on this machine.

    Raises
    ------
    UsageError, LocalServerError
        As ``%kbench local start`` does: also where it runs already with another endpoint or cluster.
    """
    from kbench_jupyter.actions import local

    return local.command(session(), "start", upstream=upstream, key_from=key_from, cluster=cluster)


def status(task: str, *, models: _Names = ()) -> TaskStatus:
    """Return a task and its runs, of all models or those named."""
    from kbench_jupyter.actions import status

    return status.status(session(), _slug(task), models=_names(models))


def list_tasks(*, regex: str | None = None, status: str | None = None) -> TaskList:
    """Return your tasks, all or those whose name or state fits."""
    from kbench_jupyter.actions import list_tasks

    return list_tasks.list_tasks(session(), regex=regex, status=status)


def list_models(*, modality: str | None = None, search: str | None = None) -> ModelList:
    """Return the models that tasks can run on, all or those that fit."""
    from kbench_jupyter.actions import models

    return models.list_models(session(), modality=modality, search=search)


def download(
    task: str,
    *,
    models: _Names = (),
    output: _Path = ".",
    include_source: bool = False,
    force: bool = False,
) -> DownloadResult:
    """Fetch what the runs of a task left, as ``<output>/<task>/<version>/<candidate>/<run>/``.

    Raises
    ------
    DownloadError
        If some outputs cannot be had; the others are in place.
    """
    from kbench_jupyter.actions import download

    return download.download(
        session(),
        _slug(task),
        models=_names(models),
        output=_path(output) or Path(),
        include_source=include_source,
        force=force,
    )


@overload
def compare(
    task: str,
    *,
    models: _Names = ...,
    output: _Path | None = ...,
    measure: Measure | None = ...,
    by: By = ...,
    baseline: str = ...,
    fail_if: str | None = ...,
) -> Results: ...


@overload
def compare(
    task: str,
    one: str,
    other: str,
    *,
    models: _Names = ...,
    output: _Path | None = ...,
    measure: Measure | None = ...,
) -> Comparison: ...


def compare(
    task: str,
    one: str | None = None,
    other: str | None = None,
    *,
    models: _Names = (),
    output: _Path | None = None,
    measure: Measure | None = None,
    by: By = "candidate",
    baseline: str = "",
    fail_if: str | None = None,
) -> Results | Comparison:
    """Return the runs of a task side by side, or two candidates or versions of it sample by sample.

    With `one` and `other` it is ``%kbench compare``, else ``%kbench results``; ``kbench_jupyter.results`` is a package
    of its own. Runs that are not in `output` yet are fetched.

    Parameters
    ----------
    task : str
        Name or slug.
    one, other : str, optional
        Two candidates, or two versions such as ``"v1"`` and ``"v2"``; the second is compared with the first.
    models : str or sequence of str
        Only these models or other candidates.
    output : path, optional
        The folder downloads lie in; by default the one where this task's downloads were last, or this one.
    measure : {"score", "passed", "checks", "cost", "latency", "tokens"}, optional
        What is compared.
    by : {"candidate", "version", "model"}
        How runs are put together.
    baseline : str
        A candidate or a version to say the difference from.
    fail_if : str, optional
        ``"worse than v1"`` or ``"worse than CANDIDATE"``.

    Raises
    ------
    NotFoundError
        If none of its runs left a result.
    UsageError
        If a side, a measure or a condition is none that there is.
    RegressionError
        If `fail_if` holds; its ``results`` is the comparison.
    """
    from kbench_jupyter.actions import compare as sample_by_sample
    from kbench_jupyter.actions import results
    from kbench_jupyter.actions.remembered import downloads_folder
    from kbench_jupyter.actions.results.measuring import Asked, check_words

    check_words(measure, by)
    slug = _slug(task)
    folder = downloads_folder(session(), slug, _path(output))
    if one is not None and other is not None:
        if by != "candidate" or baseline or fail_if:
            raise UsageError("by, baseline and fail_if go with one task, not with two sides.")
        return sample_by_sample.compare(
            session(), slug, one, other, measure=measure, models=_names(models), output=folder
        )
    if one is not None or other is not None:
        raise UsageError("compare takes two sides, or none.", hint='compare("my-task", "v1", "v2")')
    asked = Asked(measure, by, baseline)
    return results.results(
        session(), slug, models=_names(models), output=folder, asked=asked, fail_if=fail_if
    )


def _names(given: _Names) -> Sequence[str]:
    """Take a single text for a single name: letter by letter it would fit nothing, silently."""
    return (given,) if isinstance(given, str) else given


def _path(given: _Path | None) -> Path | None:
    """Return the path that is given, if one is."""
    from kbench_jupyter.paths import expanded

    return None if given is None else expanded(given)


def _seconds(wait: object) -> float | None:
    """Return how long to wait as actions take it: in seconds, 0 without a limit, None not at all."""
    if wait is None or wait is False:
        return None
    if wait is True:
        return 0.0
    if isinstance(wait, Real) and 0 <= (seconds := float(wait)) < float("inf"):  # NaN is neither
        return seconds
    raise UsageError(
        f"wait takes a number of seconds, not {wait!r}.",
        hint="wait=True or 0 waits as long as it takes, False or None not at all.",
    )


def _slug(task: str) -> str:
    from kbench_jupyter.actions.sources import resolve_slug

    return resolve_slug(session(), task)
