"""Run files: what a task run left behind, as values.

The task SDK (kaggle_benchmarks 0.6.1) writes ``<task>.task.json`` once per stored task and
``<task>-<run>.run.json`` once per run, as proto3 JSON: a field at its default value is absent, and 64 bit
integers are strings. What that means here:

* an errored run carries ``booleanResult: false``, so the state is looked at before any result;
* a score of 0.0 is ``"numericResult": {}``;
* a run started inside another is nested in it *and* stored as a file of its own, so that file is not a
  result of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_STATE_PREFIX = "BENCHMARK_TASK_RUN_STATE_"
_ASSERTION_PREFIX = "BENCHMARK_TASK_RUN_ASSERTION_STATUS_"
_NANODOLLARS = 1_000_000_000


@dataclass(frozen=True)
class Usage:
    """What a run consumed; None is what the model proxy did not say."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None  #: USD
    latency: float | None = None  #: seconds spent in the model's back end

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            _add(self.cost, other.cost),
            _add(self.latency, other.latency),
        )


@dataclass(frozen=True)
class Assertion:
    """One assertion of a run."""

    expectation: str  #: what was expected, in the task author's words
    passed: bool
    line: int | None = None  #: in the cell that made the assertion, from 1
    definition: str = ""  #: the asserting code


@dataclass(frozen=True)
class RunResult:
    """What one run came to."""

    task: str  #: the task's name as its author wrote it
    model: str  #: the model's proxy slug (the API uses the canonical one)
    state: str  #: ``"COMPLETED"``, ``"ERRORED"``, or another run state's name
    score: float | None = None  #: the numeric result, if the task returns a number
    interval: float | None = None  #: half-width of its confidence interval, if the task returns one
    #: The boolean result, if the task returns a bool or nothing. Meaningless when errored, so None then.
    outcome: bool | None = None
    values: Mapping[str, Any] | None = None  #: the dict result, if the task returns a dict
    assertions: tuple[Assertion, ...] = ()
    usage: Usage = Usage()  #: summed over all conversations of the run and of its subruns
    subruns: tuple[RunResult, ...] = ()
    error_message: str = ""  #: the traceback of an errored run
    started: datetime | None = None
    ended: datetime | None = None
    path: Path | None = None  #: the file it was read from
    #: Of subruns that were read and are not held here: whether none of them failed, and whether one asked a model; or
    #: whether something was said in the run itself.
    others_held: bool = True
    others_called: bool = False

    @property
    def called(self) -> bool:
        """Whether a model was called at all, as far as that was told."""
        used = self.usage.input_tokens or self.usage.output_tokens or self.usage.latency
        return bool(used or self.others_called)

    @property
    def errored(self) -> bool:
        """Whether the task function itself failed."""
        return self.state == "ERRORED"

    @property
    def passed(self) -> bool | None:
        """Whether the run passed: no error, no failed assertion (its subruns' included), no false result.

        None while the run has not ended.
        """
        if self.errored:
            return False
        if self.state != "COMPLETED":
            return None
        own = self.outcome is not False and all(a.passed for a in self.assertions)
        return own and self.others_held and all(sub.passed is not False for sub in self.subruns)

    @property
    def elapsed(self) -> float | None:
        """Seconds from start to end, or None where either is unknown or the clock was set back in between."""
        if self.started is None or self.ended is None or self.ended < self.started:
            return None
        return (self.ended - self.started).total_seconds()


