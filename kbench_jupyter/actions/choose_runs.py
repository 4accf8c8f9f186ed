"""Which runs a command is about: those of a task, on the models named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kbench_jupyter.actions.pushed_task import get_task
from kbench_jupyter.api.names import normalize_model, task_slug
from kbench_jupyter.errors import ApiError, NotFoundError, UsageError

if TYPE_CHECKING:
    from kbench_jupyter.actions.session import Session
    from kbench_jupyter.api import Client, Run, TaskSlug

__all__ = ["address", "choose_runs"]


def address(task: str) -> TaskSlug:
    """Return the address of a task named as a person would: ``"My Task"``, ``"owner/my_task"``.

    Raises
    ------
    UsageError
        If that names no task.
    """
    from kbench_jupyter.api import TaskSlug

    parsed = TaskSlug.parse(task)
    slug = task_slug(parsed.task)
    if not slug:
        raise UsageError(f"{task!r} is not a task's name.", hint="Your tasks: %kbench list")
    return replace(parsed, task=slug)


def choose_runs(session: Session, client: Client, slug: TaskSlug, models: Sequence[str] = ()) -> list[Run]:
    """Return a task's runs on some or all models, oldest first.

    Parameters
    ----------
    session : Session
    client : Client
    slug : TaskSlug
    models : sequence of str
        In any spelling; none means all.

    Raises
    ------
    NotFoundError
        If the server knows no such task, or it has no such runs.
    """
    wanted = list(dict.fromkeys(normalize_model(model) for model in models))
    try:
        runs = sorted(client.list_runs(slug, models=wanted), key=lambda run: run.id)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        get_task(session, client, str(slug))  # says which task might have been meant
        raise
    if runs:
        return runs
    get_task(session, client, str(slug))
    others = sorted({run.model for run in client.list_runs(slug)}) if wanted else []
    if others:
        raise NotFoundError(
            f"{slug} has no run on {', '.join(wanted)}.", hint=f"It has runs on: {', '.join(others)}"
        )
    on = "".join(f" -m {model}" for model in wanted) or " -m MODEL"
    raise NotFoundError(f"{slug} has no runs yet.", hint=f"Start one: %kbench run {slug}{on}")
