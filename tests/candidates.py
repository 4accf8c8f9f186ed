"""A recorder whose models run at efforts and in agents, and which can refuse the calls of kagglesdk 0.1.38."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import faults
from loopback_session import add_run, zipped


@dataclass
class CandidateApi(faults.FakeApi):
    """Knows two models, one of them at two efforts."""

    #: By method, what it answers with in place of acting: a status.
    refusing: dict[str, int] = field(default_factory=dict)
    #: How often a cancel reaches no running run.
    unreachable: int = 0
    #: Candidates that a schedule refuses.
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.models = [model("quick-1", 71), model("plain-1", 72, supportsReasoningEffort=False)]
        self.configs = [config(1, 71, "quick-1-high", "high"), config(2, 71, "quick-1-low", "low")]
        self.names_runs = True
        self.known_tags = {"math"}

    def handle(self, seen: faults.Seen) -> faults.Handled:
        if status := self.refusing.get(seen.method):
            return self.error(status, "Permission denied")
        return super().handle(seen)

    def BatchScheduleBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any] | faults.Handled:
        if self.gone & {*body.get("modelVersionSlugs", []), *body.get("agentSlugs", [])}:
            return self.error(404, "no such candidate")
        return super().BatchScheduleBenchmarkTaskRuns(body)

    def ApiCancelBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("includeActive") and self.unreachable:
            self.unreachable -= 1
            body = {**body, "includeActive": False}
        return super().ApiCancelBenchmarkTaskRuns(body)

    def ListBenchmarkTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        if "benchmarkSlug" not in body:
            return super().ListBenchmarkTasks(body)
        members = [self.tasks[slug["taskSlug"]][-1] for slug in self.benchmarks[body["benchmarkSlug"]]]
        return self._paged(members, body, "tasks")


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
