"""Places of what ran, in the notebook that it came from: which cell, and which of its lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from kbench_jupyter.notebook.ipython_syntax import TooMuchSyntaxError, transformed
from kbench_jupyter.notebook.leave_out import foreign_body, keep_prose
from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource, place_in_words

# Where IPython (8.18 and later) says that a frame is in a cell, or in one under `%%time`, which it does not name; and
# the lines it quotes from it.
_FRAME = re.compile(r"Cell In ?\[(\d+)\], line (\d+)|File <timed exec>:(\d+)(, in \w+\()?")
_QUOTED = re.compile(r"(-+> +| +)(\d+)(?= |$)")
# What stands between an exception that led to another one, and that one.
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception)", re.M
)


@dataclass(frozen=True)
class Place:
    """A line of the user's notebook."""

    cell: CellRef
    line: int | None = None  #: in its cell, from 1
    file_line: int | None = None  #: in the user's file, from 1, where the source is a file with lines

    def __str__(self) -> str:
        return place_in_words(self.cell, self.line, self.file_line)


class Places:
    """Finds places of a notebook that was executed in the source that it was made of.

    Parameters
    ----------
    cells : sequence of notebook cells
        As they were executed. Those that are empty have none in `source`.
    before : bool
        Whether the first of `cells` is none of `source` either.
    """

    def __init__(self, source: TaskSource, cells: Sequence[Any], *, before: bool = False) -> None:
        self._source = source
        self._executed = cells
        left = iter(source.cells)
        self._cells = [
            next(left, None) if keep_prose(cell.source).text and not (before and index == 0) else None
            for index, cell in enumerate(cells)
        ]

    def cell(self, index: int) -> SourceCell | None:
        """Return the source's cell that an executed one is; None for an empty one."""
        return self._cells[index] if 0 <= index < len(self._cells) else None

    def place(self, index: int, line: int | None = None) -> Place | None:
        """Return where a line of an executed cell stands; None for a cell that is not of the source."""
        cell = self.cell(index)
        if cell is None:
            return None
        own = None if line is None else _own_line(cell, line)
        return Place(cell.ref, own, self._source.file_line(cell.ref, own))

    def last_statement(self, index: int) -> Place | None:
        """Return where the last statement of an executed cell begins, whose value is shown."""
        try:
            line = ast.parse(self._executed[index].source).body[-1].lineno
        except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
            return self.place(index)  # IPython's own syntax: the cell is all that is known
        return self.place(index, line)

    def frames(self, traceback: str) -> list[Place]:
        """Return the places that a kernel's traceback goes through, the one that raised last."""
        *_, section = _CHAINED.split(traceback)
        found: list[tuple[int | None, int]] = []
        magic = False  # whether the frame before is of a cell's own magic: it says no more than that cell
        for frame in _FRAME.finditer(section):
            index, line = self._executed_line(frame, found[-1][0] if found else None)
            if magic and not frame[1] and index == found[-1][0]:
                found.pop()
            found.append((index, line))
            magic = bool(frame[1])
        places = [self.place(index, line) for index, line in found if index is not None]
        return [place for place in places if place is not None]

    def named(self, traceback: str) -> str:
        """Return a kernel's traceback with the notebook's cells and lines instead of prompts and executed lines."""
        lines: list[str] = []
        quoted: SourceCell | None = None
        index, ran = None, 0
        for line in traceback.splitlines():
            frame = _FRAME.search(line)
            if frame is not None:
                index, ran = self._executed_line(frame, index)
                quoted = None if index is None else self.cell(index)
            elif not line.strip():
                quoted = None
            if quoted is None:
                lines.append(line)
            elif frame is not None:
                place = f"Cell {quoted.ref.number}, line {_own_line(quoted, ran)}"
                lines.append(line[: frame.start()] + place + line[frame.end() :])
            elif number := _QUOTED.match(line):
                own = str(_own_line(quoted, int(number[2]))).rjust(len(number[2]))
                lines.append(number[1] + own + line[number.end() :])
            else:
                lines.append(line)
        return "\n".join(lines)

    def _executed_line(self, frame: re.Match[str], before: int | None) -> tuple[int | None, int]:
        """Return the executed cell and line that a frame is in; `before` is the cell of the frame before it."""
        if frame[1]:
            return self._prompts.get(int(frame[1])), int(frame[2])
        # Which cell a function was timed in is known where there is only one such.
        index = self._timed[0] if len(self._timed) == 1 else None if frame[4] else before
        if index not in self._timed:
            return None, 0
        _, *body = self._executed[index].source.lstrip().split("\n")
        blank = next((n for n, line in enumerate(body) if line.strip()), 0)
        return index, 1 + blank + int(frame[3])

    @cached_property
    def _timed(self) -> list[int]:
        return [n for n, cell in enumerate(self._executed) if cell.source.lstrip().startswith("%%time")]

    @cached_property
    def _prompts(self) -> dict[int, int]:
        """Which executed cell has which prompt number."""
        numbered = ((cell.get("execution_count"), index) for index, cell in enumerate(self._executed))
        return {number: index for number, index in numbered if number is not None}


def _own_line(cell: SourceCell, line: int) -> int:
    """Return the number in the notebook's cell of a line that ran: some may have been left out, or joined."""
    rows = _rows(cell.text)
    row = rows[line - 1] if rows and 0 < line <= len(rows) else line - 1
    return cell.lines[row] if 0 <= row < len(cell.lines) else line


@lru_cache(maxsize=256)
def _rows(text: str) -> list[int]:
    """Return on which row of a cell each line that ran began, [] where they are the same.

    IPython makes one line of a magic that is continued over several.
    """
    if "\\\n" not in text or foreign_body(text):
        return []
    try:
        return transformed(text.split("\n"))[2]
    except TooMuchSyntaxError:
        return []
