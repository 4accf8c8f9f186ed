"""Push: send the task source to the target as the next version of its task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.actions import pushes
from kbench_jupyter.actions.cards import finding_parts, notes_on, page_cell, state_cell
from kbench_jupyter.actions.check import Checked, check, refuse_errors
from kbench_jupyter.actions.describe import agreed, page_of_source, send
from kbench_jupyter.actions.describe.page import Page, page_of_task
from kbench_jupyter.actions.pushed_task import (
    addressed,
    creation_notes,
    find_task,
    first_run_raised,
    refuse_unready,
)
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors
from kbench_jupyter.actions.sources import ChosenTask, say_if_large
from kbench_jupyter.api import Task
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Text, View
from kbench_jupyter.errors import KBenchError, TaskNotReadyError, UsageError, ValidationError
from kbench_jupyter.following.creation import watch_creation
from kbench_jupyter.notebook.pushed import push_notebook
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target
from kbench_jupyter.validation.findings import Finding

#: ``owner/name``, and a version of it.
_DATASET = re.compile(r"[^/\s]+/[^/\s]+(/versions/\d+)?")
#: The one rule whose findings depend on the datasets that are attached.
_NOT_ATTACHED = "KB502"
#: Caps the seconds between two looks at a version being created.
POLL_INTERVAL = 60.0


@dataclass(frozen=True)
class PushResult(Shown):
    """What was pushed."""

    #: As the server answered, or as it was when waiting ended.
    task: Task
    #: What the task source came from.
    origin: str = ""
    #: Warnings that stood in nobody's way.
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    #: False when the server had exactly this already, and nothing was sent.
    changed: bool = True
    #: What to type to send it all the same, to rehearse it, and to run it on the stand-in model.
    again: str = "%kbench push --again"
    rehearse: str = "%kbench validate"
    dry_run: str = "%kbench validate --dry-run"
    #: Whether this source was run here, with a model or on the stand-in.
    tried: bool = True
    explained: RunErrors = NO_SOURCE

    def view(self) -> View:
        """Describe the push."""
        task, slug, raised = self.task, self.task.slug.task, first_run_raised(self.task)
        named = f"{slug}, version {task.version}" if task.version else slug
        facts = Facts(
            {
                "task": slug,
                "from": self.origin,
                "state": state_cell(task.creation_state),
                "page": page_cell(task),
                "datasets": ", ".join(task.datasets),
            }
        )
        steps = [(f"%kbench run {slug} -m MODEL --wait", "run it on a model (list: %kbench models)")]
        if task.creation_state != "COMPLETED":
            steps = [(f"%kbench status {slug}", "see when the server has created it")]
        title = Cell(f"Pushed {named}", "good")
        parts: list[Part] = [facts, *finding_parts(self.findings)]
        if raised:
            title = Cell(f"Pushed {named}, and its first run raised an error", "warn")
            parts.insert(1, Text(self.explained.whole(task.creation_error_message), code=True))
            steps.insert(0, (self.rehearse, "see it here, mend it, then push again"))
        elif not self.tried:
            steps.append((self.dry_run, "it was never run here: try it on a stand-in model, at no cost"))
        if not self.changed:
            title = Cell(f"Unchanged since {named}: nothing was pushed", title.tone)
            steps.append((self.again, "push it all the same"))
        notes = self.notes if raised else [*self.notes, *creation_notes(task, self.explained)]
        return View(title, parts, notes=notes, next=steps, footer=self.footer)

    def refuse_raised(self) -> None:
        """Raise ValidationError if the version's first run raised an error, before anything else is run of it."""
        if first_run_raised(self.task):
            slug, error = self.task.slug.task, self.task.creation_error_message
            raise ValidationError(
                f"{slug} was pushed, and its first run raised an error: {self.explained.line(error)}",
                detail=self.explained.whole(error),
                hint=f"See it here, mend it, then push again: {self.rehearse}\n"
                f"To run it all the same: %kbench run {slug} -m MODEL",
            )


