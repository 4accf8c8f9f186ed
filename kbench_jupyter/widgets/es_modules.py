"""Joins ES modules into the one script that anywidget takes.

The browser's side of a widget is written as modules with imports, as editors and linters know them, while a
kernel sends one text. Nothing is bundled ahead, so neither users nor an install from a clone need node.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def joined(entry: Path, **given: object) -> str:
    """Return a module and all it imports as one module, what is needed first coming first.

    All top-level names share one scope then, so each may stand in one module only and keeps its name when
    it is imported. The default export of `entry` is the widget; constants that are `given` are defined for all.
    """
    parts = [f"const {name} = {json.dumps(value)};\n" for name, value in given.items()]
    taken: set[Path] = set()

    def take(path: Path) -> None:
        if path in taken:
            return
        taken.add(path)
        text = path.read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            take((path.parent / imported).resolve())
        parts.append(_EXPORT.sub("", _IMPORT.sub("", text)))

    take(entry.resolve())
    return "\n".join(parts)


def styles(*sheets: Path) -> str:
    """Return style sheets as one."""
    return "".join(
        sheet.read_text(encoding="utf-8") for sheet in (Path(__file__).parent / "widget.css", *sheets)
    )
