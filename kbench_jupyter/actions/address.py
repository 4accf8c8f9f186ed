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


def benchmark_address(text: str) -> tuple[str, str]:
    """Return owner and name of a benchmark.

    Raises
    ------
    UsageError
        If `text` is not ``owner/name``.
    """
    owner, _, name = text.partition("/")
    if not owner or not name or "/" in name:
        raise UsageError(
            f"{text!r} is not OWNER/BENCHMARK.",
            hint="It ends its address: kaggle.com/benchmarks/OWNER/BENCHMARK",
        )
    return owner, name
