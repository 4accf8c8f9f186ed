"""The address of a task that a person names, as the server knows it."""

from __future__ import annotations

from dataclasses import replace

from kbench_jupyter.api import TaskSlug, task_slug
from kbench_jupyter.errors import UsageError


def address(task: str) -> TaskSlug:
    """Return the address of a task named as a person would: ``"My Task"``, ``"owner/my_task"``.

    Raises
    ------
    UsageError
        If that names no task.
    """
    parsed = TaskSlug.parse(task)
    slug = task_slug(parsed.task)
    if not slug:
        raise UsageError(f"{task!r} is not a task's name.", hint="Your tasks: %kbench list")
    return replace(parsed, task=slug)
