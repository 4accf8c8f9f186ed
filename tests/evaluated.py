"""Runs that evaluated rows of a dataset, as the task SDK writes them, in a recorder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback_session import add_run, zipped

STATE = "BENCHMARK_TASK_RUN_STATE_"
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: One pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def said(role: str, *parts: str | dict[str, Any], sender: str = "") -> dict[str, Any]:
    """Return a message on file; a text is a text part."""
    made = [{"text": part} if isinstance(part, str) else part for part in parts]
    return {"role": f"CONTENT_ROLE_{role}", "senderName": sender, "parts": made}


def row_run(number: int, passed: bool, model: str, **told: Any) -> dict[str, Any]:
    """Return a row's run: asked for a capital, answered, and checked."""
    contents = told.pop("contents", None) or [
        said("USER", f"What is the capital of country {number}?", sender="User"),
        said("ASSISTANT", "It is Paris." if passed else "It is Lyon.", sender=model),
    ]
    begun = BEGAN + timedelta(seconds=number)
    return {
        "taskVersion": {"name": "Capital of one country"},
        "modelVersion": {"slug": f"org/{model}"},
        "id": f"Run #{number + 1}",
        "state": f"{STATE}COMPLETED",
        "startTime": begun.isoformat(),
        "endTime": (begun + timedelta(seconds=1)).isoformat(),
        "results": [{"booleanResult": passed}],
        "assertions": [
            {
                "expectation": "The capital is named",
                "status": f"BENCHMARK_TASK_RUN_ASSERTION_STATUS_{'PASSED' if passed else 'FAILED'}",
                "lineNumber": 7,
            }
        ],
        "conversations": [
            {
                "id": f"chat-{number}",
                "metrics": {
                    "inputTokens": "20",
                    "outputTokens": "5",
                    "inputTokensCostNanodollars": "1000000",
                    "totalBackendLatencyMs": "250",
                },
                "requests": [{"contents": contents}],
            }
        ],
        **told,
    }


def evaluated(model: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the run file of an evaluation of these rows."""
    return {
        "taskVersion": {
            "name": "quiz",
            "definition": "def quiz(llm):\n    return one.evaluate(evaluation_data=rows)",
        },
        "modelVersion": {"slug": f"org/{model}"},
        "state": f"{STATE}COMPLETED",
        "startTime": BEGAN.isoformat(),
        "endTime": (BEGAN + timedelta(seconds=len(rows) + 1)).isoformat(),
        "results": [{"numericResult": {"value": 0.5, "confidenceInterval": 0.1}}],
        "subruns": list(rows),
    }


def add_evaluated(
    api: Any, run_id: int, model: str, passes: Sequence[bool], *, odd: dict[int, dict[str, Any]] | None = None
) -> None:
    """Put a run that evaluated a row for each of `passes` into a recorder; `odd` tells what some rows say."""
    rows = [row_run(n, held, model, **(odd or {}).get(n, {})) for n, held in enumerate(passes)]
    add_run(api, run_id, model)
    api.archives[run_id] = zipped(quiz_run_json=json.dumps(evaluated(model, rows)))
