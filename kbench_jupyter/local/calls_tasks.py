"""The calls of ``benchmarks.BenchmarkTasksApiService`` that take and give JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import re2
from slugify import slugify
from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.models import Models
from kbench_jupyter.local.notebooks import why_no_notebook
from kbench_jupyter.local.queue import Queue
from kbench_jupyter.local.store import COMPLETED, INVALID, QUEUED, Run, Store, Version
from kbench_jupyter.local.web import (
    CallError,
    list_of,
    number_of,
    object_of,
    page_start,
    text_of,
    texts_of,
)

_T = TypeVar("_T")
_PAGE, _MOST = 50, 500
_QUIET = re2.Options()
_QUIET.log_errors = False
Json = dict[str, Any]


class TaskCalls:
    """One method a call; each takes the request's JSON and returns the response's.

    Parameters
    ----------
    store, models, queue
        What the calls act on.
    """

    def __init__(self, store: Store, models: Models, queue: Queue) -> None:
        self._store = store
        self._models = models
        self._queue = queue

    async def create(self, body: Json) -> Json:
        """CreateBenchmarkTask: a new task, or a new version of one."""
        name = text_of(body, "slug", needed=True)
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
        datasets = texts_of(object_of(body, "options"), "datasetDataSources")
        wrong = await run_in_threadpool(why_no_notebook, text)
        state = INVALID if wrong else QUEUED
        version = await run_in_threadpool(self._store.add_version, slug, text, datasets, state, wrong)
        await self._queue.wake()
        return wire.task(version)

    def get(self, body: Json) -> Json:
        """GetBenchmarkTask."""
        return wire.task(self._version(body.get("slug")))

    def list(self, body: Json) -> Json:
        """ListBenchmarkTasks: the newest version of each."""
        versions = self._store.newest_versions()
        if wanted := text_of(body, "statusFilter"):
            state = wanted.upper().removeprefix(wire.CREATION_STATE)
            versions = [v for v in versions if v.state == state]
        if pattern := text_of(body, "regexFilter"):
            try:
                # Takes time by the text's length, whatever the pattern: Python's own may take years.
                compiled = re2.compile(pattern, _QUIET)
            except re2.error as error:
                raise CallError(400, f"`regexFilter` is not a regular expression: {error}") from None
            versions = [v for v in versions if compiled.search(v.slug)]
        page, rest = _page(body, versions)
        return wire.trim({"tasks": [wire.task(v) for v in page], **rest})

    async def list_runs(self, body: Json) -> Json:
        """ListBenchmarkTaskRuns: of all versions of a task, or of the one asked for, the newest first."""
        names = texts_of(body, "modelVersionSlugs")
        found = [await self._models.find(name) for name in names]
        wanted = set(names) | {model.slug for model in found if model}
        return await run_in_threadpool(self._runs, body, wanted)

    def _runs(self, body: Json, models: set[str]) -> Json:
        slug, number = self._slug(body.get("taskSlug"))
        self._version(body.get("taskSlug"))
        runs = [run for run in self._store.runs_of(slug, number) if not models or run.model in models]
        page, rest = _page(body, runs)
        return wire.trim({"runs": [wire.run(run) for run in page], **rest})

    async def schedule(self, body: Json) -> Json:
        """BatchScheduleBenchmarkTaskRuns: nothing is scheduled unless every task and model is known."""
        slugs = list_of(body, "taskSlugs")
        versions = await run_in_threadpool(lambda: [self._version(slug) for slug in slugs])
        names = texts_of(body, "modelVersionSlugs")
        if not versions or not names:
            raise CallError(400, "`taskSlugs` and `modelVersionSlugs` must not be empty.")
        models = [await self._models.find(name) for name in names]
        if missing := [name for name, model in zip(names, models, strict=True) if model is None]:
            known = ", ".join(model.slug for model in await self._models.all()) or "none"
            said = f"No such model: {', '.join(missing)}. There are: {known}. {self._models.problem()}"
            raise CallError(404, said.strip())
        pairs = [(version, model.slug) for version in versions for model in models if model]
        results = await run_in_threadpool(lambda: [self._schedule(*pair) for pair in pairs])
        await self._queue.wake()
        return {"results": results}

    def _schedule(self, version: Version, model: str) -> Json:
        skipped, run = None, None
        if version.state != COMPLETED:
            skipped = f"Version {version.version} of {version.slug} is not ready to run: {version.state}."
        else:
            run, new = self._store.add_run(version.id, model)
            skipped = (
                None if new else f"Run {run.id} of this version on {model} is {run.state.lower()} already."
            )
        return wire.trim(
            {
                "benchmarkModelVersionId": self._store.model_id(model),
                "benchmarkTaskVersionId": version.id,
                "runScheduled": skipped is None,
                "runSkippedReason": skipped,
            }
        )

    def publish(self, body: Json) -> Json:
        """PublishBenchmarkTask: on this machine a mark, and nothing else."""
        version = self._version(body.get("slug"))
        if version.state != COMPLETED:
            raise CallError(
                400, f"Only a completed task can be published; {version.slug} is {version.state}."
            )
        self._store.publish(version.slug, notebook=bool(body.get("publishBackingNotebook")))
        return wire.task(self._store.version_by_id(version.id))

    def quota(self, _body: Json) -> Json:
        """GetBenchmarkTaskQuota: nothing is used, and nothing is limited."""
        return {}

    def run(self, body: Json) -> Run:
        """Return the run that a request names."""
        run_id = number_of(body, "runId")
        found = self._store.run(run_id)
        if found is None:
            raise CallError(404, f"There is no run {run_id}.")
        return found

    def _slug(self, slug: Any) -> tuple[str, int | None]:
        if not isinstance(slug, dict):
            raise CallError(400, "The task's slug is missing.")
        name = slugify(text_of(slug, "taskSlug", needed=True))
        owner = text_of(slug, "ownerSlug")
        if owner and owner != wire.OWNER:
            raise CallError(
                404, f"There is no task {owner}/{name} here: every task on this server is {wire.OWNER}'s."
            )
        return name, number_of(slug, "versionNumber") or None

    def _version(self, slug: Any) -> Version:
        name, number = self._slug(slug)
        version = self._store.version(name, number)
        if version is None:
            raise CallError(404, f"There is no task {name}" + (f" of version {number}." if number else "."))
        return version


def _page(body: Json, items: Sequence[_T]) -> tuple[Sequence[_T], Json]:
    start = page_start(body)
    end = start + min(number_of(body, "pageSize") or _PAGE, _MOST)
    following = str(end) if end < len(items) else ""
    return items[start:end], {"totalResults": len(items), "nextPageToken": following}
