"""Values that fit a JSON schema: the same ones for the same seed, without a model."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from kbench_jupyter.quick_import import load

#: How deep a value nests before what may be left out is: schemas may name themselves.
_DEEP = 6
_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "jade")
_FORMATS = {
    "date-time": "20{:02d}-0{}-1{}T0{}:30:00Z",
    "date": "20{:02d}-0{}-1{}",
    "time": "0{1}:{0:02d}:0{2}Z",
    "duration": "PT{1}H",
    "email": "someone{0}@example.com",
    "uri": "https://example.com/{0}",
    "uuid": "0000{0:04d}-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.{0}",
    "ipv6": "2001:db8::{0}",
    "byte": "c3RhbmQtaW4=",
    "base64url": "c3RhbmQtaW4=",
    "binary": "stand-in",
}


def value_for(schema: Mapping[str, Any], seed: str) -> Any:
    """Make a value that fits a JSON schema.

    Parameters
    ----------
    schema : mapping
        ``$ref`` and ``$defs``, enums, unions, bounds, formats and patterns are followed.
    seed : str
        Another seed gives another value where the schema leaves a choice.
    """
    return _Maker(schema, Random(seed)).value(schema, 0)  # noqa: S311 - nothing here is a secret


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value fits a JSON schema; True for a schema that cannot be read."""
    jsonschema = load("jsonschema")
    try:
        return bool(jsonschema.Draft202012Validator(schema).is_valid(value))
    except Exception:  # noqa: BLE001 - the schema is the task's; its errors are of many libraries
        return True


