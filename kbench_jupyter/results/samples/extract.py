"""From the JSON of a run to the samples in it, as they are listed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kbench_jupyter.display.numbers import score_text
from kbench_jupyter.results.runfiles import RunResult, all_subruns, as_object, as_objects, parse_run
from kbench_jupyter.results.samples.contents import messages, plain
from kbench_jupyter.results.samples.sample import ERROR, TEXT
from kbench_jupyter.results.samples.transcript import Media, TranscriptMessage

Json = Mapping[str, Any]
#: Who a run is: what a file of its own and the run it is nested in say alike.
Identity = tuple[str, str, str, str]

# Chats that the task SDK (0.6.2) opens for a judge: what is said there is no answer of the model under test.
_JUDGED = "Response assessment with "
_NUMBER = re.compile(r"Run #(\d+)$")
# A whole word of the task's source; `evaluate` alone would be found in its comments.
_EVALUATES = re.compile(r"\.\s*evaluate\s*\(|\.\s*bind_dataframe\s*\(")
_MOST = 2**63 - 1  # what SQLite's integers hold


@dataclass(frozen=True, slots=True)
class Found:
    """A sample as it was read, before it is known which row it is."""

    place: str  #: as in a sample's id, below the run that the file holds
    identity: Identity
    task: str
    slug: str  #: the model's proxy slug
    number: int  #: which run of its task in that kernel, from 1; 0 where it is not told
    digest: str  #: of what it was asked, whole; "" where it was asked nothing
    result: RunResult
    listed: tuple[Any, ...]  #: values of `LISTED`


#: What is listed of a sample, in this order.
LISTED = (
    "task",
    "state",
    "passed",
    "score",
    "interval",
    "result",
    "held",
    "checks",
    "failed",
    "input",
    "answer",
    "error",
    "input_tokens",
    "output_tokens",
    "cost",
    "latency",
    "elapsed",
    "children",
    "started",
)


def found(run: Json, place: str) -> Found:
    """Read one run or subrun as a sample.

    Raises
    ------
    ValueError, TypeError, AttributeError, OverflowError
        If it is of another shape than the task SDK writes, at a place where no default would be honest.
    """
    result = parse_run(run, said=False)
    number = _NUMBER.search(str(run.get("pyRunId") or ""))
    chats = [(str(one.get("id") or ""), messages(one)) for one in as_objects(run.get("conversations"))]
    asked, answer = _asked(chats), _answer(chats, result.model)
    return Found(
        place,
        identity(run),
        result.task,
        result.model,
        int(number[1]) if number and len(number[1]) < 10 else 0,
        _digest(asked),
        result,
        listed(result, "\n".join(plain(one.parts) for one in asked if one.role == "user"), answer),
    )


def listed(result: RunResult, asked: str, answer: str) -> tuple[Any, ...]:
    """Return what is listed of a run, in the order of `LISTED` and as SQLite takes it."""
    below = list(all_subruns(result))
    checks = [made for one in (result, *below) for made in one.assertions]
    failed = [clean(one.expectation or one.definition, TEXT) for one in checks if not one.passed]
    lines = result.error_message.rstrip().splitlines()
    return (
        clean(result.task, TEXT),
        clean(result.state, TEXT),
        result.passed,
        # SQLite takes "not a number" for none at all.
        math.inf if result.score is not None and math.isnan(result.score) else result.score,
        result.interval,
        clean(_result_text(result), TEXT),
        sum(one.passed for one in checks),
        len(checks),
        json.dumps(failed, ensure_ascii=False) if failed else "",
        clean(asked, TEXT),
        clean(answer, TEXT),
        clean(lines[-1].strip(), ERROR) if lines else "",
        min(result.usage.input_tokens, _MOST),
        min(result.usage.output_tokens, _MOST),
        result.usage.cost,
        result.usage.latency,
        result.elapsed,
        len(below),
        result.started and result.started.isoformat(),
    )


def values_of(values: Sequence[Any]) -> dict[str, Any]:
    """Turn what `listed` returned, or SQLite made of it, into a sample's values."""
    told = dict(zip(LISTED, values, strict=True))
    passed, failed, started = told["passed"], told["failed"], told["started"]
    return told | {
        "passed": None if passed is None else bool(passed),
        "failed": tuple(json.loads(failed)) if failed else (),
        "started": datetime.fromisoformat(started) if started else None,
    }


