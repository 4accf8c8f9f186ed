"""Run files of evaluations, as the task SDK (0.6.2) writes them: a row of data a subrun, with what was said in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)
_BEGAN = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
_EVALUATES = "def solve_all(llm):\n    return solve.evaluate(evaluation_data=data, llm=[llm])"


def said(role: str, *parts: str | dict[str, Any], sender: str = "") -> dict[str, Any]:
    """Return one content of a conversation; a text, or another part whole."""
    told = [{"text": part} if isinstance(part, str) else part for part in parts]
    return {"role": f"CONTENT_ROLE_{role.upper()}", "senderName": sender or role.title(), "parts": told}


def row(
    number: int,
    model: str,
    asked: str,
    answer: str,
    *,
    good: bool = True,
    error: str = "",
    score: float | None = None,
    thought: str = "",
    before: tuple[dict[str, Any], ...] = (),
    task: str = "solve",
    cost: float | None = 0.001,
) -> dict[str, Any]:
    """Return the run of one row."""
    began = _BEGAN + timedelta(seconds=number)
    contents = [*before, said("user", asked), *([said("assistant", answer, sender=model)] if answer else [])]
    metrics = {"inputTokens": "120", "outputTokens": "18", "totalBackendLatencyMs": "420"}
    if cost is not None:
        metrics |= {"outputTokensCostNanodollars": str(int(cost * 1e9))}
    status = "BENCHMARK_TASK_RUN_ASSERTION_STATUS_"
    made = [
        {
            "expectation": "Says anything",
            "status": f"{status}PASSED",
            "lineNumber": 4,
            "definition": "assert x",
        },
        {
            "expectation": "Answer is right",
            "status": status + ("PASSED" if good else "FAILED"),
            "lineNumber": 5,
            "definition": "assert y",
        },
    ]
    return {
        "taskVersion": {"name": task},
        "modelVersion": {"slug": model},
        "state": f"BENCHMARK_TASK_RUN_STATE_{'ERRORED' if error else 'COMPLETED'}",
        "startTime": began.isoformat().replace("+00:00", "Z"),
        "endTime": (began + timedelta(milliseconds=900)).isoformat().replace("+00:00", "Z"),
        "pyRunId": f"Run #{number + 1}",
        "conversations": [
            {
                "id": f"chat-{number:08x}",
                "metrics": metrics,
                "requests": [{"contents": contents, **({"reasoningTraces": thought} if thought else {})}],
            }
        ],
        "assertions": [] if error else made,
        "results": [{"numericResult": {"value": score}} if score is not None else {"booleanResult": good}],
        **({"errorMessage": error} if error else {}),
    }


def evaluation(
    model: str, rows: list[dict[str, Any]], task: str = "quiz", began: datetime = _BEGAN
) -> dict[str, Any]:
    """Return the run of a task that evaluated these rows."""
    return {
        "taskVersion": {"name": task, "definition": _EVALUATES},
        "modelVersion": {"slug": model},
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "startTime": began.isoformat().replace("+00:00", "Z"),
        "endTime": (began + timedelta(seconds=len(rows) + 1)).isoformat().replace("+00:00", "Z"),
        "subruns": rows,
        "results": [{"booleanResult": True}],
    }


def store(output: Path, place: str, run: dict[str, Any]) -> None:
    """Write a run file into the downloads: `place` is ``<task>/<version>/<candidate>/<run id>``."""
    folder = output / place
    folder.mkdir(parents=True)
    (folder / "quiz.run.json").write_text(json.dumps(run), encoding="utf-8")
