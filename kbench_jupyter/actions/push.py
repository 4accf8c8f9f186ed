"""Push: send the task source to the target as the next version of its task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kbench_jupyter.actions import pushes
from kbench_jupyter.actions.cards import finding_parts, notes_on
from kbench_jupyter.actions.edited import source_digest
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.actions.validate import Checked, check, refuse_errors
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Text, Value, View
from kbench_jupyter.errors import NotFoundError, TaskNotReadyError, UsageError, ValidationError
from kbench_jupyter.validation.rules.findings import Finding

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Task
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.session.target import Target

#: ``owner/name``, and a version of it.
_DATASET = re.compile(r"[^/\s]+/[^/\s]+(/versions/\d+)?")
#: The one rule whose findings depend on the datasets that are attached.
_NOT_ATTACHED = "KB502"
#: Caps the seconds between two looks at a version being created.
POLL_INTERVAL = 60.0


@dataclass(frozen=True)
class PushResult(Shown):
    """What was pushed.

    Parameters
    ----------
    task : Task
        As the server answered, or as it was when waiting ended.
    origin : str
        What the task source came from.
    findings : tuple of Finding
        Warnings that stood in nobody's way.
    notes : tuple of str
    changed : bool
        False when the server had exactly this already, and nothing was sent.
    again, rehearse, dry_run : str
        What to type to send it all the same, to rehearse it, and to run it on the stand-in model.
    tried : bool
        Whether this source was run here, with a model or on the stand-in.
    explained : RunErrors
        Explains errors of its runs.
    """

    task: Task
    origin: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    changed: bool = True
    again: str = "%kbench push --again"
    rehearse: str = "%kbench validate"
    dry_run: str = "%kbench validate --dry-run"
    tried: bool = True
    explained: RunErrors = NO_SOURCE

    def view(self) -> View:
        """Describe the push."""
        task = self.task
        ready = task.creation_state == "COMPLETED"
        version = f", version {task.version}" if task.version else ""
        facts: dict[str, Value] = {
            "task": task.slug.task,
            "from": self.origin,
            "state": state_cell(task.creation_state),
            "page": Cell(page_of(task), href=page_of(task)),
            "datasets": ", ".join(task.datasets),
        }
        step = (f"%kbench run {task.slug.task} -m MODEL --wait", "run it on a model (list: %kbench models)")
        if not ready:
            step = (f"%kbench status {task.slug.task}", "see when the server has created it")
        title = Cell(f"Pushed {task.slug.task}{version}", "good")
        parts: list[Part] = [Facts(facts), *finding_parts(self.findings)]
        steps = [step]
        if first_run_raised(task):
            title = Cell(f"Pushed {task.slug.task}{version}, and its first run raised an error", "warn")
            parts.insert(1, Text(self.explained.whole(task.creation_error_message), code=True))
            steps = [(self.rehearse, "see it here, mend it, then push again"), step]
        elif not self.tried:
            steps.append((self.dry_run, "it was never run here: try it on a stand-in model, at no cost"))
        if not self.changed:
            title = Cell(f"Unchanged since {task.slug.task}{version}: nothing was pushed", title.tone)
            steps.append((self.again, "push it all the same"))
        notes = [*self.notes, *([] if first_run_raised(task) else creation_notes(task, self.explained))]
        return View(title, parts, notes=notes, next=steps, footer=self.footer)

    def refuse_raised(self) -> None:
        """Raise if the version's first run did, before anything else is run of it.

        Raises
        ------
        ValidationError
            With the error of that run.
        """
        if first_run_raised(self.task):
            slug, error = self.task.slug.task, self.task.creation_error_message
            raise ValidationError(
                f"{slug} was pushed, and its first run raised an error: {self.explained.line(error)}",
                detail=self.explained.whole(error),
                hint=f"See it here, mend it, then push again: {self.rehearse}\n"
                f"To run it all the same: %kbench run {slug} -m MODEL",
            )


def first_run_raised(task: Task) -> bool:
    """Whether the server created a version, and the run that it made for that ended in an error."""
    return task.creation_state == "COMPLETED" and "Traceback (most recent call last)" in (
        task.creation_error_message or ""
    )


def creation_notes(task: Task, explained: RunErrors = NO_SOURCE) -> list[str]:
    """Return what the creation of a version that can be run has to say all the same.

    Parameters
    ----------
    task : Task
    explained : RunErrors
        Explains an error in it.
    """
    if task.creation_state != "COMPLETED" or not task.creation_error_message:
        return []
    if first_run_raised(task):
        return [f"Its first run raised an error: {explained.line(task.creation_error_message)}"]
    return [f"The server remarks: {explained.line(task.creation_error_message)}"]


def page_of(task: Task) -> str:
    """Return the address of the task's page; "" for one of the embedded server, which has none."""
    return "" if task.url.startswith("/benchmarks/tasks/local/") else task.web_url


