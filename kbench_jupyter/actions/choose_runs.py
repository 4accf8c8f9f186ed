"""Which runs a command is about: those of a task, on the models or other candidates named."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.pushed_task import get_task, refuse_unready
from kbench_jupyter.actions.wanted_models import is_pattern, wanted_models
from kbench_jupyter.api import Client, Run, TaskSlug
from kbench_jupyter.display.view import count
from kbench_jupyter.errors import ApiError, NotFoundError
from kbench_jupyter.session.server_settings import models_hint
from kbench_jupyter.session.session import Session

#: Run ids that are named where one is not there.
_NAMED = 12


def runs_on(client: Client, slug: TaskSlug | str, models: Sequence[str]) -> tuple[list[Run], list[Run]]:
    """Return a task's runs on the models or candidates named, oldest first, and those that were looked through.

    None named means all. Where no run fits, all of the task's runs were looked through. A model's name means all its
    runs, at any effort and with any agent. Names stand in any spelling, with ``*``, ``?`` and ``[...]`` as in file
    names.
    """
    wanted = wanted_models(models)
    # The server knows names of models alone.
    named = [] if any(is_pattern(name) for name in wanted) else wanted
    runs = list(client.list_runs(slug, models=named, whole=True))
    if named and not all(any(fits(run, name) for run in runs) for name in named):
        runs = list(client.list_runs(slug, whole=True))
    fitting = [run for run in runs if not wanted or any(fits(run, name) for name in wanted)]
    return sorted(fitting, key=lambda run: run.id), runs


def fits(run: Run, name: str) -> bool:
    """Whether a name or pattern means a run, by its model or its candidate."""
    return any(fnmatch.fnmatch(called, name) for called in (run.model, run.candidate))


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Sort runs by version, newest first, and those of one version in the order they were made."""
    return sorted(runs, key=lambda run: (-(run.task.version or 0), run.id))


def choose_runs(
    session: Session,
    client: Client,
    slug: TaskSlug,
    models: Sequence[str] = (),
    *,
    run_ids: Collection[int] = (),
    version: int | None = None,
) -> list[Run]:
    """Return a task's runs on some or all models and other candidates, oldest first; see `runs_on`.

    Only those of `run_ids` and of a `version`, where these are given.

    Raises
    ------
    UsageError
        If a name is several.
    NotFoundError
        If the server knows no such task, or it has no such runs.
    TaskNotReadyError
        If it has none because its first version is still being created.
    """
    try:
        runs, there = runs_on(client, slug, models)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        get_task(session, client, str(slug))  # says which task might have been meant
        raise
    if runs:
        if gone := without_run(models, runs):
            session.reporter.say(f"! {slug} has no run on {' or '.join(gone)}. {runs_hint(gone, there)}")
        return _of(slug, runs, run_ids, version)
    task = get_task(session, client, str(slug))
    if there:
        raise NotFoundError(f"{slug} has no run on {none_of(models, there)}.", hint=runs_hint(models, there))
    if task.creation_state.is_pending:
        refuse_unready(task)
    named = [name for name in wanted_models(models) if not is_pattern(name)]
    on = "".join(f" -m {model}" for model in named) or " -m MODEL"
    raise NotFoundError(f"{slug} has no runs yet.", hint=f"Start one: %kbench run {slug}{on}")


def _of(slug: TaskSlug, runs: list[Run], run_ids: Collection[int], version: int | None) -> list[Run]:
    """Return the runs of these ids and that version; an empty collection and None stand for all."""
    known = {run.id for run in runs}
    if unknown := sorted(set(run_ids) - known):
        raise NotFoundError(
            f"{slug} has no run {' or '.join(map(str, unknown))} here.",
            hint=f"There are: {', '.join(map(str, sorted(known)[-_NAMED:]))}   (all: %kbench status {slug})",
        )
    chosen = [
        run
        for run in runs
        if (not run_ids or run.id in run_ids) and (version is None or run.task.version == version)
    ]
    if not chosen:
        versions = sorted({run.task.version for run in runs if run.task.version})
        raise NotFoundError(
            f"{slug} has no such run of version {version}.",
            hint=f"There are runs of version {', '.join(map(str, versions)) or 'unknown'}.",
        )
    return chosen


def without_run(models: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Return the names and patterns that none of the runs is meant by."""
    return [name for name in wanted_models(models) if not any(fits(run, name) for run in runs)]


def none_of(models: Sequence[str], there: Sequence[Run]) -> str:
    """Say which models none of the runs there are is on."""
    return f"{' or '.join(wanted_models(models))} ({count(len(there), 'run')} on other models)"


def runs_hint(models: Sequence[str], runs: Sequence[Run]) -> str:
    """Say which candidate there are runs on was meant by the first model named, and all that there are."""
    there = sorted({run.candidate for run in runs})
    return models_hint(wanted_models(models)[0], there, more=f"it has runs on: {', '.join(there)}")


@dataclass(frozen=True)
class Which:
    """The runs of a task that are meant; a candidate means only the runs of that very one."""

    models: tuple[str, ...] = ()
    candidate: str | None = None
    run_ids: frozenset[int] = frozenset()
    version: int | None = None

    def of(self, session: Session, client: Client, slug: TaskSlug) -> list[Run]:
        """Ask for them, newest version first.

        Raises
        ------
        NotFoundError
            If there are none.
        """
        runs = choose_runs(session, client, slug, self.models, run_ids=self.run_ids, version=self.version)
        chosen = [run for run in runs if self.candidate in (None, run.candidate)]
        if not chosen:
            raise NotFoundError(f"{slug} has no run on {self.candidate} any more.")
        return newest_first(chosen)

    def holds(self, run: Run) -> bool:
        """Say whether a run that was made since is meant, too."""
        named = not self.models or any(fits(run, name) for name in wanted_models(self.models))
        right = self.candidate in (None, run.candidate) and self.version in (None, run.task.version)
        return named and right and not self.run_ids
