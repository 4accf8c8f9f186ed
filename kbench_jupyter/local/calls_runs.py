"""The calls of ``benchmarks.BenchmarkTasksApiService`` about runs: scheduling, cancelling, listing, counting."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.lookups import benchmark_versions, page_of, task_name, task_version
from kbench_jupyter.local.models import Model, Models, canonical
from kbench_jupyter.local.queue import CANCELLED, Queue
from kbench_jupyter.local.rows import COMPLETED, ERRORED, GOING, QUEUED, RUNNING, Run, Version
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import CallError, list_of, name_of, names_of, number_of, object_of, text_of

Json = dict[str, Any]
_POLICY = "BENCHMARK_ENQUEUE_SKIP_POLICY_"
_POLICIES = ("ALL", "MISSING_ONLY", "MISSING_OR_ERRORED", "STALER_THAN")


@dataclass
class RunCalls:
    """One method a call; each takes the request's JSON and returns the response's."""

    _store: Store
    _models: Models
    _queue: Queue

    def run(self, body: Json) -> Run:
        """Return the run that a request names."""
        run_id = number_of(body, "runId")
        found = self._store.run(run_id)
        if found is None:
            raise CallError(404, f"There is no run {run_id}.")
        return found

    def list_runs(self, body: Json) -> Json:
        """ListBenchmarkTaskRuns: of all versions of a task, or of the one asked for, the newest first."""
        models = {canonical(name) for name in names_of(body, "modelVersionSlugs")}
        runs = self._runs_of(body.get("taskSlug"))
        page, rest = page_of(body, [run for run in runs if not models or run.model in models])
        return wire.trim({"runs": [wire.run(run) for run in page], **rest})

    def _runs_of(self, slug: Any) -> list[Run]:
        task_version(self._store, slug)
        return self._store.runs_of(*task_name(slug))

    # -- scheduling -------------------------------------------------------------------------------

    async def schedule(self, body: Json) -> Json:
        """BatchScheduleBenchmarkTaskRuns: nothing is scheduled unless every task, model and effort is known."""
        why_not, slugs = _skipping(body), list_of(body, "taskSlugs")
        names, agents = names_of(body, "modelVersionSlugs"), names_of(body, "agentSlugs")
        versions = await run_in_threadpool(lambda: [task_version(self._store, slug) for slug in slugs])
        if not versions or not (names or agents):
            raise CallError(400, "`taskSlugs`, and `modelVersionSlugs` or `agentSlugs`, must not be empty.")
        await run_in_threadpool(self._check_benchmark, body, versions)
        effort = text_of(body, "reasoningEffort")
        if effort and agents:
            raise CallError(400, "An agent has a reasoning effort of its own: leave `reasoningEffort` out.")
        models = [*await self._known(names), *await self._known(agents, agent=True)]
        if wrong := [_efforts_of(model) for model in models if effort not in ("", *model.efforts)]:
            raise CallError(400, f"No run at reasoning effort {effort!r}: {'; '.join(wrong)}.")
        each = [partial(self._schedule, one, model, effort, why_not) for one in versions for model in models]
        results = await run_in_threadpool(lambda: [schedule() for schedule in each])
        await self._queue.wake()
        return {"results": results}

    def _check_benchmark(self, body: Json, versions: list[Version]) -> None:
        if named := object_of(body, "benchmark"):
            mapped = {one.id for one in benchmark_versions(self._store, named)}
            if others := [one.slug for one in versions if one.id not in mapped]:
                raise CallError(400, f"{', '.join(others)} is not in the benchmark {named['benchmarkSlug']}.")

    async def _known(self, names: Iterable[str], *, agent: bool = False) -> list[Model]:
        found: dict[str, Model | None] = {}
        for name in names:
            found[name] = await self._models.find(name, agent=agent)
            await asyncio.sleep(0)  # a list of many thousands would hold up everybody else
        if missing := [name for name, model in found.items() if model is None]:
            known = ", ".join(model.slug for model in await self._models.all(agents=agent)) or "none"
            what = "agent" if agent else "model"
            said = [f"No such {what}: {', '.join(missing)}. There are: {known}.", self._models.problem()]
            said += ["KBENCH_UPSTREAM_AGENTS says which of an endpoint's models are agents."] if agent else []
            raise CallError(404, " ".join(filter(None, said)))
        return [model for name in names if (model := found[name])]

    def _schedule(self, version: Version, candidate: Model, effort: str, why_not: Any) -> Json:
        run_id, skipped, agent = None, None, candidate.slug if candidate.agent else ""
        model = candidate.backed_by or candidate.slug
        if version.state != COMPLETED:
            skipped = f"Version {version.version} of {version.slug} is not ready to run: {version.state}."
        else:
            run_id, skipped = self._store.add_run(version.id, model, effort, agent, why_not)
        return wire.trim(
            {
                "benchmarkModelVersionId": self._store.model_id(model),
                "benchmarkTaskVersionId": version.id,
                "candidateType": wire.AGENTS if agent else wire.MODEL_VERSIONS,
                "agentId": self._store.model_id(f"{agent}@agent") if agent else None,
                "benchmarkModelVersionConfigId": self._store.config_id(model, effort) if effort else None,
                "runScheduled": skipped is None,
                "runSkippedReason": skipped,
                "runId": run_id,
            }
        )

    # -- cancelling -------------------------------------------------------------------------------

    async def cancel(self, body: Json) -> Json:
        """ApiCancelBenchmarkTaskRuns: they read ERRORED, cancelled; asked again, nothing more happens."""
        agent, candidate = name_of(body, "agentSlug"), object_of(body, "modelVersion")
        if agent and candidate:
            raise CallError(400, "Name either a model (`modelVersion`) or an agent (`agentSlug`).")
        name = name_of(candidate, "modelVersionSlug", needed=bool(candidate))
        model = canonical(name)  # which may be gone and its runs still queued
        effort = text_of(candidate, "reasoningEffort")
        runs = await run_in_threadpool(self._named, body)
        if name or agent:
            runs = [run for run in runs if run.agent == agent]
        runs = [run for run in runs if not name or run.model == model]
        runs = [run for run in runs if effort in ("", run.effort)]
        numbers = [run.id for run in runs]
        queued, active = await self._queue.cancel(numbers, active=body.get("includeActive") is True)
        return wire.trim({"queuedCancelledCount": queued, "activeTerminatedCount": active})

    def _named(self, body: Json) -> list[Run]:
        slugs = list_of(object_of(body, "taskSlugs"), "slugs")
        ids = list_of(object_of(body, "runIds"), "ids")
        if bool(slugs) == bool(ids):
            raise CallError(400, "Name either tasks (`taskSlugs`) or runs (`runIds`) to cancel.")
        named = [self._runs_of(slug) for slug in slugs] or [[self.run({"runId": one}) for one in ids]]
        return list({run.id: run for runs in named for run in runs}.values())

    # -- counting ---------------------------------------------------------------------------------

    def scheduler(self, _body: Json) -> Json:
        """ApiGetBenchmarkSchedulerStatus: what goes on, and what has ended within a day and was not cancelled."""
        counts = self._store.counts(time.time() - 24 * 60 * 60, CANCELLED)
        states, models, boards = Counter[str](), dict[str, Counter[str]](), dict[Any, Counter[str]]()
        for model, number, name, state, count in counts:
            for counter in (
                states,
                models.setdefault(model, Counter()),
                boards.setdefault((number, name), Counter()),
            ):
                counter[state] += count
        by_model = [
            {"benchmarkModelVersionId": self._store.model_id(model), **_stats(found)}
            for model, found in models.items()
        ]
        by_board = [
            wire.trim({"benchmarkId": number, "benchmarkName": name}) | _stats(found)
            for (number, name), found in boards.items()
        ]
        return wire.trim(
            {
                "stateCounts": _counted(states, GOING),
                "recentStateCounts": _counted(states, (COMPLETED, ERRORED)),
                "modelVersionStats": _ordered(by_model, "benchmarkModelVersionId"),
                "benchmarkStats": _ordered(by_board, "benchmarkId"),
            }
        )


def _efforts_of(model: Model) -> str:
    takes = ", ".join(model.efforts)
    return f"{model.slug} takes {takes}" if takes else f"{model.slug} is not known to take any"


def _skipping(body: Json) -> Any:
    """Return what says of a pair's last run why it will do: only one that goes, unless the request enqueues."""
    enqueue = body.get("enqueue") is True
    name = text_of(body, "skipPolicy").removeprefix(_POLICY)
    policy = "" if name == "UNSPECIFIED" else name
    stale = text_of(body, "staleAfter")
    if not enqueue and (policy or stale or body.get("benchmark")):
        raise CallError(400, "`skipPolicy`, `staleAfter` and `benchmark` are for `enqueue` only.")
    if policy not in ("", *_POLICIES):
        raise CallError(400, f"`skipPolicy` must be one of {', '.join(_POLICY + one for one in _POLICIES)}.")
    if bool(stale) != (policy == "STALER_THAN"):
        raise CallError(400, f"`staleAfter` and {_POLICY}STALER_THAN need each other.")
    policy = policy or ("MISSING_OR_ERRORED" if enqueue else "ALL")
    before = time.time() - _seconds(stale) if stale else 0.0

    def why_not(run: Run) -> str | None:
        known = f"Run {run.id} of this version on {run.model} is {run.state.lower()} already."
        if run.state in GOING:
            return None if enqueue and policy == "ALL" else known
        if policy == "ALL" or (run.state == ERRORED and policy != "MISSING_ONLY"):
            return None
        return None if policy == "STALER_THAN" and (run.end_time or 0.0) < before else known

    return why_not


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text.removesuffix("s")))
    except ValueError:
        raise CallError(400, f"`staleAfter` must be seconds, such as 3600s, not {text[:60]!r}.") from None


def _stats(found: Counter[str]) -> Json:
    counts = {"queuedCount": found[QUEUED], "runningCount": found[RUNNING]}
    return wire.trim({**counts, "recentStateCounts": _counted(found, (COMPLETED, ERRORED))})


def _counted(found: Counter[str], states: Iterable[str]) -> list[Json]:
    return [{"state": wire.RUN_STATE + state, "count": found[state]} for state in states if found[state]]


def _ordered(stats: list[Json], key: str) -> list[Json]:
    return sorted(stats, key=lambda one: (-one.get("runningCount", 0), one.get(key, 0)))