def state_cell(state: str) -> Cell:
    """Return a creation or run state as a word with its tone."""
    tones = {
        "COMPLETED": "good",
        "ERRORED": "bad",
        "KERNEL_WITHOUT_RUN": "bad",
        "VALIDATION_FAILED": "bad",
        "NO_MODEL_SPECIFIED": "bad",
        "QUEUED": "quiet",
        "RUNNING": "busy",
        "VALIDATING": "busy",
        "SCORE_PENDING": "busy",
    }
    return Cell(str(state).lower().replace("_", " "), tones.get(str(state), "warn"))


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
) -> PushResult:
    """Push a task source.

    Parameters
    ----------
    session : Session
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

    Raises
    ------
    UsageError
        If a dataset is not ``owner/name``.
    ValidationError
        If a finding is an error (and not `force`), or the server refuses the source or a dataset.
    TaskNotReadyError
        If the version before is still being created (and `wait` is None), or the creation fails.
    WatchTimeoutError
        If `wait` seconds were not enough; the server goes on.
    """
    from kbench_jupyter.notebook.pushed import push_notebook

    _check_datasets(datasets)
    checked = _check(session, chosen, datasets, force=force)
    target = session.target()
    client = session.client(target)
    before = _settle_before(session, target, chosen, wait, poll_interval)
    kept = before.datasets if before and not datasets and not detach_datasets else ()
    attached = tuple(datasets) or kept
    if kept and any(finding.code == _NOT_ATTACHED for finding in checked.findings):
        # Which datasets will be there is known only now; no other rule asks.
        checked = _check(session, chosen, attached, force=force)
    session.pushed = chosen.slug
    text = push_notebook(chosen.source, choose=chosen.choice)
    digest = pushes.digest(text, attached)
    session.sources[digest] = chosen.source
    lines: dict[str, Any] = {
        "again": chosen.line("push --again"),
        "rehearse": chosen.line("validate"),
        "dry_run": chosen.line("validate --dry-run"),
        "tried": source_digest(chosen.source) in session.validated | session.tried,
        "explained": RunErrors(chosen.source),
        "footer": target.label,
    }
    if before and not again and _is_there(session, target, before, digest):
        return PushResult(before, chosen.source.origin, checked.findings, changed=False, **lines)
    session.reporter.say(f"Pushing {chosen.slug} from {chosen.source.origin} to {target.place}.")
    task = client.create_task(
        chosen.slug, text, datasets=attached, known_version=(before.version or 0) if before else 0
    )
    _refuse_answer(task)
    pushes.remember(session.state_folder, target.base_url, chosen.slug, task.version, digest)
    notes = _notes(chosen, task, kept)
    if wait is not None:
        task = _wait_created(session, target, task, lines["explained"], wait, poll_interval)
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


def _is_there(session: Session, target: Target, before: Task, digest: str) -> bool:
    """Return whether the newest version, well created, is what would be pushed."""
    return before.creation_state == "COMPLETED" and pushes.is_unchanged(
        session.state_folder, target.base_url, before.slug.task, before.version, digest
    )


def find_task(client: Client, slug: str) -> Task | None:
    """Return the task, or None when there is none of that name."""
    try:
        return client.get_task(slug)
    except NotFoundError:
        return None


def _settle_before(
    session: Session, target: Target, chosen: ChosenTask, wait: float | None, poll_interval: float
) -> Task | None:
    client, slug = session.client(target), chosen.slug
    before = find_task(client, slug)
    if before is None or not before.creation_state.is_pending:
        return before
    if wait is None:
        raise TaskNotReadyError(
            f"Version {before.version} of {slug} is still being created ({str(before.creation_state).lower()}).",
            hint=f"Wait for it, then push: {chosen.line('push --wait')}",
        )
    session.reporter.say(f"Version {before.version} of {slug} is still being created: waiting for it first.")
    from kbench_jupyter.following.creation import watch_creation

    # How that one ends does not matter to the next push.
    return watch_creation(
        client,
        slug,
        before.version,
        timeout=wait or None,
        max_interval=target.poll_interval(poll_interval),
        reporter=session.reporter,
        on_trouble=session.reviver(target),
    )


def _wait_created(
    session: Session, target: Target, task: Task, explained: RunErrors, wait: float, poll_interval: float
) -> Task:
    from kbench_jupyter.following.creation import watch_creation

    created = watch_creation(
        session.client(target),
        task.slug.task,
        task.version,
        timeout=wait or None,
        max_interval=target.poll_interval(poll_interval),
        reporter=session.reporter,
        on_trouble=session.reviver(target),
    )
    refuse_unready(created, explained)
    return created


def refuse_unready(task: Task, explained: RunErrors = NO_SOURCE) -> None:
    """Raise TaskNotReadyError, with its error `explained`, unless the task's newest version can be run."""
    state = task.creation_state
    if state == "COMPLETED":
        return
    name = f"{task.slug.task}, version {task.version}" if task.version else task.slug.task
    if state.is_pending:
        raise TaskNotReadyError(
            f"{name} is still being created ({str(state).lower()}).", hint=f"%kbench status {task.slug.task}"
        )
    hints = {
        "KERNEL_WITHOUT_RUN": "End the notebook with my_task.run(kbench.llm), then %kbench push again.",
        "VALIDATION_FAILED": "Mend what the message says, then %kbench push again.",
        "NO_MODEL_SPECIFIED": "Pass kbench.llm to .run(...), then %kbench push again.",
    }
    reasons = {
        "KERNEL_WITHOUT_RUN": "the notebook ran, but recorded no run",
        "VALIDATION_FAILED": "the server did not accept it",
        "NO_MODEL_SPECIFIED": "it names no model",
        "ERRORED": "the notebook failed while it ran",
    }
    message = reasons.get(str(state), f"its creation ended as {str(state).lower()}")
    raise TaskNotReadyError(
        f"{name} cannot be run: {message}.",
        detail=explained.whole(task.creation_error_message) or task.error,
        hint=hints.get(str(state), "%kbench validate shows what happens in a fresh kernel."),
    )


def _refuse_answer(task: Task) -> None:
    if task.error:
        raise ValidationError(
            f"The server did not take {task.slug.task or 'the task'}: {task.error}",
            hint="Mend it, then %kbench push again.",
        )
    if task.invalid_datasets:
        raise ValidationError(
            f"Pushed version {task.version} of {task.slug.task}, but without these datasets, which the server "
            f"could not resolve: {', '.join(task.invalid_datasets)}.",
            hint="Check the names (owner/name) and that you may read them, then push again with -d for each.",
        )
