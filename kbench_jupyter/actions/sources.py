"""Which task source a command means, and which task in it."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.display.parts import size
from kbench_jupyter.errors import NotebookError, UsageError, ValidationError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.paths import expanded

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import TaskSource
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.validation import TaskDefinition


#: Characters of a source that take a second to be read, checked or written.
_LARGE = 500_000
# What hides a task from the eye: a cell that is no Python, and a decorator without its parentheses.
_HIDING = {"KB101": "cannot be read as a task", "KB107": "stores no task"}


@dataclass(frozen=True)
class ChosenTask:
    """A task source, and the task in it that is meant."""

    source: TaskSource
    #: The task's slug, or "" where none was needed and none is certain.
    slug: str = ""
    #: All tasks the source would store.
    tasks: tuple[TaskDefinition, ...] = ()
    #: The file or notebook it came from.
    path: Path | None = None
    #: What cannot be known about how fresh the text is.
    notes: tuple[str, ...] = ()
    #: The file that was named; "" for a ``%%kbench`` cell, None for the current notebook.
    given: str | None = None

    def line(self, words: str) -> str:
        """Return what to type for `words`, such as ``"push --again"``, to be done with this very source.

        A push names the task where the source stores several.
        """
        if len(self.stored) > 1 and self.slug and words.split()[0] == "push":
            words = words.replace("push", f"push {self.slug}", 1)
        if self.given is None:
            return f"%kbench {words}"
        return f"%kbench {words} -f {shlex.quote(self.given)}" if self.given else f"%%kbench {words}"

    @property
    def stored(self) -> tuple[str, ...]:
        """Slugs of all tasks the source would store, as far as they can be known without running it."""
        return tuple(dict.fromkeys(task.slug for task in self.tasks if task.slug))

    @property
    def choice(self) -> str | None:
        """What ``%choose`` must be given for the server to keep this task alone; None if nothing is to be added.

        The server takes one task a notebook. Nothing is added where there is but one, and where the notebook
        chooses this one itself. ValidationError says that nothing that could be added is sure to keep this task.
        """
        mine = [task for task in self.tasks if task.slug in (self.slug, None)]
        if not self.slug or len(self.stored) < 2 or not mine or any(task.chosen for task in mine):
            return None
        task = min(mine, key=lambda task: task.slug is None)
        if not task.choice:
            raise ValidationError(
                f"{self.source.origin} stores several tasks, and %choose has no sure name for {self.slug}: what "
                "it records would be deleted.",
                hint="Assign the task to a variable in a cell of its own: my_task = ... (of a name not used yet)",
            )
        return task.choice


def choose_task(
    session: Session,
    task: str | None = None,
    *,
    file: str | None = None,
    cell: str | None = None,
    required: bool = True,
) -> ChosenTask:
    """Read the task source meant and decide on the task in it.

    Parameters
    ----------
    task : str, optional
        Name or slug. May be left out when the source stores exactly one.
    file : str, optional
        A file instead of the current notebook.
    cell : str, optional
        The text of a ``%%kbench`` cell instead of the current notebook.
    required : bool
        Whether a task must be settled on.

    Raises
    ------
    NotebookError
        If the notebook or file cannot be found or read.
    ValidationError
        If `task` is not in it, or it stores none or several and `task` does not say which.
    """
    from kbench_jupyter.validation import tasks_in, too_large

    source, path, notes = _read(session, file, cell)
    if large := too_large(source):
        slug = _named(source, large, task, required=required)
        return ChosenTask(source, slug, (), path, notes, "" if cell is not None else file)
    tasks = tuple(task for task in tasks_in(source) if task.stored)
    found = ChosenTask(source, "", tasks, path, notes, "" if cell is not None else file)
    if required or task:
        if not found.tasks:
            _refuse_hidden(source)
        return replace(found, slug=_settle(found, task))
    return replace(found, slug=_evident(found))


def _named(source: TaskSource, large: str, task: str | None, *, required: bool) -> str:
    """Return the slug of a task that was named, of a source in which it cannot be looked for."""
    from kbench_jupyter.api import task_slug

    if required and task is None:
        raise ValidationError(
            f"{source.origin} is too large to check statically: {large}. So nobody knows which task it stores.",
            hint="Name it, and push it unchecked: %kbench push my-task --force",
        )
    return task_slug(task) if task else ""


def _evident(found: ChosenTask) -> str:
    """Return the slug of the one task that is stored, or that the notebook's own %choose keeps, else ""."""
    chosen = [task for task in found.tasks if task.chosen] or found.tasks
    slugs = {task.slug for task in chosen}
    return (slugs.pop() or "") if len(slugs) == 1 else ""


