"""What the stand-in model answers: at once, in the form that is asked for, and the same in each dry run.

It knows nothing. Its answers are made of a digest of the request, so that they differ from prompt to prompt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Its name. The task SDK (0.6.2) sends a schema along as ``response_format`` but for names of some families.
MODEL = "stand-in/dry-run"

_DEEPEST = 12  # of a schema that refers to itself
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

    Parameters
    ----------
    texts : sequence of str
        The text of each message, in order.
    schema : mapping or None
        The JSON schema that the answer must fit.
    tools : sequence of (str, mapping)
        Name and parameters' schema of each tool that may be called.
    called : sequence of str
        Names of the tools that were called since the last message of the user.
    reasoning : bool
        Whether it is to show how it reasons.
    """

    texts: Sequence[str]
    schema: Mapping[str, Any] | None = None
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    called: Sequence[str] = ()
    reasoning: bool = False


@dataclass(frozen=True)
class Answer:
    """What the stand-in says.

    Parameters
    ----------
    text : str
        Empty where a tool is called.
    tool : tuple of (str, dict) or None
        The tool to call, with its arguments.
    reasoning : str
    """

    text: str = ""
    tool: tuple[str, dict[str, Any]] | None = None
    reasoning: str = ""


def answer(request: Request) -> Answer:
    """Answer a request: each tool once, then a value of the schema, or text."""
    seed = _Seed(json.dumps([request.texts, request.schema, [name for name, _ in request.tools]]))
    thoughts = f"The stand-in thinks of {seed.word()}." if request.reasoning else ""
    for name, parameters in request.tools:
        if name not in request.called:
            value = instance(parameters, seed)
            return Answer(tool=(name, value if isinstance(value, dict) else {}), reasoning=thoughts)
    schema = request.schema or _schema_in(request.texts)
    if schema is not None:
        return Answer(json.dumps(instance(schema, seed)), reasoning=thoughts)
    return Answer(_text(request.texts[-1] if request.texts else "", seed), reasoning=thoughts)


def instance(schema: Any, seed: _Seed) -> Any:
    """Return a value that fits a JSON schema, as far as that can be told without a search."""
    root = schema if isinstance(schema, Mapping) else {}
    return _Maker(root, seed).value(root, 0)


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


class _Maker:
    """Makes values of one schema, to whose definitions its parts refer."""

    def __init__(self, root: Mapping[str, Any], seed: _Seed) -> None:
        self._root = root
        self._seed = seed

    def value(self, schema: Any, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._seed.number(len(schema["enum"]))]
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._one_of(schema[key], depth)
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        kind = str(kinds[0] if isinstance(kinds, list) and kinds else kinds).lower()
        make = getattr(self, f"_{kind}", None)
        return make(schema, depth) if make is not None else None

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """Follow a reference, and take the parts of ``allOf`` together."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, Mapping):
                return {}
            whole = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            more = [self._referred(schema["$ref"])] if "$ref" in schema else list(schema.get("allOf") or ())
            if not more:
                return schema
            schema = {
                key: value
                for part in (*more, whole)
                if isinstance(part, Mapping)
                for key, value in part.items()
            }
        return {}

    def _referred(self, address: Any) -> Any:
        found: Any = self._root
        for step in str(address).removeprefix("#").strip("/").split("/"):
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        return found

    def _one_of(self, choices: Any, depth: int) -> Any:
        kept = [choice for choice in choices if self._resolved(choice).get("type") != "null"] or list(choices)
        if (
            depth > _DEEPEST // 2
        ):  # what refers to itself ends somewhere: where nothing is allowed, if anywhere
            kept = [choice for choice in choices if self._resolved(choice).get("type") == "null"] or kept
        return self.value(kept[0], depth + 1)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        parts = schema.get("properties") or {}
        needed = set(schema.get("required") or ())
        # Deep down only what must be there, so that a schema that refers to itself comes to an end.
        names = [name for name in parts if depth < _DEEPEST // 2 or name in needed]
        made = {name: self.value(parts[name], depth + 1) for name in names} if depth < _DEEPEST else {}
        extra = schema.get("additionalProperties")
        if not parts and isinstance(extra, Mapping) and depth < _DEEPEST // 2:
            made[self._seed.word()] = self.value(extra, depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = schema.get("prefixItems")
        if first:
            return [self.value(part, depth + 1) for part in first]
        least = int(schema.get("minItems") or 0)
        most = int(schema.get("maxItems") or max(least, 2))
        many = least if depth > _DEEPEST // 2 else max(least, min(most, 1 + self._seed.number(2)))
        return [self.value(schema.get("items") or {}, depth + 1) for _ in range(many)]

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        form = schema.get("format")
        if form in _FORMS:
            return _FORMS[form]
        text = _short_match(schema.get("pattern")) or f"{self._seed.word()}"
        text = text.ljust(int(schema.get("minLength") or 0), "x")
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text

    def _integer(self, schema: Mapping[str, Any], _depth: int) -> int:
        low, high = _bounds(schema, step=1)
        step = int(schema.get("multipleOf") or 1)
        number = int(low) + self._seed.number(int(high) - int(low) + 1)
        rounded = -(-number // step) * step
        return rounded if rounded <= high else rounded - step

    def _number(self, schema: Mapping[str, Any], _depth: int) -> float:
        low, high = _bounds(schema, step=1e-3)
        return round(low + (high - low) * self._seed.number(1000) / 1000, 6)

    def _boolean(self, _schema: Mapping[str, Any], _depth: int) -> bool:
        return bool(self._seed.number(2))

    def _null(self, _schema: Mapping[str, Any], _depth: int) -> None:
        return None


_FORMS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "stand.in@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def _bounds(schema: Mapping[str, Any], *, step: float) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and "minimum" not in schema:
        low += step
    if high is not None and "maximum" not in schema:
        high -= step
    if low is None:
        low = 1 if high is None else min(1, high)
    return low, max(low, low + 9 if high is None else high)


def _short_match(pattern: Any) -> str:
    """Return a text that a simple pattern matches, "" where finding one would take a search."""
    if not isinstance(pattern, str):
        return ""
    tries = ("A", "a", "1", "12", "123", "1234", "A1", "a1", "2026-01-02", "yes", "stand-in")
    try:
        return next((text for text in tries if re.search(pattern, text)), "")
    except re.error:
        return ""


def _schema_in(texts: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the schema that stands in the prompt's text, where the task SDK puts it for some models and types."""
    for text in reversed(texts):
        for found in reversed(list(_SCHEMA_IN_TEXT.finditer(text))):
            if (schema := _json_at(text, found.end())) is not None:
                return schema
    return None


def _json_at(text: str, start: int) -> dict[str, Any] | None:
    try:
        value, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(prompt: str, seed: _Seed) -> str:
    """Return text in the form that a prompt asks for in words, where that is easily told."""
    if "json" in prompt.lower():
        example = next((value for at in _braces(prompt) if (value := _json_at(prompt, at)) is not None), None)
        names = re.findall(r"[\"'`](\w+)[\"'`]", prompt)
        return json.dumps(example or dict.fromkeys(names or ["answer"], seed.word()))
    if letters := _LETTERS.search(prompt):
        return letters[0][0]
    if _YES.search(prompt):
        return "Yes" if "yes" in prompt.lower() else "True"
    if _NUMBER.search(prompt):
        return str(1 + seed.number(9))
    return f"This is {seed.word()}, an answer of the stand-in model. It says {1 + seed.number(99)}."


def _braces(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"\{", text)][:20]
