"""Changes: what the notebook's cells hold now, beside what was pushed from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import SourceCell, TaskSource

#: Lines of a difference that are kept: what is longer is read in the notebook.
_LINES = 400


@dataclass(frozen=True)
class Changes:
    """The cells that differ."""

    cells: int
    #: The difference as a unified diff, each cell under a line that names it: as in the notebook now, from 1.
    lines: tuple[str, ...]


def changes_between(pushed: TaskSource | None, now: TaskSource) -> Changes | None:
    """Compare two task sources cell by cell; None where what was pushed is not known any more, or is the same."""
    if pushed is None:
        return None
    before, after = pushed.cells, now.cells
    matcher = SequenceMatcher(
        None, [_key(cell) for cell in before], [_key(cell) for cell in after], autojunk=False
    )
    cells, lines = 0, list[str]()
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            cells += max(i2 - i1, j2 - j1)
            lines += _difference(before[i1:i2], after[j1:j2])
    left = len(lines) - _LINES
    if left > 0:
        lines = [*lines[:_LINES], f"... and {left:,} more lines"]
    return Changes(cells, tuple(lines)) if cells else None


def _key(cell: SourceCell) -> tuple[str, str]:
    return cell.kind, cell.text


def _difference(before: Sequence[SourceCell], after: Sequence[SourceCell]) -> Iterator[str]:
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else None
        new = after[index] if index < len(after) else None
        if new is not None:
            yield f"cell {new.ref.number}" + ("" if old else ", new")
        elif old is not None:
            yield f"cell {old.ref.number} before, deleted"
        was, now = (cell.text.splitlines() if cell else [] for cell in (old, new))
        for line in unified_diff(was, now, n=1, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield line
