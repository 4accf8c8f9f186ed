"""Values that read themselves: a field is named on the wire as here in camel case, unless `wire` says how.

A new value of the API is a frozen dataclass on `Wire`; what is read follows from each field's type. Reading
never fails on a missing, null or unknown field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Self, get_args, get_origin, get_type_hints

from kbench_jupyter.api.values import parse

__all__ = ["Wire", "given", "wire"]

Reader = Callable[[Any], Any]


def wire(*paths: str, default: Any = MISSING, read: Reader | None = None, shown: bool = True) -> Any:
    """Return a field of a `Wire`.

    Parameters
    ----------
    paths : str
        Where it stands on the wire (``"version.slug"``): the first place that holds something counts. A
        field without any is not read.
    read : callable, optional
        Reads it, in place of what its type says.
    shown : bool
        Whether ``repr`` may show it.
    """
    metadata = {"paths": [path.split(".") for path in paths], "read": read}
    return field(default=default, metadata=metadata, repr=shown)


def given(**body: Any) -> dict[str, Any]:
    """Return a request's body: as both official sides do, without the fields that hold nothing."""
    return {name: value for name, value in body.items() if value}


@dataclass(frozen=True)
class Wire:
    """A frozen dataclass that reads itself from a JSON object."""

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Read the object as the server sent it; anything else is read as an empty one."""
        kind: Any = cls
        data = parse.mapping(data)
        return cls(**{name: read(data) for name, read in _plan(kind)})


def _at(paths: list[list[str]], read: Reader) -> Reader:
    """Return what reads the first of the places in an object that holds something."""
    if len(paths) == len(paths[0]) == 1:
        [[name]] = paths
        return lambda data: read(data.get(name))

    def first(data: Any) -> Any:
        value = None
        for path in paths:
            found = data
            for name in path:
                found = parse.mapping(found).get(name)
            value = read(found)
            if value:
                break
        return value

    return first


@cache
def _plan(kind: type[Wire]) -> list[tuple[str, Reader]]:
    """Return each field's name, and what reads it from an object."""
    hints = get_type_hints(kind)
    plan = []
    for one in fields(kind):
        first, *others = one.name.split("_")
        paths = one.metadata.get("paths", [[first + "".join(map(str.capitalize, others))]])
        if paths:
            plan.append((one.name, _at(paths, one.metadata.get("read") or _reader(hints[one.name]))))
    return plan


_READERS: Mapping[Any, Reader] = {
    str: parse.text,
    str | None: lambda value: parse.text(value) or None,
    int: lambda value: parse.integer(value) or 0,
    int | None: parse.integer,
    float: lambda value: parse.number(value) or 0.0,
    float | None: parse.number,
    bool: parse.boolean,
    bool | None: parse.optional_boolean,
    datetime | None: parse.when,
    tuple[str, ...]: parse.texts,
}


def _reader(hint: Any) -> Reader:
    if hint in _READERS:
        return _READERS[hint]
    if get_origin(hint) is not tuple:
        read: Reader = hint.from_wire
        return read
    kind = get_args(hint)[0]
    if issubclass(kind, Wire):
        return lambda value: tuple(kind.from_wire(item) for item in parse.items(value))
    return lambda value: tuple(kind.from_wire(item) for item in value) if isinstance(value, list) else ()
