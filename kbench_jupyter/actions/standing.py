"""Standing: how far the current notebook's task has come, read from the server, and what comes next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.actions import pushes
from kbench_jupyter.actions.download import origin_of
from kbench_jupyter.actions.edited import digest_of, source_digest
from kbench_jupyter.actions.init import say_expiry, why_stale
from kbench_jupyter.actions.push import find_task, first_run_raised, page_of
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.actions.steps import Step, steps_of
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Value, View
from kbench_jupyter.errors import KBenchError, LocalServerError, NotebookError, ValidationError
from kbench_jupyter.results.downloads import holds, run_folder
from kbench_jupyter.session import envfile
from kbench_jupyter.session.proxy_variables import EXPIRY

if TYPE_CHECKING:
    from kbench_jupyter.api import Run, Task
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.session.target import Target

_TONES = {"done": "good", "going": "busy", "next": "", "later": "quiet", "failed": "bad"}


@dataclass(frozen=True)
class Standing(Shown):
    """How far a task has come.

    Parameters
    ----------
    target : Target or None
        None when there is none to be had.
    place : str
        The target in words.
    origin : str
        The notebook's name.
    chosen : ChosenTask or None
        The task source; None where there is no notebook to be found.
    slug : str
        The task, or "" where the notebook does not settle it.
    task : Task or None
        As the server knows it.
    runs : tuple of Run
        Of the newest version.
    env_file : Path
    expiry : str
        When the model proxy credentials end, in words.
    digest : str
        Of what a push would send; "" without a source.
    steps : tuple of Step
    notes : tuple of str
    """

    target: Target | None
    place: str
    origin: str
    chosen: ChosenTask | None
    slug: str
    task: Task | None
    runs: tuple[Run, ...]
    env_file: Path
    expiry: str
    digest: str
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def next(self) -> str:
        """The name of the step that comes next; "" when all are done."""
        return next((step.name for step in self.steps if step.state in ("next", "failed", "going")), "")

    @property
    def version(self) -> int | None:
        """The task's newest version on the server."""
        return None if self.task is None else self.task.version

    @property
    def page(self) -> str:
        """The task's page; "" where it has none."""
        return "" if self.task is None else page_of(self.task)

    def view(self) -> View:
        """Describe the way, and what to type next."""
        facts: dict[str, Value] = {
            "target": self.place,
            "notebook": self.origin,
            "task": self.slug or "not settled",
            "version": str(self.version or ""),
            "page": Cell(self.page, href=self.page),
            "credentials": self.expiry,
        }
        rows: list[list[Value]] = [
            [
                step.name,
                Cell(step.state, "warn" if step.raised else _TONES[step.state]),
                step.note or step.plan,
            ]
            for step in self.steps
        ]
        parts: list[Part] = [Facts(facts), Table(["step", "state", ""], rows)]
        upcoming = next((step for step in self.steps if step.name == self.next), None)
        steps = [(_command(upcoming.name, self.slug), upcoming.plan)] if upcoming else []
        title = f"Next: {upcoming.name}" if upcoming else Cell("Everything is done", "good")
        return View(
            title, parts, self.notes, [*steps, ("%kbench -h", "all commands")], footer=self.footer
        )  # fmt: skip


def _command(step: str, slug: str) -> str:
    words = {"push": "push --wait", "run": "run -m MODEL", "watch": "status", "publish": f"publish {slug}"}
    return f"%kbench {words.get(step, step)}"


def standing(
    session: Session,
    task: str | None = None,
    *,
    output: Path = Path(),
    start: bool = False,
) -> Standing:
    """Find out how far the current notebook's task has come. Changes nothing.

    Parameters
    ----------
    session : Session
    task : str, optional
        The task meant, where the notebook stores several.
    output : Path
        Where downloads lie.
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
    chosen, slug, origin = _source(session, task, notes)
    server_task: Task | None = None
    runs: tuple[Run, ...] = ()
    if target is not None and slug:
        client = session.client(target)
        server_task = find_task(client, slug)
        if server_task is not None:
            version = server_task.version
            runs = tuple(run for run in client.list_runs(slug) if run.task.version in (version, None))
    values = envfile.read(session.env_file)
    stale = why_stale(values, target)
    found = Standing(
        target, place, origin, chosen, slug, server_task, runs, session.env_file,
        f"not usable: {stale}" if stale else say_expiry(_expiry(values.get(EXPIRY, ""))),
        digest_of(chosen, server_task) if chosen and slug else "",
        notes=tuple(notes), footer=target.label if target else "",
    )  # fmt: skip
    sent = _sent(session, found)
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
        "watch": pushed and bool(runs) and all(run.state.is_terminal for run in runs),
        "results": pushed and _compared(found, session.compared, output),
        "publish": bool(server_task and server_task.is_public),
    }
    return replace(found, steps=steps_of(found, done, sent=sent))


def _target(session: Session, notes: list[str], *, start: bool) -> tuple[Target | None, str]:
    try:
        target = session.target(start=start)
    except LocalServerError as error:
        if not start:
            return None, "the embedded server (not running; it starts when it is needed)"
        notes.append(str(error))
        return None, "none"
    except KBenchError as error:
        notes.append(" ".join([str(error), error.hint or ""]).strip())
        return None, "none"
    return target, target.place


def _source(
    session: Session, task: str | None, notes: list[str]
) -> tuple[ChosenTask | None, str, str]:  # fmt: skip
    try:
        chosen = choose_task(session, required=False)
    except NotebookError as error:
        notes.append(" ".join([str(error), error.hint or ""]).strip())
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
            notes.append(" ".join([str(error), error.hint or ""]).strip())
    return replace(chosen, slug=slug), slug, chosen.source.origin


def _sent(session: Session, found: Standing) -> bool:
    """Return whether the newest version is this source, however its creation ends."""
    return found.target is not None and pushes.is_unchanged(
        session.state_folder, found.target.base_url, found.slug, found.version, found.digest
    )


def _compared(found: Standing, compared: Collection[object], output: Path) -> bool:
    ended = [run for run in found.runs if run.state == "COMPLETED"]
    return bool(ended) and all(_is_known(found, run, compared, output) for run in ended)


def _is_known(found: Standing, run: Run, compared: Collection[object], output: Path) -> bool:
    """Return whether this very run was compared or downloaded, and not another of its id."""
    if found.target is None:
        return False
    origin = origin_of(found.target.base_url, run)
    folder = run_folder(output, found.slug, run.task.version, run.model, run.id)
    return origin in compared or holds(folder, source=False, origin=origin)


def _expiry(text: str) -> datetime | None:
    try:
        expiry = datetime.fromisoformat(text)
    except ValueError:
        return None
    return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)
