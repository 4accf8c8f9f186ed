"""The calls about benchmarks: which tasks are in one, and who is ahead.

A benchmark here is what its first task makes it, of one version, and never another user's. Each task is one of its
own as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slugify import slugify
from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.lookups import benchmark_versions, task_name, task_version
from kbench_jupyter.local.models import Models, config_slug
from kbench_jupyter.local.rows import COMPLETED, Run, Version
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import CallError, list_of, name_of, number_of, text_of

Json = dict[str, Any]
_MODEL, _AGENT = (f"BENCHMARK_CANDIDATE_CLASS_{kind}" for kind in ("MODEL_VERSION", "AGENT"))


@dataclass
class BenchmarkCalls:
    """One method a call; each takes the request's JSON and returns the response's."""

    _store: Store
    _models: Models

    def add(self, body: Json) -> Json:
        """AddTasksToBenchmark: the first task makes the benchmark."""
        slug = name_of(body, "benchmarkSlug", needed=True)
        mapped = self._store.benchmark(slug)
        if number_of(body, "versionNumber") > 1:
            raise CallError(404, f"The benchmark {slug} has one version here: leave `versionNumber` out.")
        if slug != slugify(slug) or (mapped is None and self._store.version(slug)):
            why = (
                "a task is called that"
                if slug == slugify(slug)
                else "a slug has small letters, digits and dashes"
            )
            raise CallError(400, f"No benchmark can be called {slug!r}: {why}.")
        named = {version.slug: version for version in self._named(body)}
        there = {version.slug: version for version in mapped or ()}
        added = [version for name, version in named.items() if name not in there]
        self._store.map_tasks(slug, [version.id for version in added])
        skipped = [version for name, version in there.items() if name in named]
        return wire.trim({"addedTasks": _slugs(added), "skippedTasks": _slugs(skipped)})

    def remove(self, body: Json) -> Json:
        """RemoveTasksFromBenchmark."""
        mapped = benchmark_versions(self._store, body)
        named = {version.slug: version for version in self._named(body)}
        numbers = dict(task_name(slug) for slug in list_of(body, "taskSlugs"))
        gone = [one for one in mapped if one.slug in named and numbers[one.slug] in (None, one.version)]
        self._store.unmap_tasks(text_of(body, "benchmarkSlug"), [version.id for version in gone])
        skipped = [version for name, version in named.items() if name not in {one.slug for one in gone}]
        return wire.trim({"removedTasks": _slugs(gone), "skippedTasks": _slugs(skipped)})

    def _named(self, body: Json) -> list[Version]:
        slugs = list_of(body, "taskSlugs")
        if not slugs:
            raise CallError(400, "`taskSlugs` must not be empty.")
        return [task_version(self._store, slug) for slug in slugs]

    async def leaderboard(self, body: Json) -> Json:
        """GetBenchmarkLeaderboard: a row a candidate, with its newest completed run of each task."""
        versions = await run_in_threadpool(benchmark_versions, self._store, body, tasks=True)
        rows: dict[tuple[str, str, str], list[Run]] = {}
        for version in versions:
            newest: dict[tuple[str, str, str], Run] = {}
            for run in await run_in_threadpool(self._store.runs_of, version.slug, version.version):
                if run.state == COMPLETED:
                    newest.setdefault((run.model, run.effort, run.agent), run)
            for candidate, run in newest.items():
                rows.setdefault(candidate, []).append(run)
        ranked = sorted(rows.items(), key=lambda row: _rank(row[1]), reverse=True)
        return wire.trim({"rows": [await self._row(*candidate, runs) for candidate, runs in ranked]})

    def topics(self, body: Json) -> Json:
        """ListBenchmarkTopics: nothing is discussed here."""
        benchmark_versions(self._store, body, tasks=True)
        return {}

    def topic(self, body: Json) -> Json:
        """GetTopic, ListComments: so there is no topic."""
        number = number_of(body, "id") or number_of(body, "topicId")
        raise CallError(404, f"There is no topic {number}: nothing is discussed on this server.")

    async def _row(self, slug: str, effort: str, agent: str, runs: list[Run]) -> Json:
        name, kind, more = await self._name(slug), _MODEL, {}
        if agent:
            kind, more = _AGENT, {"agentName": await self._name(agent, agent=True), "agentSlug": agent}
        elif effort:
            kind, more = (
                f"{_MODEL}_CONFIG",
                {
                    "modelVersionConfigName": f"{name}, {effort} reasoning effort",
                    "modelVersionConfigSlug": config_slug(slug, effort),
                },
            )
        return {
            "modelVersionName": name,
            "modelVersionSlug": slug,
            "taskResults": [_result(run) for run in runs],
            "candidateClass": kind,
            **more,
        }

    async def _name(self, slug: str, *, agent: bool = False) -> str:
        found = await self._models.find(slug, agent=agent)
        return found.display_name if found else slug


def _slugs(versions: list[Version]) -> list[Json]:
    return [wire.slug(version.slug, version.version) for version in versions]


def _result(run: Run) -> Json:
    found = run.result if isinstance(run.result, dict) else {}
    kind = "" if run.score is None else wire.kind_of(run.score)
    result: Json = {kind: found[kind]} if kind else {}
    if isinstance(found.get("dictResult"), dict):
        pairs = found["dictResult"].items()
        result["customAdditionalResults"] = [{"key": str(k), "value": str(v)} for k, v in pairs]
    result |= {"evaluationDate": wire.timestamp(run.end_time), "taskVersionId": run.version_id}
    names = {"benchmarkTaskName": run.slug, "benchmarkTaskSlug": run.slug}
    return {**names, "taskVersion": run.version, "result": result}


def _rank(runs: list[Run]) -> tuple[int, float, int]:
    scores = [run.score for run in runs if run.score is not None]
    return len(scores), sum(scores), max(run.id for run in runs)
