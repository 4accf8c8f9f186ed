"""Whether the notebook is still what was pushed: what runs is a version on the server, not what is on the screen."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kbench_jupyter.actions import pushes
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError, NotebookError, ValidationError

if TYPE_CHECKING:
    from kbench_jupyter.actions.sources import ChosenTask
    from kbench_jupyter.api import Task
    from kbench_jupyter.notebook.source import TaskSource
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.session.target import Target

__all__ = ["digest_of", "edits_since", "source_digest"]


def digest_of(chosen: ChosenTask, task: Task | None) -> str:
    """Return the digest of what a push of `chosen` would send, "" where nothing could be pushed.

    Parameters
    ----------
    chosen : ChosenTask
    task : Task or None
        The task on the server, whose datasets a push would keep.
    """
    from kbench_jupyter.notebook.pushed import push_notebook

    try:
        text = push_notebook(chosen.source, choose=chosen.choice)
    except (NotebookError, ValidationError):
        return ""
    return pushes.digest(text, task.datasets if task else ())


def source_digest(source: TaskSource) -> str:
    """Return the digest of a task source, whatever a push would add to it."""
    return pushes.digest(source.text, ())


def edits_since(session: Session, target: Target, task: Task) -> str:
    """Say that the current notebook has changed since a task's newest version was pushed from it, else "".

    Nothing is said where it is not known: of a version that was pushed from elsewhere, or of a task that the
    notebook does not hold.
    """
    slug = task.slug.task
    version, pushed = pushes.newest(session.state_folder, target.base_url, slug) or (None, "")
    if version is None or version != task.version:
        return ""
    with suppress(KBenchError):
        chosen = choose_task(session, slug)
        if slug in chosen.stored and digest_of(chosen, task) not in ("", pushed):
            return (
                f"{chosen.source.origin} has changed since version {task.version} was pushed, which is what runs. "
                f"To send the changes first: {chosen.line('push --wait')}"
            )
    return ""
