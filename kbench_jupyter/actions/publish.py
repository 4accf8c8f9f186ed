"""Publish: make a task public, after saying what everybody will then be able to read."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.cards import page_cell
from kbench_jupyter.actions.pushed_task import get_task
from kbench_jupyter.api import Task
from kbench_jupyter.display.view import Cell, Facts, Shown, View
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import NOBODY_ELSE


@dataclass(frozen=True)
class Published(Shown):
    """A task that is public: whether it was not before, and whether its backing notebook was to be as well."""

    task: Task
    changed: bool
    notebook_wanted: bool

    def view(self) -> View:
        """Describe what is public now."""
        task = self.task
        notes = []
        if self.notebook_wanted and not task.is_backing_notebook_published:
            notes.append(
                "The server has published no backing notebook with it: there may be none for this task."
            )
        title = f"{task.slug.task} is public" + ("" if self.changed else " already; nothing was changed")
        notebook = "public" if task.is_backing_notebook_published else "private"
        facts = Facts({"page": page_cell(task), "notebook": notebook})
        return View(Cell(title, "good"), [facts], notes=notes, footer=self.footer)


def publish(session: Session, slug: str, *, notebook: bool = True, confirmed: bool = False) -> Published:
    """Make a task public, and the notebook behind it too unless told otherwise.

    Doing it again changes nothing.

    Parameters
    ----------
    notebook : bool
        Publish the backing notebook as well.
    confirmed : bool
        Whether the user has agreed; if not, they are asked.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    UsageError
        If the user did not agree, or there was no one to ask.
    """
    target = session.target()
    client = session.client(target)
    task = get_task(session, client, slug)
    wants_notebook = notebook and not task.is_backing_notebook_published
    if task.is_public and not wants_notebook:
        return Published(task, changed=False, notebook_wanted=notebook, footer=target.label)
    parts = [] if task.is_public else [f"{slug} with its results"]
    parts += [f"the notebook behind {'it' if parts else slug}"] if wants_notebook else []
    what = " and ".join(parts)
    who = NOBODY_ELSE if target.is_local else "everybody will be able to read it"
    question = f"Publish {what} on {target.place}: {who}. Go on?"
    if not confirmed and not session.reporter.confirm(question):
        raise UsageError(
            f"Nothing was published on {target.place}. It would have been: {what}.",
            hint=f"To publish without being asked: %kbench publish {slug} -y\n"
            "To keep the notebook private, add: --no-publish-backing-notebook",
        )
    published = client.publish(slug, notebook=notebook)
    return Published(published, changed=True, notebook_wanted=notebook, footer=target.label)
