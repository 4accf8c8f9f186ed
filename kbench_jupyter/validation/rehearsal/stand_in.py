"""What the stand-in model answers: at once, in the form that is asked for, and the same in each dry run.

It knows nothing. Its answers are made of a digest of the request, so that they differ from prompt to prompt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kbench_jupyter.validation.rehearsal.fitting import fits, value_for

#: Its name. The task SDK (0.6.2) sends a schema along as ``response_format`` but for names of some families.
MODEL = "stand-in/dry-run"

_MOST_CALLS = 8  # of tools after one prompt; the task SDK gives a model up after ten
_DECODER = json.JSONDecoder()
_SCHEMA_IN_TEXT = re.compile(r"schema:\s*(?=\{)", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(?:only|just|single|as an?|with an?)\b.{0,30}\b(?:number|integer|digit|float|score)\b", re.I
)
_LETTERS = re.compile(r"\b([A-Z])(?:, ?[A-Z])+,? or [A-Z]\b|\b[A-Z](?:/[A-Z])+\b")
_YES = re.compile(r"\byes\b.{1,12}\bno\b|\btrue\b.{1,12}\bfalse\b", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What a model is asked, whichever way it came.

    `texts` are those of the messages; `schema` is what the answer must fit; `tools` have a name and their parameters'
    schema; `called` names those that were called since the user's last message; `reasoning` is to be shown or not.
    """

    texts: Sequence[str]
    schema: Mapping[str, Any] | None = None
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    called: Sequence[str] = ()
    reasoning: bool = False


@dataclass(frozen=True)
class Answer:
    """What the stand-in says: a text that `fits` the schema, if there is one, or a tool to call with its arguments."""

    text: str = ""
    tool: tuple[str, dict[str, Any]] | None = None
    reasoning: str = ""
    fits: bool = True


def answer(request: Request) -> Answer:
    """Answer a request: each tool once, then a value of the schema, or text."""
    seed = _Seed(json.dumps([request.texts, request.schema, [name for name, _ in request.tools]]))
    thoughts = f"The stand-in thinks of {seed.word()}." if request.reasoning else ""
    for name, parameters in request.tools:
        if name not in request.called and len(request.called) < _MOST_CALLS:
            value = value_for(parameters, seed.word()) if parameters else {}
            return Answer(tool=(name, value if isinstance(value, dict) else {}), reasoning=thoughts)
    prompt = request.texts[-1] if request.texts else ""
    schema = request.schema or _schema_in(request.texts)
    if schema is not None:
        value = _each_criterion(value_for(schema, seed.word()), "\n".join(request.texts))
        return Answer(json.dumps(value), reasoning=thoughts, fits=fits(value, schema))
    return Answer(_text(prompt, seed), reasoning=thoughts)


def _each_criterion(value: Any, prompt: str) -> Any:
    """Give a judge's verdict an entry for each criterion of its prompt, which is where the task SDK numbers them."""
    results = value.get("results") if isinstance(value, dict) else None
    if not (isinstance(results, list) and results):
        return value
    if not all(isinstance(one, dict) and "criterion" in one for one in results):
        return value
    listed = re.findall(r"(?m)^\s*\d+\. (.+)$", prompt.rpartition("Criteria:")[2].partition("###")[0])
    entries = [{**results[n % len(results)], "criterion": text.strip()} for n, text in enumerate(listed)]
    return {**value, "results": entries or results}


class _Seed:
    """Numbers and words that follow from a text."""

    def __init__(self, text: str) -> None:
        self._digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        self._count = 0

    def number(self, below: int) -> int:
        self._count += 1
        drawn = hashlib.sha256(self._digest + self._count.to_bytes(4, "big")).digest()
        return int.from_bytes(drawn[:8], "big") % max(1, below)

    def word(self) -> str:
        return f"stand-in-{self.number(16**4):04x}"


def _schema_in(texts: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the schema that stands in the prompt's text, where the task SDK puts it for some models and types."""
    found = [(text, place.end()) for text in texts for place in _SCHEMA_IN_TEXT.finditer(text)]
    return _first_json(reversed(found))


def _first_json(places: Iterable[tuple[str, int]]) -> dict[str, Any] | None:
    """Return the first JSON object that begins at one of some places in texts."""
    for text, start in places:
        with suppress(ValueError, RecursionError):
            value, _ = _DECODER.raw_decode(text, start)
            if isinstance(value, dict):
                return value
    return None


def _text(prompt: str, seed: _Seed) -> str:
    """Return text in the form that a prompt asks for in words, where that is easily told."""
    if "json" in prompt.lower():
        example = _first_json((prompt, found.start()) for found in islice(re.finditer(r"\{", prompt), 20))
        names = re.findall(r"[\"'`](\w+)[\"'`]", prompt)
        return json.dumps(example or dict.fromkeys(names or ["answer"], seed.word()))
    if letters := _LETTERS.search(prompt):
        return letters[0][0]
    if _YES.search(prompt):
        return "Yes" if "yes" in prompt.lower() else "True"
    if _NUMBER.search(prompt):
        return str(1 + seed.number(9))
    return f"This is {seed.word()}, an answer of the stand-in model. It says {1 + seed.number(99)}."
