"""Run files written for tests, in the shape that the task SDK (0.6.2) gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATE = "BENCHMARK_TASK_RUN_STATE_"
STATUS = "BENCHMARK_TASK_RUN_ASSERTION_STATUS_"


def said(*texts: str, name: str = "chat-0a1b2c3d", model: str = "org/m") -> dict[str, Any]:
    """Return a conversation in which a user and the model speak in turns."""
    contents = [
        {
            "parts": [{"text": text}],
            "role": "CONTENT_ROLE_ASSISTANT" if n % 2 else "CONTENT_ROLE_USER",
            "senderName": model if n % 2 else "User",
        }
        for n, text in enumerate(texts)
    ]
    return {
        "id": name,
        "requests": [{"contents": contents}],
        "metrics": {"inputTokens": 3, "outputTokens": 2},
    }


def run(name: str = "Task", *, number: int = 1, result: Any = True, **fields: Any) -> dict[str, Any]:
    """Return a run's JSON; `result` is a bool, a number or a dict."""
    kind = {bool: "booleanResult", dict: "dictResult"}.get(type(result), "numericResult")
    evaluates = fields.pop("evaluates", False)
    errored = bool(fields.get("errorMessage"))
    return {
        "taskVersion": {
            "name": name,
            "definition": "one.evaluate(llm=[llm])" if evaluates else "def f(): ...",
        },
        "modelVersion": {"slug": "org/m"},
        "state": STATE + ("ERRORED" if errored else "COMPLETED"),
        "startTime": f"2026-01-01T00:00:{number % 60:02d}.{number:06d}Z",
        "endTime": "2026-01-01T00:02:00Z",
        "results": [{kind: {"value": result} if kind == "numericResult" else result}],
        "pyRunId": f"{name}-Run #{number}",
        **fields,
    }


def check(expectation: str, passed: bool = False) -> dict[str, Any]:
    """Return an assertion."""
    return {
        "expectation": expectation,
        "status": STATUS + ("PASSED" if passed else "FAILED"),
        "lineNumber": 4,
    }


def evaluated(*answers: Any, order: list[int] | None = None, question: str = "question {}") -> dict[str, Any]:
    """Return a run over rows: an answer each, or an error's text; `order` is that in which they ended."""
    rows = [
        run("One", number=n + 1, errorMessage=f"Traceback\n{answer}")
        if isinstance(answer, str)
        else run("One", number=n + 1, result=answer, conversations=[said(question.format(n), f"answer {n}")])
        for n, answer in enumerate(answers)
    ]
    return run("All", result=0.5, evaluates=True, subruns=[rows[n] for n in order or range(len(rows))])


def put(output: Path, place: str, *runs: dict[str, Any], names: tuple[str, ...] = ()) -> Path:
    """Write runs where a download of task ``t`` would have left them, and return the first file."""
    folder = output / "t" / place
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / (names[n] if n < len(names) else f"r{n}.run.json") for n in range(len(runs))]
    for file, one in zip(files, runs, strict=True):
        file.write_text(json.dumps(one, indent=2), encoding="utf-8")
    return files[0]
