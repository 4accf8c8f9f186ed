"""What was pushed last from this machine, and whether the notebook still is that: what runs is what the server has.

The server hands a task's source out only with a run's output, so what was pushed is remembered here: a digest a task,
in the folder where the embedded server keeps its state too. It holds no source and no secret. Losing it costs nothing
but one push that could have been spared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.api import Task
from kbench_jupyter.errors import KBenchError, NotebookError, ValidationError
from kbench_jupyter.session import kept
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import TaskSource

_FILE = "pushes.json"


def digest(text: str, datasets: Sequence[str] = ()) -> str:
    """Return a digest of what a push would send."""
    return hashlib.sha256(json.dumps([text, sorted(datasets)]).encode()).hexdigest()


def source_digest(source: TaskSource) -> str:
    """Return the digest of a task source, whatever a push would add to it."""
    return digest(source.text)


def digest_of(chosen: ChosenTask, task: Task | None) -> str:
    """Return the digest of what a push of `chosen` would send, with the datasets of the `task` on the server.

    It is "" where nothing could be pushed.
    """
    from kbench_jupyter.notebook.pushed import push_notebook  # jupytext's room, which few commands need

    try:
        text = push_notebook(chosen.source, choose=chosen.choice)
    except (NotebookError, ValidationError):
        return ""
    return digest(text, task.datasets if task else ())


def pushed_digest(session: Session, target: Target, task: Task) -> str:
    """Return the digest of a task's newest version, "" unless that was pushed from here."""
    match kept.read(session.state_folder, _FILE).get(f"{target.base_url} {task.slug.task}"):
        case [int(version), str(pushed)] if version == task.version:
            return pushed
    return ""


def edits_since(session: Session, target: Target, task: Task) -> str:
    """Say that the current notebook has changed since a task's newest version was pushed from it, else "".

    Nothing is said where it is not known: of a version that was pushed from elsewhere, or of a task that the
    notebook does not hold.
    """
    slug, pushed = task.slug.task, pushed_digest(session, target, task)
    with suppress(KBenchError):
        chosen = choose_task(session, slug) if pushed else None
        if chosen and slug in chosen.stored and digest_of(chosen, task) not in ("", pushed):
            return (
                f"{chosen.source.origin} has changed since version {task.version} was pushed, which is what runs. "
                f"To send the changes first: {chosen.line('push --wait')}"
            )
    return ""


def remember(session: Session, target: Target, slug: str, version: int | None, digest: str) -> None:
    """Remember a push of a task; a folder that cannot be written is no reason for a push to fail."""
    folder = session.state_folder
    known = kept.read(folder, _FILE) | {f"{target.base_url} {slug}": [version, digest]}
    kept.write(folder, _FILE, known)
