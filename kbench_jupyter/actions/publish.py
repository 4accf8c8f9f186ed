"""Publish: make a task public, after saying what everybody will then be able to read."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.cards import page_cell
from kbench_jupyter.actions.pushed_task import addressed, get_task
from kbench_jupyter.api import Task
from kbench_jupyter.display.view import Cell, Facts, Shown, View
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import NOBODY_ELSE, Target

#: What belongs to the artifacts of runs, as everybody can read them once they are published.
_ARTIFACTS = "its runs' files, logs and outputs"


@dataclass(frozen=True)
class Published(Shown):
    """A task that is public: whether it was not before, and what was to be public beside it."""

    task: Task
    changed: bool
    notebook_wanted: bool
    artifacts_wanted: bool = False

    def view(self) -> View:
        """Describe what is public now."""
        task = self.task
        notes = []
        if self.notebook_wanted and not task.is_backing_notebook_published:
            notes.append(
                "The server has published no backing notebook with it: there may be none for this task."
            )
        if self.artifacts_wanted and not task.artifacts_public:
            notes.append(
                f"The server does not say that {_ARTIFACTS} are public: it may not know the word for them."
            )
        title = f"{task.slug} is public" + ("" if self.changed else " already; nothing was changed")
        facts = {
            "page": page_cell(task),
            "notebook": "public" if task.is_backing_notebook_published else "private",
            "of its runs": "files, logs and outputs" if task.artifacts_public else "scores only",
        }
        return View(Cell(title, "good"), [Facts(facts)], notes=notes, footer=self.footer)


def publish(
    session: Session, slug: str, *, notebook: bool = True, artifacts: bool = False, confirmed: bool = False
) -> Published:
    """Make a task public, and the notebook behind it too unless told otherwise.

    Doing it again changes nothing.

    Parameters
    ----------
    notebook : bool
        Publish the backing notebook as well.
    artifacts : bool
        Publish the runs' files, logs and outputs as well, which cannot be undone; others see scores only without it.
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
    wants_artifacts = artifacts and not task.artifacts_public
    if task.is_public and not wants_notebook and not wants_artifacts:
        return Published(task, False, notebook, artifacts, footer=target.label)
    parts = [] if task.is_public else [f"{slug} with its scores"]
    parts += [f"the notebook behind {'it' if parts else slug}"] if wants_notebook else []
    parts += (
        [_ARTIFACTS if parts else f"the files, logs and outputs of the runs of {slug}"]
        if wants_artifacts
        else []
    )
    what = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    if not confirmed and not session.reporter.confirm(_question(target, task, what, wants_artifacts)):
        keep = " --no-publish-backing-notebook"
        raise UsageError(
            f"Nothing was published on {target.place}. It would have been: {what}.",
            hint=f"To publish without being asked: %kbench publish {slug}{'' if notebook else keep}"
            f"{' --artifacts' if artifacts else ''} -y"
            + (f"\nTo keep the notebook private, add:{keep}" if notebook else ""),
        )
    published = client.publish(slug, notebook=notebook, artifacts=artifacts)
    return Published(addressed(published, slug), True, notebook, artifacts, footer=target.label)


def _question(target: Target, task: Task, what: str, artifacts: bool) -> str:
    """Say what becomes public, who sees it, what they do not see, and what cannot be taken back."""
    who = NOBODY_ELSE if target.is_local else "everybody will be able to read it"
    then = ""
    if artifacts:
        then = " Files, logs and outputs cannot be made private again."
    elif not task.artifacts_public:
        then = " Of its runs others see scores only, no files, logs or outputs (--artifacts publishes those, too)."
    return f"Publish {what} on {target.place}: {who}.{then} Go on?"