def places(run: Json, place: str) -> Iterator[tuple[str, Json]]:
    """Yield the samples in a run with their places: rows that were evaluated, else sub tasks, else the run itself.

    A run that asked a model itself is one sample with its sub tasks as its tree, unless it evaluated rows.

    Parameters
    ----------
    run : mapping
        A run's or subrun's JSON.
    place : str
        Its own place.
    """
    below = as_objects(run.get("subruns"))
    by_row = evaluates(run)
    if not below or (asks(run) and not by_row):
        yield place, run
        return
    for n, one in enumerate(below):
        inner = f"{place}.{n}" if place else str(n)
        if by_row:
            yield inner, one
        else:
            yield from places(one, inner)


def evaluates(run: Json) -> bool:
    """Say whether a run's task takes a sub task over rows, as far as its source tells."""
    return bool(_EVALUATES.search(str(as_object(run.get("taskVersion")).get("definition") or "")))


def asks(run: Json) -> bool:
    """Say whether a model answered in the run itself, not only in its subruns."""
    return any(
        content.get("role") == "CONTENT_ROLE_ASSISTANT"
        for conversation in as_objects(run.get("conversations"))
        for request in as_objects(conversation.get("requests"))
        for content in as_objects(request.get("contents"))
    )


def identity(run: Json) -> Identity:
    """Return what a run is known by, wherever it is stored."""
    task, model = as_object(run.get("taskVersion")), as_object(run.get("modelVersion"))
    name, slug, start, end = (
        str(told or "")
        for told in (task.get("name"), model.get("slug"), run.get("startTime"), run.get("endTime"))
    )
    return name, slug, start, end


def nested(run: Json) -> Iterator[Json]:
    """Yield the runs nested in a run, at any depth."""
    for one in as_objects(run.get("subruns")):
        yield one
        yield from nested(one)


def clean(text: str, most: int) -> str:
    """Clip a text, and put a mark in place of halves of characters, which no file and no database takes."""
    return text[:most].encode("utf-8", "replace").decode("utf-8")


def _result_text(result: RunResult) -> str:
    if result.score is not None:
        return score_text(result.score)
    if result.outcome is not None:
        return str(result.outcome).lower()
    return json.dumps(result.values, ensure_ascii=False) if result.values is not None else ""


def _asked(chats: Sequence[tuple[str, list[TranscriptMessage]]]) -> list[TranscriptMessage]:
    """Return what stands before the first answer, in the first chat in which a user said something."""
    for name, said in chats:
        if not name.startswith(_JUDGED) and any(one.role == "user" for one in said):
            first = next((n for n, one in enumerate(said) if one.role == "assistant"), len(said))
            return said[:first]
    return []


def _answer(chats: Sequence[tuple[str, list[TranscriptMessage]]], model: str) -> str:
    """Return the last answer in the run's own chat, or in the last of those it opened; by its model, where it spoke."""
    spoken = [said for name, said in chats if not name.startswith(_JUDGED) and _answers(said)]
    if not spoken:
        return ""
    said = _answers(spoken[0] if spoken[0] is chats[0][1] else spoken[-1])
    own = [one for one in said if one.sender == model]
    texts = [text for one in own or said if (text := plain(one.parts))]
    return texts[-1] if texts else ""


def _answers(said: Sequence[TranscriptMessage]) -> list[TranscriptMessage]:
    return [one for one in said if one.role == "assistant"]


def _digest(asked: Sequence[TranscriptMessage]) -> str:
    if not asked:
        return ""
    digest = hashlib.blake2b(digest_size=12)
    for one in asked:
        for part in one.parts:
            whole = part.data or part.uri if isinstance(part, Media) else plain([part])
            digest.update(f"{one.role}\0{whole}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
