"""A recorder of the calls that came with kagglesdk 0.1.38: models at an effort, agents, cancels, descriptions."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import faults
from loopback_session import add_run, zipped


@dataclass
class CandidateApi(faults.FakeApi):
    """Knows two models, one of them at two efforts, and an agent."""

    #: By method, what it answers with in place of acting: a status.
    refusing: dict[str, int] = field(default_factory=dict)
    #: How many of the running runs a cancel cannot reach the first time.
    unreachable: int = 0
    #: Candidates that a schedule refuses.
    gone: set[str] = field(default_factory=set)
    names_runs: bool = True
    members: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.models = [model("quick-1", 71), model("plain-1", 72, supportsReasoningEffort=False)]
        self.configs = [config(1, 71, "quick-1-high", "high"), config(2, 71, "quick-1-low", "low")]
        self._ids = itertools.count(501)

    def handle(self, seen: faults.Seen) -> faults.Handled:
        if status := self.refusing.get(seen.method):
            return self.error(status, "Permission denied")
        return super().handle(seen)

    def ListBenchmarkModelVersionConfigs(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body["benchmarkModelVersionIds"]
        return {"configs": [one for one in self.configs if one["benchmarkModelVersionId"] in wanted]}

    def BatchScheduleBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any] | faults.Handled:
        effort = body.get("reasoningEffort", "")
        fields: list[dict[str, Any]] = []
        for slug in body.get("modelVersionSlugs", []):
            found = {"modelVersionConfigSlug": f"{slug}-{effort}"} if effort else {}
            fields.append({"model": slug, **found})
        fields += [{"model": "quick-1", "agentSlug": slug} for slug in body.get("agentSlugs", [])]
        if self.gone & {name for one in fields for name in one.values()}:
            return self.error(404, "no such candidate")
        results = []
        for one in fields:
            run_id = next(self._ids)
            add_run(self, run_id, state="QUEUED", **one)
            kind = "AGENTS" if "agentSlug" in one else "MODEL_VERSIONS"
            told = {"runId": run_id} if self.names_runs else {}
            results.append(
                {"runScheduled": True, "candidateType": f"BENCHMARK_CANDIDATE_TYPE_{kind}", **told}
                | ({"benchmarkModelVersionConfigId": 1} if effort else {})
            )
        return {"results": results}

    def ApiCancelBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        counts = {"QUEUED": 0, "RUNNING": 0}
        for run in self.runs:
            state = run["state"].removeprefix("BENCHMARK_TASK_RUN_STATE_")
            wanted = run["id"] in body.get("runIds", {}).get("ids", [])
            if not wanted or state not in counts or (state == "RUNNING" and not body.get("includeActive")):
                continue
            if state == "RUNNING" and self.unreachable:
                self.unreachable -= 1
                continue
            counts[state] += 1
            run.update(state="BENCHMARK_TASK_RUN_STATE_ERRORED", errorMessage="Cancelled.")
        return {"queuedCancelledCount": counts["QUEUED"], "activeTerminatedCount": counts["RUNNING"]}

    def UpdateBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[body["slug"]["taskSlug"]][-1]
        task.update({name: body.get(name) for name in body["updateMask"].split(",")})
        unknown = [tag for tag in task.get("tags") or [] if tag.startswith("no-such")]
        task["tags"] = [tag for tag in task.get("tags") or [] if tag not in unknown]
        return {"task": task, "invalidTags": unknown}

    def AddTasksToBenchmark(self, body: dict[str, Any]) -> dict[str, Any]:
        new = [slug for slug in body["taskSlugs"] if slug["taskSlug"] not in self.members]
        self.members += [slug["taskSlug"] for slug in new]
        return {"addedTasks": new, "skippedTasks": [slug for slug in body["taskSlugs"] if slug not in new]}

    def RemoveTasksFromBenchmark(self, body: dict[str, Any]) -> dict[str, Any]:
        there = [slug for slug in body["taskSlugs"] if slug["taskSlug"] in self.members]
        self.members = [one for one in self.members if one not in {slug["taskSlug"] for slug in there}]
        return {
            "removedTasks": there,
            "skippedTasks": [slug for slug in body["taskSlugs"] if slug not in there],
        }

    def ListBenchmarkTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        if "benchmarkSlug" not in body:
            return super().ListBenchmarkTasks(body)
        return self._paged([self.tasks[slug][-1] for slug in self.members], body, "tasks")

    def PublishBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any]:
        task = super().PublishBenchmarkTask(body)
        if body.get("publishRunArtifacts"):
            task["areRunArtifactsPublic"] = True
        return task


def model(slug: str, version_id: int, **version: Any) -> dict[str, Any]:
    """Return a model on the wire."""
    return {
        "displayName": slug,
        "allowModelProxy": True,
        "version": {"slug": slug, "id": version_id, "allowModelProxy": True, **version},
    }


def config(number: int, version_id: int, slug: str, effort: str) -> dict[str, Any]:
    """Return a model's config on the wire."""
    return {"id": number, "benchmarkModelVersionId": version_id, "slug": slug, "reasoningEffort": effort}


#: What tells three candidates of one model apart on the wire.
THREE: dict[str, dict[str, Any]] = {
    "quick-1": {},
    "quick-1-high": {"modelVersionConfigSlug": "quick-1-high"},
    "helper": {"agentSlug": "helper"},
}


def add_three(api: faults.FakeApi, **fields: Any) -> None:
    """Put a run of each candidate into a recorder, 11 to 13, with scores and an archive each."""
    for number, (candidate, told) in enumerate(THREE.items(), 11):
        score = {"numericResult": {"value": number / 100}}
        add_run(api, number, "quick-1", result=score, **told, **fields)
        run = {
            "taskVersion": {"name": "quiz"},
            "modelVersion": {"slug": "org/quick-1"},
            "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
            "results": [score],
        }
        api.archives[number] = zipped(**{"quiz_run_json": json.dumps(run), "name_txt": candidate})
