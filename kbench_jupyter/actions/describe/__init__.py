"""Describe: what a task's page says, and changing it: to a text, a file, or the notebook's first markdown cell."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.cards import page_cell
from kbench_jupyter.actions.describe.page import CLEARED, Page, page_of_task, read_page, write_page
from kbench_jupyter.actions.pushed_task import addressed, get_task
from kbench_jupyter.api import Task
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, Value, View
from kbench_jupyter.errors import UsageError
from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.session.session import Session

_KEPT = f"The text has no description, so the page keeps its own. To clear that: {CLEARED} between the lines of +++"


@dataclass(frozen=True)
class TaskPage(Shown):
    """A task's page: description, tags, citations, provenance."""

    task: Task
    #: Whether it was changed just now; None where that was not asked for.
    changed: bool | None = None
    notes: tuple[str, ...] = ()
    #: Whether it was put into a cell to be edited.
    placed: bool = False

    def view(self) -> View:
        """Describe the page."""
        task, slug = self.task, str(self.task.slug)
        title = {
            None: Cell(f"The page of {slug}"),
            True: Cell(f"The page of {slug} was changed", "good"),
            False: Cell(f"The page of {slug} says that already; nothing was changed", "good"),
        }[self.changed]
        facts: dict[str, Value] = {
            "page": page_cell(task),
            "tags": ", ".join(task.tags),
            "provenance": task.provenance,
        }
        parts: list[Part] = [Facts(facts)]
        if task.citations:
            cited: list[list[Value]] = [[one.title, Cell(one.url, href=one.url)] for one in task.citations]
            parts.append(Table(["citation", "address"], cited))
        parts.append(
            Text(task.description, code=True) if task.description else Text("No description yet.", "quiet")
        )
        notes = list(self.notes)
        if self.placed:
            notes.append("It is in the cell below: edit it, and run that cell to change the page.")
        steps = [] if self.placed else [(f"%kbench describe {slug} --edit", "edit it in a cell")]
        return View(title, parts, notes=notes, next=steps, footer=self.footer)

    def records(self) -> list[dict[str, Any]]:
        """Return the page as one record, of text."""
        task = self.task
        return [
            {
                "task": str(task.slug),
                "description": task.description or None,
                "tags": ", ".join(task.tags) or None,
                "provenance": task.provenance or None,
                "citations": "\n".join(f"{one.title} {one.url}".strip() for one in task.citations) or None,
            }
        ]

    @property
    def source(self) -> str:
        """The page as the text in which it is edited."""
        return write_page(page_of_task(self.task))

    @property
    def cell(self) -> str:
        """The page as a cell that changes it when it is run."""
        return f"%%kbench describe {self.task.slug}\n{self.source}"


def describe(session: Session, slug: str) -> TaskPage:
    """Return what a task's page says.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    target = session.target()
    return TaskPage(get_task(session, session.client(target), slug), footer=target.label)


def change(session: Session, slug: str, text: str, *, confirmed: bool = False) -> TaskPage:
    """Change a task's page to what a text says (see `actions.describe.page`), after showing what would change.

    Parameters
    ----------
    text : str
        What it does not name stays as it is.
    confirmed : bool
        Whether the user has agreed; if not, they are asked.

    Raises
    ------
    UsageError
        If the text cannot be read, or the user did not agree, or there was no one to ask; nothing is sent.
    NotFoundError
        If the server knows no such task.
    NotOfferedError
        If the server does not offer it to this account.
    """
    wanted = read_page(text)
    if wanted == Page():
        raise UsageError(
            "The text is empty: there is nothing to change.",
            hint="%kbench describe --edit shows the form a page is written in.\n"
            f"To clear the description, put {CLEARED} between two lines of +++.",
        )
    before = describe(session, slug)
    there = page_of_task(before.task)
    kept = () if wanted.description is not None or not there.description else (_KEPT,)
    new = agreed(session, slug, there, wanted, f"The page of {slug} is as it was.", confirmed=confirmed)
    if new == Page():
        return replace(before, changed=False, notes=kept)
    task, notes = send(session, slug, new)
    return TaskPage(task, True, (*notes, *kept), footer=session.target().label)


def agreed(
    session: Session, slug: str, there: Page, wanted: Page, refused: str, *, confirmed: bool = False
) -> Page:
    """Return what is new in a wanted page, after showing it and asking; an empty `Page` where nothing is.

    Raises
    ------
    UsageError
        If the user did not agree, or there was no one to ask; it says `refused`.
    """
    new = Page(**{name: value for name, value in _said(wanted).items() if value != getattr(there, name)})
    if new == Page():
        return new
    session.reporter.write(_difference(there, replace(there, **_said(new))))
    if not confirmed and not session.reporter.confirm(
        f"Change the page of {slug} on {session.target().place} so?"
    ):
        raise UsageError(refused, hint="To change the page without being asked, add -y to the line.")
    return new


def send(session: Session, slug: str, new: Page) -> tuple[Task, list[str]]:
    """Change a task's page, and return the task, and what the server did not take as it was sent.

    Raises
    ------
    NotOfferedError
        If the server does not offer it to this account.
    """
    updated = session.client(session.target()).update_task(slug, **_said(new))
    notes = []
    if updated.invalid_tags:
        unknown = ", ".join(updated.invalid_tags)
        notes.append(f"The server knows no tag {unknown}, and left it out.")
    for name, value in _said(new).items():
        if name != "tags" and value != getattr(page_of_task(updated.task), name):
            notes.append(
                f"The server did not take the {name} just as it was sent: it is shown as it is there now."
            )
    return addressed(updated.task, slug), notes


def change_from_file(session: Session, slug: str, file: Path, *, confirmed: bool = False) -> TaskPage:
    """Change a task's page to what a file says; see `change`."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        hint = f"To begin with the page as it is: %kbench describe {slug} -o page.md"
        raise UsageError(f"Cannot read {file}: {said}.", hint=hint) from error
    return change(session, slug, text, confirmed=confirmed)


def page_of_source(source: TaskSource) -> Page:
    """Return the first markdown cell of a notebook as the description that it is to be.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = next((cell for cell in source.cells if cell.kind == "markdown"), None)
    if found is None:
        raise UsageError(
            f"{source.origin} has no markdown cell to take a description from; nothing was pushed.",
            hint="Write it into a markdown cell, the first of the notebook, or leave --describe out.",
        )
    return Page(found.text.strip())


def _said(page: Page) -> dict[str, Any]:
    """Return the fields that a page names."""
    named = {field.name: getattr(page, field.name) for field in fields(page)}
    return {name: value for name, value in named.items() if value is not None}


def _difference(before: Page, after: Page) -> str:
    """Return what changes, as a unified diff of the two texts."""
    now, then = (write_page(page).split("\n") for page in (before, after))
    lines = difflib.unified_diff(now, then, "the page now", "the page then", lineterm="", n=1)
    return "\n".join(lines) + "\n"
