"""Standing: how far the current notebook's task has come, read from the server, and what comes next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.auth import NO_CREDENTIALS, expiry_of, say_expiry, why_stale
from kbench_jupyter.actions.download import origin_of
from kbench_jupyter.actions.pushed_task import find_task, first_run_raised
from kbench_jupyter.actions.pushes import digest_of, pushed_digest, source_digest
from kbench_jupyter.actions.remembered import downloads_folder
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.actions.standing.changes import changes_between
from kbench_jupyter.actions.standing.shown import NO_PLACE, Standing
from kbench_jupyter.actions.standing.steps import steps_of
from kbench_jupyter.api import Client, Run, Task
from kbench_jupyter.errors import ApiError, KBenchError, LocalServerError, NotebookError, ValidationError
from kbench_jupyter.results.downloads import holds, run_folder
from kbench_jupyter.session import envfile
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

__all__ = ["Standing", "standing", "standing_after_edit", "standing_after_runs"]


def standing(
    session: Session,
    task: str | None = None,
    *,
    start: bool = False,
) -> Standing:
    """Find out how far the current notebook's task has come. Changes nothing.

    Parameters
    ----------
    task : str, optional
        The task meant, where the notebook stores several.
    start : bool
        Whether the embedded server may be started.

    Returns
    -------
    Standing
        Also where there is no notebook, no server or no task: what is missing is in the notes.

    Raises
    ------
    KBenchError
        If the server answers with an error.
    """
    notes: list[str] = []
    target, place = _target(session, notes, start=start)
    found = Standing(target, place, footer=target.label if target else "", env_file=session.env_file)
    found = _read(session, replace(found, notes=tuple(notes)), task)
    if target is not None and found.slug:
        server_task, runs = _asked(session.client(target), found.slug)
        found = replace(found, task=server_task, runs=runs)
    return _judged(session, found)


def standing_after_edit(session: Session, before: Standing, task: str | None = None) -> Standing:
    """Find out how far the task has come by what the server said `before` and what the notebook holds now.

    It asks no server, so it may follow every edit. Of another task than before nothing is known until one asks.

    Parameters
    ----------
    task
        As `standing` takes it.
    """
    found = _read(session, replace(before, notes=()), task)
    if found.slug != before.slug:
        return before
    return _judged(session, found)


def standing_after_runs(
    session: Session,
    before: Standing,
    runs: Collection[Run],
    *,
    over: Collection[int] = (),
) -> Standing:
    """Find out how far the task has come by what is known of it and where its newest version's runs stand now.

    It asks no server and reads no notebook, so it may follow every change.

    Parameters
    ----------
    over : collection of int
        Those of `runs` that a watch waits for no more, whatever their state says: they vanished, or it was never clear.
    """
    return _judged(session, replace(before, runs=tuple(runs), over=frozenset(over)))


def _read(session: Session, found: Standing, task: str | None) -> Standing:
    """Read the notebook, and say which task is meant."""
    notes = list(found.notes)
    chosen, slug, origin = _source(session, task, notes)
    return replace(found, chosen=chosen, slug=slug, origin=origin, notes=tuple(notes))


def _judged(session: Session, found: Standing) -> Standing:
    """Say of each step what it has come to, by what is known of notebook and server."""
    chosen, server_task, runs = found.chosen, found.task, found.runs
    values = envfile.read(session.env_file)
    stale = why_stale(values, found.target)
    found = replace(
        found,
        expiry=_expiry(values, stale),
        expires=None if stale else expiry_of(values),
        digest=digest_of(chosen, server_task) if chosen and found.slug else "",
    )
    pushed_from_here = _pushed_digest(session, found)
    sent = bool(found.digest) and pushed_from_here == found.digest
    changes = None
    if chosen is not None and pushed_from_here and not sent:
        changes = changes_between(session.sources.get(pushed_from_here), chosen.source)
    pushed = sent and server_task is not None and server_task.creation_state == "COMPLETED"
    # Until somebody runs it all the same: the model that the server tried it on may have been too weak.
    raised = pushed and not runs and server_task is not None and first_run_raised(server_task)
    done = {
        "init": not stale,
        "validate": not raised
        and (pushed or (chosen is not None and source_digest(chosen.source) in session.validated)),
        "push": pushed,
        # Runs of another source say nothing about this one: after an edit they are to be made again.
        "run": pushed and bool(runs),
        "watch": pushed and bool(runs) and all(map(found.is_over, runs)),
        "results": pushed
        and _compared(found, session.compared, downloads_folder(session, found.slug, place=found.place)),
        "publish": bool(server_task and server_task.is_public),
    }
    found = replace(found, changes=changes)
    return replace(found, steps=steps_of(found, done, sent=sent))


def _expiry(values: Mapping[str, str], stale: str | None) -> str:
    """Say when an env file's credentials end, or why they are none."""
    if stale is None:
        return say_expiry(expiry_of(values))
    return "none yet" if stale == NO_CREDENTIALS else f"not usable: {stale}"


def _asked(client: Client, slug: str) -> tuple[Task | None, tuple[Run, ...]]:
    """Ask for a task and its newest version's runs at once; nothing is wrong where there is no such task."""

    def ask_for_runs() -> list[Run] | ApiError:
        try:
            return list(client.list_runs(slug, whole=True))
        except ApiError as error:
            return error

    task, runs = both(lambda: find_task(client, slug), ask_for_runs)
    if task is None:
        return None, ()
    if isinstance(runs, ApiError):
        raise runs
    return task, tuple(run for run in runs if run.task.version in (task.version, None))


def _target(session: Session, notes: list[str], *, start: bool) -> tuple[Target | None, str]:
    try:
        target = session.target(start=start)
    except LocalServerError as error:
        if not start:
            return None, "the embedded server (not running; it starts when it is needed)"
        notes.append(str(error))
        return None, NO_PLACE
    except KBenchError as error:
        notes.append(_said(error))
        return None, NO_PLACE
    return target, target.place


def _source(
    session: Session, task: str | None, notes: list[str]
) -> tuple[ChosenTask | None, str, str]:  # fmt: skip
    try:
        chosen = choose_task(session, required=False)
    except NotebookError as error:
        notes.append(_said(error))
        return None, "", "not found"
    notes += chosen.notes
    slug = chosen.slug
    if task and task in chosen.stored:
        slug = task
    elif not slug and len(chosen.stored) > 1:
        slug = chosen.stored[0]
    if not slug:
        try:
            choose_task(session)
        except ValidationError as error:
            notes.append(_said(error))
    return replace(chosen, slug=slug), slug, chosen.source.origin


def _pushed_digest(session: Session, found: Standing) -> str:
    """Return the digest of the newest version, however its creation ends; "" unless it was pushed from here."""
    if found.target is None or found.task is None:
        return ""
    return pushed_digest(session, found.target, found.task)


def _compared(found: Standing, compared: Collection[object], output: Path) -> bool:
    ended = [run for run in found.runs if run.state == "COMPLETED"]
    return bool(ended) and all(_is_known(found, run, compared, output) for run in ended)


def _is_known(found: Standing, run: Run, compared: Collection[object], output: Path) -> bool:
    """Return whether this very run was compared or downloaded, and not another of its id."""
    if found.target is None:
        return False
    origin = origin_of(found.target.base_url, run)
    folder = run_folder(output, found.slug, run.task.version, run.candidate, run.id)
    return origin in compared or holds(folder, source=False, origin=origin)


def _said(error: KBenchError) -> str:
    return " ".join([str(error), error.hint or ""]).strip()