class _Maker:
    def __init__(self, root: Mapping[str, Any], random: Random) -> None:
        self._root = root
        self._random = random

    def value(self, schema: Any, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                rest = {key: item for key, item in schema.items() if key != union}
                return self.value(_merged(rest, self._chosen(schema[union], depth)), depth)
        kind = self._kind(schema, depth)
        make = getattr(self, f"_{kind}", None)
        return make(schema, depth) if make else None

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """Return a schema without references and ``allOf``."""
        if not isinstance(schema, Mapping):
            return {}  # True: anything
        found = dict(schema)
        for _ in range(20):  # a reference may lead to another one, and in a circle
            if isinstance(reference := found.pop("$ref", None), str):
                found = _merged(self._target(reference), found)
            elif isinstance(parts := found.pop("allOf", None), list):
                for part in parts:
                    found = _merged(found, self._resolved(part))
            else:
                break
        return found

    def _target(self, reference: str) -> Mapping[str, Any]:
        place: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            place = place.get(name, {}) if isinstance(place, Mapping) and name else place
        return place if isinstance(place, Mapping) else {}

    def _chosen(self, options: list[Any], depth: int) -> dict[str, Any]:
        resolved = [self._resolved(option) for option in options]
        nothing = [option for option in resolved if option.get("type") == "null"]
        if depth >= _DEEP and nothing:
            return nothing[0]
        some = [option for option in resolved if option not in nothing] or resolved
        # Of different kinds the first, as the author thought of it: the others may be what a parser also takes.
        alike = len({str(option.get("type")) for option in some}) == 1 and depth < _DEEP
        return self._random.choice(some) if alike else some[0]

    def _kind(self, schema: Mapping[str, Any], depth: int) -> str:
        kinds = schema.get("type")
        if isinstance(kinds, list):
            some = [kind for kind in kinds if kind != "null"]
            kinds = some[0] if some and depth < _DEEP else "null"
        if isinstance(kinds, str):
            return kinds.lower()  # Gemini's way of writing them is in capitals
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else "string"

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        needed = schema.get("required") or []
        names = [name for name in properties if depth < _DEEP or name in needed]
        made = {name: self.value(properties[name], depth + 1) for name in names}
        more = schema.get("additionalProperties", True)
        wanted = max(schema.get("minProperties", 0), 1 if isinstance(more, Mapping) and depth < _DEEP else 0)
        # Any dictionary may have such keys: its schema says nothing of their type.
        for name in (*needed, *map(str, range(1, 11))):
            if name not in made and (name in needed or (more is not False and len(made) < wanted)):
                made[name] = self.value(more if isinstance(more, Mapping) else {}, depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        made = [self.value(item, depth + 1) for item in schema.get("prefixItems") or []]
        items = schema.get("items", True)
        least = schema.get("minItems", 0)
        wanted = max(least, len(made)) if items is False or depth >= _DEEP else max(least, len(made) or 2)
        wanted = min(wanted, schema.get("maxItems", wanted))
        for _ in range(20 * wanted):
            if len(made) >= wanted:
                break
            item = self.value(items, depth + 1)
            if not schema.get("uniqueItems") or item not in made:
                made.append(item)
        return made[: schema.get("maxItems", len(made))]

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        if pattern := schema.get("pattern"):
            return _matching(pattern, self._random)
        if form := _FORMATS.get(schema.get("format", "")):
            return form.format(self._random.randrange(10, 30), *self._random.sample(range(1, 9), 3))
        text = " ".join(self._random.sample(_WORDS, 2))
        while len(text) < schema.get("minLength", 0):
            text += " " + self._random.choice(_WORDS)
        return text[: schema.get("maxLength", len(text))]

    def _integer(self, schema: Mapping[str, Any], _depth: int) -> int:
        low, high = _bounds(schema, 1)
        step = max(int(schema.get("multipleOf", 1)), 1)
        least = math.ceil(low / step)
        return step * self._random.randint(least, max(math.floor(high / step), least))

    def _number(self, schema: Mapping[str, Any], _depth: int) -> float:
        low, high = _bounds(schema, 0)
        step = schema.get("multipleOf")
        for _ in range(20):  # an end of the range may be excluded
            drawn = self._random.uniform(low, high)
            value = step * round(drawn / step) if step else round(drawn, 2)
            if fits(value, {**schema, "type": "number"}):
                return float(value)
        return (low + high) / 2

    def _boolean(self, _schema: Mapping[str, Any], _depth: int) -> bool:
        return self._random.random() < 0.5


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {**one, **other}
    for name in ("properties", "$defs"):
        if name in one and name in other:
            both[name] = {**one[name], **other[name]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both


def _bounds(schema: Mapping[str, Any], margin: int) -> tuple[float, float]:
    """Return the least and the most, `margin` away from a bound that is excluded."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if (above := schema.get("exclusiveMinimum")) is not None and above is not True:
        low = above + margin
    if (below := schema.get("exclusiveMaximum")) is not None and below is not True:
        high = below - margin
    if low is None:
        low = 1 if high is None else next((n for n in (1, 0, high - 8) if n < high), high)
    return low, max(high if high is not None else low + 8, low)


def _matching(pattern: str, random: Random) -> str:
    """Make a text that matches a regular expression, as well as can be."""
    try:
        parsed = importlib.import_module("re._parser").parse(pattern)  # what `re` itself reads patterns with
        for _ in range(20):  # what a pattern looks ahead for comes by chance
            made = "".join(_letters(parsed, random))
            if re.search(pattern, made):
                return made
    except (re.error, KeyError, IndexError, RecursionError):  # its grammar may grow
        pass
    return random.choice(_WORDS)


_CLASSES = {
    "DIGIT": "0123456789",
    "SPACE": " ",
    "WORD": "abcdefgh",
    "NOT_DIGIT": "abc",
    "NOT_SPACE": "abc",
    "NOT_WORD": "-",
}


def _letters(parsed: Any, random: Random) -> list[str]:
    made: list[str] = []
    for operation, given in parsed:
        name = str(operation)
        if name == "LITERAL":
            made.append(chr(given))
        elif name in ("ANY", "NOT_LITERAL"):
            made.append(next(c for c in "abc" if name == "ANY" or ord(c) != given))
        elif name == "IN":
            made.append(_one_of(given, random))
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, what = given
            for _ in range(random.randint(least, min(int(most), least + 2))):
                made += _letters(what, random)
        elif name == "SUBPATTERN":
            made += _letters(given[-1], random)
        elif name == "BRANCH":
            made += _letters(random.choice(given[1]), random)
    return made


def _one_of(items: Any, random: Random) -> str:
    letters = ""
    for operation, given in items:
        name = str(operation)
        if name == "LITERAL":
            letters += chr(given)
        elif name == "RANGE":
            letters += "".join(map(chr, range(given[0], min(given[1], given[0] + 60) + 1)))
        elif name == "CATEGORY":
            letters += _CLASSES[str(given).removeprefix("CATEGORY_")]
        elif name == "NEGATE":
            excluded = {_one_of([item], random) for item in items[1:]}
            return next((c for c in "abcxyz019-" if c not in excluded), "_")
    return random.choice(letters)
