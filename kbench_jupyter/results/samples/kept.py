"""Runs as the index keeps them: as plain JSON, without subruns."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from kbench_jupyter.results.runfiles import Assertion, RunResult, Usage

_KEPT = [one.name for one in fields(RunResult) if one.name not in ("subruns", "path")]


def as_plain(result: RunResult) -> dict[str, Any]:
    """Return what is kept of a run."""
    plain = {name: getattr(result, name) for name in _KEPT}
    plain["assertions"] = [[a.expectation, a.passed, a.line, a.definition] for a in result.assertions]
    usage = result.usage
    plain["usage"] = [usage.input_tokens, usage.output_tokens, usage.cost, usage.latency]
    for name in ("started", "ended"):
        plain[name] = plain[name] and plain[name].isoformat()
    plain["path"] = result.path and result.path.name
    return plain


def from_plain(plain: dict[str, Any], folder: Path) -> RunResult:
    """Return the run that was kept, of a file in a folder."""
    times = {name: plain[name] and datetime.fromisoformat(plain[name]) for name in ("started", "ended")}
    assertions = tuple(Assertion(*one) for one in plain["assertions"])
    path = plain["path"] and folder / plain["path"]
    return RunResult(
        **{**plain, **times, "assertions": assertions, "usage": Usage(*plain["usage"]), "path": path}
    )
