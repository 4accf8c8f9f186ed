"""What a request names: tasks, benchmarks, pages of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from slugify import slugify

from kbench_jupyter.local import wire
from kbench_jupyter.local.rows import Version
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import CallError, name_of, number_of, page_start

_T = TypeVar("_T")
Json = dict[str, Any]


def task_name(slug: Any) -> tuple[str, int | None]:
    """Return the task that a Slug object names, and the version if it names one."""
    if not isinstance(slug, dict):
        raise CallError(400, "The task's slug is missing.")
    name = slugify(name_of(slug, "taskSlug", needed=True))
    owner = name_of(slug, "ownerSlug")
    if owner not in ("", wire.OWNER):
        raise CallError(
            404, f"There is no task {owner}/{name} here: every task on this server is {wire.OWNER}'s."
        )
    return name, number_of(slug, "versionNumber") or None


def task_version(store: Store, slug: Any) -> Version:
    """Return the task version that a Slug object names, the newest one when it names none."""
    name, number = task_name(slug)
    version = store.version(name, number)
    if version is None:
        raise CallError(404, f"There is no task {name}" + (f" of version {number}." if number else "."))
    return version


def benchmark_versions(store: Store, body: Json, *, tasks: bool = False) -> list[Version]:
    """Return the task versions of the benchmark that a request names; with `tasks`, each task is one as well."""
    slug, number = name_of(body, "benchmarkSlug", needed=True), number_of(body, "versionNumber")
    owner = name_of(body, "ownerSlug") or wire.OWNER
    mapped = store.benchmark(slug) if owner == wire.OWNER else None
    if mapped is not None and number in (0, 1):
        return mapped
    if tasks and mapped is None and owner == wire.OWNER and (task := store.version(slug, number or None)):
        return [task]
    version = f" of version {number}" if number else ""
    raise CallError(404, f"There is no benchmark {owner}/{slug}{version} here.")


def page_of(body: Json, items: Sequence[_T], size: int = 50, most: int = 500) -> tuple[Sequence[_T], Json]:
    """Return the page of a list that a request asks for, and what its answer says of the others."""
    start = page_start(body)
    end = start + min(number_of(body, "pageSize") or size, most)
    following = str(end) if end < len(items) else ""
    return items[start:end], {"totalResults": len(items), "nextPageToken": following}
