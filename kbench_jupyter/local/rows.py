"""What the database holds of a task version and of a run."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

QUEUED, RUNNING, COMPLETED, ERRORED = "QUEUED", "RUNNING", "COMPLETED", "ERRORED"
WITHOUT_RUN, INVALID = "KERNEL_WITHOUT_RUN", "VALIDATION_FAILED"
GOING = (QUEUED, RUNNING)

_MOST_ERROR = 50_000
"""Characters of an error that are kept; a traceback says what it is at its end."""


@dataclass(frozen=True)
class Version:
    """One version of a task. Times are seconds since the epoch."""

    id: int
    slug: str
    version: int
    state: str
    error: str | None
    create_time: float
    datasets: tuple[str, ...]
    description: str | None
    provenance: str | None
    citations: tuple[dict[str, str], ...]
    is_public: bool
    notebook_published: bool
    artifacts_public: bool
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One task version on one candidate. Times are seconds since the epoch; `result` is as in a run file."""

    id: int
    version_id: int
    slug: str
    version: int
    model: str
    effort: str  # empty for the model as it is
    state: str
    start_time: float | None
    end_time: float | None
    error: str | None
    result: dict[str, Any] | None
    agent: str = ""  # its slug; the model is then the agent's own, if known

    @property
    def score(self) -> float | bool | None:
        """The score or pass that its result says; None where it says none, or one that is no number."""
        found = self.result if isinstance(self.result, dict) else {}
        if isinstance(numeric := found.get("numericResult"), dict):
            # Fields at their default are left out of run files: a score of zero, too.
            with suppress(TypeError, ValueError, OverflowError):
                return value if math.isfinite(value := float(numeric.get("value", 0))) else None
        passed = found.get("booleanResult")
        return passed if isinstance(passed, bool) else None


VERSIONS = """
SELECT v.id, v.slug, v.version, v.state, v.error, v.create_time, v.datasets, v.description, v.provenance,
       v.citations, t.is_public, t.notebook_published, t.artifacts_public, t.tags
FROM versions v JOIN tasks t ON t.slug = v.slug
"""
RUNS = """
SELECT r.id, r.version_id, v.slug, v.version, r.model, r.effort, r.state, r.start_time, r.end_time, r.error,
       r.result, r.agent
FROM runs r JOIN versions v ON v.id = r.version_id
"""


def error_kept(error: str | None) -> str | None:
    """Return what is kept of an error: its beginning and its end, with half of a surrogate pair spelt out."""
    if error is None:
        return None
    if len(error) > _MOST_ERROR:
        half = _MOST_ERROR // 2
        cut = f"[{len(error) - 2 * half:,} characters are left out here.]"
        error = f"{error[:half]}\n{cut}\n{error[-half:]}"
    return error.encode(errors="backslashreplace").decode()


def version_of(row: Any) -> Version:
    """Read what VERSIONS selects."""
    datasets, description, provenance, citations, public, notebook, artifacts, tags = row[6:]
    page = [_list(datasets), description, provenance, _list(citations)]
    fields: list[Any] = [*row[:6], *page, bool(public), bool(notebook), bool(artifacts), _list(tags)]
    return Version(*fields)


def run_of(row: Any) -> Run:
    """Read what RUNS selects."""
    fields: list[Any] = [*row[:10], json.loads(row[10]) if row[10] else None, row[11]]
    return Run(*fields)


def _list(value: str) -> tuple[Any, ...]:
    return tuple(json.loads(value))
