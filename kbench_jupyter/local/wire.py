"""How rows look on the wire: fields at their default left out, times as ``2026-01-31T12:00:00.000Z``.

Names and shapes are those that ``kagglesdk`` 0.1.38 parses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kbench_jupyter.local.models import config_slug
from kbench_jupyter.local.rows import Run, Version

OWNER = "local"
CREATION_STATE = "BENCHMARK_TASK_VERSION_CREATION_STATE_"
RUN_STATE = "BENCHMARK_TASK_RUN_STATE_"
MODEL_VERSIONS, AGENTS = (f"BENCHMARK_CANDIDATE_TYPE_{kind}" for kind in ("MODEL_VERSIONS", "AGENTS"))


def timestamp(seconds: float | None) -> str | None:
    """Write seconds since the epoch as the API does."""
    if seconds is None:
        return None
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    )


def trim(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out fields at their default: nothing, false, zero, the empty text or list."""
    return {name: item for name, item in value.items() if item not in (None, False, 0, "", [])}


def slug(name: str, version: int | None = None) -> dict[str, Any]:
    """Build the Slug object of a task version."""
    return trim({"ownerSlug": OWNER, "taskSlug": name, "versionNumber": version})


def task(version: Version, *, definition: bool = False) -> dict[str, Any]:
    """Build the Task object of a version, with what backs it if asked: a notebook.

    Datasets cannot be attached here: they are all named in ``invalidDatasetSources``, the field that the
    official command line looks for, and none in ``options``.
    """
    return trim(
        {
            "slug": slug(version.slug, version.version),
            "url": f"/benchmarks/tasks/{OWNER}/{version.slug}/{version.version}",
            "creationState": CREATION_STATE + version.state,
            "createTime": timestamp(version.create_time),
            "creationErrorMessage": version.error,
            "isPublic": version.is_public,
            "isBackingNotebookPublished": version.notebook_published,
            "invalidDatasetSources": list(version.datasets),
            "source": "CLI",
            "description": version.description,
            "tags": list(version.tags),
            "provenanceSources": version.provenance,
            "citations": list(version.citations),
            "candidateType": MODEL_VERSIONS,
            "areRunArtifactsPublic": version.artifacts_public,
            "definition": {"notebook": {}} if definition else None,
        }
    )


def kind_of(score: float | bool) -> str:
    """Return the name of a result's field for such a score."""
    return "booleanResult" if isinstance(score, bool) else "numericResult"


def run(item: Run) -> dict[str, Any]:
    """Build the Run object."""
    score = item.score
    return trim(
        {
            "taskSlug": slug(item.slug, item.version),
            "modelVersionSlug": item.model,
            "id": item.id,
            "state": RUN_STATE + item.state,
            "startTime": timestamp(item.start_time),
            "endTime": timestamp(item.end_time),
            "errorMessage": item.error,
            "agentSlug": item.agent,
            "modelVersionConfigSlug": config_slug(item.model, item.effort) if item.effort else None,
            "result": None if score is None else {kind_of(score): score},
        }
    )