def read_run_file(path: Path) -> RunResult:
    """Read one ``*.run.json``; `ValueError` if it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} does not hold a run")
    try:
        return parse_run(data, path)
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        # Of another shape than the SDK writes, at a place where no default would be honest.
        raise ValueError(f"{path.name} does not hold a run: {error}") from error


def read_run_files(folder: Path) -> list[RunResult]:
    """Read all runs that stand for themselves in a folder, oldest first.

    A run that another run of the folder holds as a subrun is part of that one and is left out.

    Raises
    ------
    ValueError
        If one of the files is not a run file.
    """
    raw = [read_run_file(path) for path in sorted(folder.glob("*.run.json"))]
    nested = {_identity(sub) for run in raw for sub in all_subruns(run)}
    runs = [run for run in raw if _identity(run) not in nested]
    return sorted(runs, key=lambda run: (run.started is None, run.started or datetime.min, run.task))


def parse_run(data: Mapping[str, Any], path: Path | None = None, *, said: bool = True) -> RunResult:
    """Turn the JSON of one run into a value; absent fields mean their defaults.

    Parameters
    ----------
    data : mapping
        The run's JSON.
    path : Path, optional
        Where it was read from.
    said : bool
        Whether anything that was said in its conversations counts as a call of a model.
    """
    task = as_object(data.get("taskVersion"))
    state = str(data.get("state") or "UNSPECIFIED").removeprefix(_STATE_PREFIX)
    subruns = tuple(parse_run(sub, said=said) for sub in as_objects(data.get("subruns")))
    conversations = as_objects(data.get("conversations"))
    usage = sum((_usage(as_object(c.get("metrics"))) for c in conversations), Usage())
    return RunResult(
        task=str(task.get("name") or ""),
        model=str(as_object(data.get("modelVersion")).get("slug") or ""),
        state=state,
        **(_result(data) if state != "ERRORED" else {}),
        assertions=tuple(_assertion(a) for a in as_objects(data.get("assertions"))),
        usage=sum((sub.usage for sub in subruns), usage),
        others_called=said and any(map(_said, conversations)),
        subruns=subruns,
        error_message=str(data.get("errorMessage") or ""),
        started=_time(data.get("startTime")),
        ended=_time(data.get("endTime")),
        path=path,
    )


def as_object(value: Any) -> Mapping[str, Any]:
    """Return a JSON object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _result(data: Mapping[str, Any]) -> dict[str, Any]:
    for result in as_objects(data.get("results")):
        if "numericResult" in result:
            numeric = as_object(result["numericResult"])
            return {
                "score": float(numeric.get("value") or 0.0),
                "interval": _finite(numeric.get("confidenceInterval")),
            }
        if "dictResult" in result:
            return {"values": result["dictResult"]}
        if "booleanResult" in result:
            return {"outcome": bool(result["booleanResult"])}
    return {}


def _assertion(data: Mapping[str, Any]) -> Assertion:
    line = data.get("lineNumber")
    return Assertion(
        expectation=str(data.get("expectation") or ""),
        passed=str(data.get("status", "")).removeprefix(_ASSERTION_PREFIX) == "PASSED",
        line=line if type(line) is int else None,
        definition=str(data.get("definition") or ""),
    )


def _said(conversation: Mapping[str, Any]) -> bool:
    return any(as_objects(one.get("contents")) for one in as_objects(conversation.get("requests")))


def _usage(metrics: Mapping[str, Any]) -> Usage:
    costs = (_finite(metrics.get(f"{side}TokensCostNanodollars")) for side in ("input", "output"))
    known = [cost for cost in costs if cost is not None]
    latency = _finite(metrics.get("totalBackendLatencyMs"))
    return Usage(
        input_tokens=int(metrics.get("inputTokens") or 0),
        output_tokens=int(metrics.get("outputTokens") or 0),
        cost=sum(known) / _NANODOLLARS if known else None,
        latency=None if latency is None else latency / 1000,
    )


def _finite(told: Any) -> float | None:
    number = None if told is None else float(told)
    return number if number is None or math.isfinite(number) else None


def _time(text: str | None) -> datetime | None:
    time = datetime.fromisoformat(text) if text else None
    return time.replace(tzinfo=UTC) if time and not time.tzinfo else time


def _add(a: float | None, b: float | None) -> float | None:
    return None if a is None and b is None else (a or 0.0) + (b or 0.0)


def _identity(run: RunResult) -> tuple[object, ...]:
    return run.task, run.model, run.started, run.ended


def all_subruns(run: RunResult) -> Iterator[RunResult]:
    """Yield the subruns of a run, each before its own."""
    for sub in run.subruns:
        yield sub
        yield from all_subruns(sub)
