"""The calls of ``benchmarks.BenchmarkTasksApiService`` about tasks and their pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from slugify import slugify
from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.lookups import benchmark_versions, page_of, task_version
from kbench_jupyter.local.models import Models
from kbench_jupyter.local.notebooks import why_no_notebook
from kbench_jupyter.local.queue import Queue
from kbench_jupyter.local.rows import COMPLETED, INVALID, QUEUED, Version
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import CallError, list_of, name_of, names_of, number_of, object_of, text_of

_MOST_PROVENANCE = 4000
#: Kaggle has a list of tags; here any name will do that could be one of them.
_TAG = re.compile(r"[^\W_][\w &+./()'-]{0,49}")
_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
Json = dict[str, Any]


@dataclass
class TaskCalls:
    """One method a call; each takes the request's JSON and returns the response's."""

    _store: Store
    _models: Models
    _queue: Queue

    async def create(self, body: Json) -> Json:
        """CreateBenchmarkTask: a new task, or a new version of one."""
        name = name_of(body, "slug", needed=True)
        slug = slugify(name)
        if not slug:
            raise CallError(
                400, f"{name!r} does not make a slug: give the task a name with letters or digits."
            )
        if "text" not in body and body.get("definition"):
            raise CallError(400, "This server takes tasks as notebooks only: send `text`.")
        text = text_of(body, "text", needed=True)
        if await self._models.default() is None:
            raise CallError(
                400, f"No model is there to create the task with. {self._models.problem()}".strip()
            )
        datasets = names_of(object_of(body, "options"), "datasetDataSources")
        wrong = await run_in_threadpool(why_no_notebook, text)
        state = INVALID if wrong else QUEUED
        version = await run_in_threadpool(self._store.add_version, slug, text, datasets, state, wrong)
        await self._queue.wake()
        return wire.task(version)

    def get(self, body: Json) -> Json:
        """GetBenchmarkTask."""
        return wire.task(self._version(body), definition=bool(body.get("includeDefinition")))

    def list(self, body: Json) -> Json:
        """ListBenchmarkTasks: the newest version of each, or the versions that a benchmark has."""
        if body.get("benchmarkSlug"):
            versions = benchmark_versions(self._store, body)
        else:
            own = text_of(body, "ownerSlug") in ("", wire.OWNER)
            versions = self._store.newest_versions() if own else []
        if wanted := text_of(body, "statusFilter"):
            state = wanted.upper().removeprefix(wire.CREATION_STATE)
            versions = [v for v in versions if v.state == state]
        if pattern := text_of(body, "regexFilter"):
            versions = _matching(pattern, versions)
        page, rest = page_of(body, versions)
        definition = bool(body.get("includeDefinition"))
        return wire.trim({"tasks": [wire.task(v, definition=definition) for v in page], **rest})

    def update(self, body: Json) -> Json:
        """UpdateBenchmarkTask: the page of the newest version, and the task's tags."""
        if number_of(object_of(body, "slug"), "versionNumber"):
            raise CallError(400, "`versionNumber` is not for this call: UpdateBenchmarkTaskVersion takes it.")
        task = self._describe(body, {**_PAGE_FIELDS, "tags": lambda body: _tags(body)[0]})
        tagged = "tags" in text_of(body, "updateMask").split(",")
        return wire.trim({"task": task, "invalidTags": _tags(body)[1] if tagged else []})

    def update_version(self, body: Json) -> Json:
        """UpdateBenchmarkTaskVersion: the page of one version."""
        if not number_of(object_of(body, "slug"), "versionNumber"):
            raise CallError(400, "`versionNumber` is missing: UpdateBenchmarkTask takes the newest one.")
        return self._describe(body, _PAGE_FIELDS)

    def _describe(self, body: Json, fields: dict[str, Callable[[Json], Any]]) -> Json:
        named = [name for name in text_of(body, "updateMask").split(",") if name]
        if not named or (unknown := [name for name in named if name not in fields]):
            what = f"names {', '.join(unknown)}" if named else "is empty"
            raise CallError(400, f"`updateMask` {what}; this call writes {', '.join(fields)}.")
        version = self._version(body)
        self._store.describe(version.id, {name: fields[name](body) for name in named})
        return wire.task(self._store.version_by_id(version.id))

    def publish(self, body: Json) -> Json:
        """PublishBenchmarkTask: on this machine a mark, and nothing else."""
        version = self._version(body)
        if version.state != COMPLETED:
            raise CallError(
                400, f"Only a completed task can be published; {version.slug} is {version.state}."
            )
        also = (body.get(name) is True for name in ("publishBackingNotebook", "publishRunArtifacts"))
        self._store.publish(version.slug, *also)
        return wire.task(self._store.version_by_id(version.id))

    def _version(self, body: Json) -> Version:
        return task_version(self._store, body.get("slug"))


def _provenance(body: Json) -> str:
    text = text_of(body, "provenanceSources")
    if len(text) > _MOST_PROVENANCE:
        raise CallError(400, f"`provenanceSources` takes {_MOST_PROVENANCE:,} characters, not {len(text):,}.")
    return text


def _citations(body: Json) -> list[Json]:
    found = []
    for item in list_of(body, "citations"):
        if not isinstance(item, dict):
            raise CallError(400, "`citations` must be a list of objects.")
        title, url = text_of(item, "title"), text_of(item, "url").strip()
        if _ADDRESS.fullmatch(url if "://" in url else f"http://{url}"):
            found.append(wire.trim({"title": title, "url": url if "://" in url else f"http://{url}"}))
    return found


def _matching(pattern: str, versions: Iterable[Version]) -> list[Version]:
    """Return those whose slug a regular expression finds.

    By RE2, which takes time by the text's length, whatever the pattern: Python's own may take years.
    """
    try:
        import re2
    except ImportError:
        raise CallError(501, "`regexFilter` needs the package google-re2, which is not here.") from None
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise CallError(400, f"`regexFilter` is not a regular expression: {error}") from None
    return [version for version in versions if compiled.search(version.slug)]


def _tags(body: Json) -> tuple[list[str], list[str]]:
    """Return the tags of a request as they are kept, and those that are none."""
    named = {tag: tag.strip().lower() for tag in names_of(body, "tags")}
    good = [kept for kept in named.values() if _TAG.fullmatch(kept)]
    return list(dict.fromkeys(good)), [tag for tag, kept in named.items() if kept not in good]


_PAGE_FIELDS: dict[str, Callable[[Json], Any]] = {
    "description": lambda body: text_of(body, "description"),
    "provenanceSources": _provenance,
    "citations": _citations,
}