def push(
    session: Session,
    chosen: ChosenTask,
    *,
    datasets: Sequence[str] = (),
    wait: float | None = None,
    poll_interval: float = POLL_INTERVAL,
    force: bool = False,
    again: bool = False,
    detach_datasets: bool = False,
    describe: bool = False,
    confirmed: bool = False,
) -> PushResult:
    """Push a task source.

    Parameters
    ----------
    chosen : ChosenTask
        The source and the task in it.
    datasets : sequence of str
        ``owner/name`` of Kaggle datasets to attach.
    wait : float, optional
        Seconds to wait for the server to have created the version; 0 waits as long as it takes,
        None returns at once.
    poll_interval : float
        Most seconds between two looks while waiting.
    force : bool
        Push in spite of findings of severity error.
    again : bool
        Push even what is on the server already.
    detach_datasets : bool
        Do not keep the datasets of the version before.
    describe : bool
        Make the notebook's first markdown cell the description on the task's page. What would change is shown, and
        asked about unless it is `confirmed`, before anything is sent; where the server then does not take it, a note
        says so.
    confirmed : bool
        Whether the user has agreed to that already.

    Raises
    ------
    UsageError
        If a dataset is not ``owner/name``, or the description was not agreed to, or there is none.
    ValidationError
        If a finding is an error (and not `force`), or the server refuses the source or a dataset.
    TaskNotReadyError
        If the version before is still being created (and `wait` is None), or the creation fails.
    WatchTimeoutError
        If `wait` seconds were not enough; the server goes on.
    """
    _check_datasets(datasets)
    page = page_of_source(chosen.source) if describe else Page()
    checked = _check(session, chosen, datasets, force=force)
    target = session.target()
    client = session.client(target)
    before = _settle_before(session, target, chosen, wait, poll_interval)
    kept = before.datasets if before and not datasets and not detach_datasets else ()
    attached = tuple(datasets) or kept
    if kept and any(finding.code == _NOT_ATTACHED for finding in checked.findings):
        # Which datasets will be there is known only now; no other rule asks.
        checked = _check(session, chosen, attached, force=force)
    if describe:
        there = page_of_task(before) if before else Page("")
        page = agreed(session, chosen.slug, there, page, "Nothing was pushed.", confirmed=confirmed)
    session.pushed = chosen.slug
    say_if_large(session, f"Writing {chosen.source.origin} as a notebook", len(chosen.source.text))
    text = push_notebook(chosen.source, choose=chosen.choice)
    digest = pushes.digest(text, attached)
    session.sources[digest] = chosen.source
    lines: dict[str, Any] = {
        "again": chosen.line("push --again"),
        "rehearse": chosen.line("validate"),
        "dry_run": chosen.line("validate --dry-run"),
        "tried": pushes.source_digest(chosen.source) in session.validated | session.tried,
        "explained": RunErrors(chosen.source),
        "footer": target.label,
    }
    created = before is not None and before.creation_state == "COMPLETED"
    if before and created and not again and pushes.pushed_digest(session, target, before) == digest:
        notes = _described(session, before, page)
        return PushResult(
            before, chosen.source.origin, checked.findings, tuple(notes), changed=False, **lines
        )
    session.reporter.say(f"Pushing {chosen.slug} from {chosen.source.origin} to {target.place}.")
    task = client.create_task(
        chosen.slug, text, datasets=attached, known_version=(before.version or 0) if before else 0
    )
    _refuse_answer(task, chosen)
    pushes.remember(session, target, chosen.slug, task.version, digest)
    notes = [*_notes(chosen, task, kept), *([f"{checked.unchecked}."] if checked.unchecked else [])]
    if wait is not None:
        task = _watch(session, target, task.slug.task, task.version, wait, poll_interval)
        refuse_unready(task, lines["explained"])
    notes += _described(session, task, page)
    return PushResult(task, chosen.source.origin, checked.findings, tuple(notes), **lines)


def _check_datasets(datasets: Sequence[str]) -> None:
    """Refuse what cannot be a dataset's name: the server would make a version without it first."""
    for name in datasets:
        if not _DATASET.fullmatch(name):
            raise UsageError(
                f"{name!r} is no dataset's name; nothing was pushed.",
                hint="Write it as on its page: -d OWNER/NAME",
            )


def _check(session: Session, chosen: ChosenTask, datasets: Sequence[str], *, force: bool) -> Checked:
    checked = check(session, chosen.slug, chosen=chosen, datasets=datasets)
    if not force:
        refuse_errors(checked, f"it was not pushed (push it all the same: {chosen.line('push --force')})")
    return checked


def _described(session: Session, task: Task, page: Page) -> list[str]:
    """Change the page of what was pushed; a server that does not take it is no reason to say that nothing was."""
    if page == Page():
        return []
    try:
        changed, notes = send(session, task.slug.task, page)
    except KBenchError as error:
        return [f"The description was not changed: {error}"]
    session.reporter.say(f"Changed the description of {changed.slug.task}.")
    return notes


def _notes(chosen: ChosenTask, task: Task, kept: Sequence[str]) -> list[str]:
    notes = [*chosen.notes, *notes_on(chosen.source)]
    if task.note:
        notes.append(task.note)
    if chosen.choice:
        notes.append(
            f"The notebook stores several tasks: %choose {chosen.choice} was added as its last cell."
        )
    if kept:
        names = ", ".join(kept)
        notes.append(f"Kept the datasets of the version before: {names} (--detach-datasets drops them).")
    return notes


def _settle_before(
    session: Session, target: Target, chosen: ChosenTask, wait: float | None, poll_interval: float
) -> Task | None:
    """Return the version before as it ended; how it ended does not matter to the next push."""
    slug = chosen.slug
    before = find_task(session.client(target), slug)
    if before is None or not before.creation_state.is_pending:
        return before
    pending = f"Version {before.version} of {slug} is still being created"
    if wait is None:
        raise TaskNotReadyError(
            f"{pending} ({str(before.creation_state).lower()}).",
            hint=f"Wait for it, then push: {chosen.line('push --wait')}",
        )
    session.reporter.say(f"{pending}: waiting for it first.")
    return _watch(session, target, slug, before.version, wait, poll_interval)


def _watch(
    session: Session, target: Target, slug: str, version: int | None, wait: float, poll_interval: float
) -> Task:
    """Return a version once its creation has ended."""
    created = watch_creation(
        session.client(target),
        slug,
        version,
        timeout=wait or None,
        max_interval=target.poll_interval(poll_interval),
        reporter=session.reporter,
        on_trouble=session.reviver(target),
    )
    return addressed(created, slug)


def _refuse_answer(task: Task, chosen: ChosenTask) -> None:
    if task.error:
        raise ValidationError(
            f"The server did not take {task.slug.task or 'the task'}: {task.error}",
            hint=f"Mend it, then {chosen.line('push')} again.",
        )
    if task.invalid_datasets:
        raise ValidationError(
            f"Pushed version {task.version} of {task.slug.task}, but without these datasets, which the server "
            f"could not resolve: {', '.join(task.invalid_datasets)}.",
            hint="Check the names (owner/name) and that you may read them, then push again with -d for each.",
        )
