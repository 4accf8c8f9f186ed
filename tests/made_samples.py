"""Samples as an index would list them, made of what a test says about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kbench_jupyter.results.samples import Sample


def sample(row: int | None = 0, version: int | None = 1, candidate: str = "own", **told: Any) -> Sample:
    """Return a sample that passed, but for what is told otherwise. With ``row=None`` it is a run of its own."""
    run = told.pop("run_id", version or 0)
    errored = told.get("state") == "ERRORED"
    plain: dict[str, Any] = {
        "id": f"{version or 'unset'}/{candidate}/{run}/{'' if row is None else row}",
        "key": "" if row is None else f"Capital of one country#{row}",
        "version": version,
        "candidate": candidate,
        "model": candidate,
        "run_id": run,
        "task": "Capital of one country",
        "row": row,
        "state": "COMPLETED",
        "passed": not errored,
        "score": None,
        "interval": None,
        "result": "",
        "held": 0,
        "checks": 0,
        "failed": (),
        "input": f"What is the capital of country {row}?",
        "answer": "" if errored else "Paris",
        "error": "",
        "input_tokens": 0,
        "output_tokens": 0,
        "cost": None,
        "latency": None,
        "elapsed": None,
        "retries": 0,
        "children": 0,
        "started": None,
    }
    return Sample(**{**plain, **told})


def answered(
    passes: Iterable[bool], version: int | None = 1, candidate: str = "own", **told: Any
) -> list[Sample]:
    """Return a sample a row, which passed or not."""
    return [
        sample(row, version, candidate, passed=held, answer="It is Paris" if held else "It is Lyon", **told)
        for row, held in enumerate(passes)
    ]
