"""Small files of JSON in the state folder: what survives the kernel and may be lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def read(folder: Path, name: str) -> dict[str, Any]:
    """Return what a file holds, nothing where it is missing or damaged."""
    try:
        known = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write(folder: Path, name: str, known: Mapping[str, Any]) -> None:
    """Put a file in the place of the one before, whole or not at all; where it cannot be written nothing is done."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}.new"
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        temporary.replace(folder / name)