def resolve_slug(session: Session, task: str | None) -> str:
    """Return the slug a command means: the given task's, or that of the notebook's only task.

    Raises
    ------
    UsageError
        If what was named is no task, or none was named and the notebook does not settle it.
    """
    if task:
        from kbench_jupyter.actions.address import address

        return str(address(task))
    try:
        return choose_task(session).slug
    except Exception as error:
        if isinstance(error, NotebookError) and session.pushed:
            return session.pushed  # a bare terminal: what was pushed there last, from a file, is meant
        raise UsageError(
            "Which task? None was named, and the notebook does not settle it.",
            detail=str(error),
            hint="Name the task after the command   (your tasks: %kbench list)",
        ) from error


def _read(
    session: Session, file: str | None, cell: str | None
) -> tuple[TaskSource, Path | None, tuple[str, ...]]:
    from kbench_jupyter.notebook.build import task_source
    from kbench_jupyter.notebook.files import file_task_source, percent_task_source

    if cell is not None:
        return percent_task_source(cell, origin="the %%kbench cell"), None, ()
    if file is not None:
        path = expanded(file)
        with suppress(OSError):
            say_if_large(session, f"Reading {path}", path.stat().st_size)
        return file_task_source(path), path, ()
    current = session.notebook()
    origin = current.path.name if current.path else "the current notebook"
    if current.path and current.path.suffix != ".ipynb" and current.probe == "KBENCH_NOTEBOOK":
        # No front end shows it as cells: it is read, pushed and spoken of by its lines, as with -f.
        return replace(file_task_source(current.path), origin=origin), current.path, tuple(current.notes)
    return task_source(current.notebook, origin=origin), current.path, tuple(current.notes)


def say_if_large(session: Session, doing: str, characters: int) -> None:
    """Say what is being done with a text that may take more than a moment."""
    if characters > _LARGE:
        session.reporter.progress(f"{doing} ({size(characters)})")


def _refuse_hidden(source: TaskSource) -> None:
    """Say what is wrong with a source whose tasks cannot be seen for it; "no task" alone would mislead."""
    from kbench_jupyter.actions.cards import finding_lines
    from kbench_jupyter.validation import check

    hiding = [finding for finding in check(source) if finding.code in _HIDING]
    if hiding:
        first = hiding[0]
        raise ValidationError(
            f"{source.origin} {_HIDING[first.code]}: {first.message}",
            detail="\n".join(line for finding in hiding for line in finding_lines(finding)),
            hint=f"Mend {first.where}, then try again.",
        )


def _settle(found: ChosenTask, task: str | None) -> str:
    from kbench_jupyter.api import task_slug

    origin, stored = found.source.origin, found.stored
    # A name that only running the notebook could tell: what the user says about it is believed.
    unknown = any(t.slug is None for t in found.tasks)
    there = ", ".join(stored)
    if task is not None:
        slug = task_slug(task)
        if slug in stored or unknown:
            _refuse_other_choice(found, slug)
            return slug
        hint = "Decorate a function with @kbench.task(name=...)."
        if Path(task).suffix in {".py", ".ipynb"} and found.given is None:
            hint = f"A file is named with -f: -f {shlex.quote(task)}"
        elif stored:
            hint = did_you_mean(slug, stored, more=f"it stores: {there}")
        raise ValidationError(f"{origin} stores no task {slug!r}.", hint=hint)
    if evident := _evident(found):
        return evident
    if unknown:
        raise ValidationError(
            f"{origin} stores a task whose name is only known once it runs.",
            hint=f"Name it: {found.line('push my-task')}",
        )
    if not stored:
        raise ValidationError(
            f"{origin} stores no task.",
            hint='Decorate a function with @kbench.task(name="My task") and end with my_task.run(kbench.llm).',
        )
    raise ValidationError(
        f"{origin} stores {len(stored)} tasks, and the server saves one: say which.",
        hint=f"{found.line(f'push {stored[0]}')}   (or one of: {there})",
    )


def _refuse_other_choice(found: ChosenTask, slug: str) -> None:
    """Refuse a task whose files the notebook's own %choose would delete."""
    kept = [task.slug for task in found.tasks if task.chosen and task.slug]
    if kept and slug not in kept:
        raise ValidationError(
            f"{found.source.origin} ends in a %choose that keeps {kept[0]} and deletes what {slug} records.",
            hint=f"{found.line(f'push {kept[0]}')}, or take the %choose line out: a push adds its own.",
        )
