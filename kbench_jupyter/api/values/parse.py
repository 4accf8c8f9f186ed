"""Tolerant readers for JSON off the wire.

Servers leave out fields at their default, add fields nobody asked for, send ``null`` where a list was
promised and 64-bit integers as strings (proto3 JSON). A listing must survive all of that, so every
reader here answers with a default instead of raising.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["boolean", "integer", "items", "mapping", "number", "optional_boolean", "text", "texts", "when"]

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d+))?\s*(Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """Return the JSON objects in a list, leaving out anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return `value` as text, empty for null and for lists or objects."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def texts(value: Any) -> tuple[str, ...]:
    """Return the strings of a list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def integer(value: Any) -> int | None:
    """Return an integer, also from a string or an integral float; None when it is neither."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return None
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def number(value: Any) -> float | None:
    """Return a float, also from a string (``"NaN"`` included); None when it is not a number."""
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def boolean(value: Any) -> bool:
    """Return whether `value` is true; anything that is not a boolean is False."""
    return value is True


def optional_boolean(value: Any) -> bool | None:
    """Return a boolean, or None when the server said nothing."""
    return value if isinstance(value, bool) else None


def when(value: Any) -> datetime | None:
    """Return an aware UTC time from ISO text, None when it is none.

    It may have any number of fraction digits, and ``Z``, an offset, or neither (then it is UTC).
    """
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    iso = f"{day}T{clock or '00:00:00'}"
    if fraction:
        iso += "." + fraction[:6].ljust(6, "0")
    try:
        parsed = datetime.fromisoformat(iso + (zone if zone and zone.upper() != "Z" else "+00:00"))
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
