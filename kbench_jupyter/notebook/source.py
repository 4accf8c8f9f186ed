"""The task source: a notebook's cells as the percent-format text that is checked, rehearsed and pushed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellRef:
    """Where in the user's notebook something stands."""

    index: int  # position among *all* cells of the notebook, from 0
    id: str | None = None  # the cell's id (nbformat 4.5), if it has one

    @property
    def number(self) -> int:
        """What a person would call it: position among all cells, from 1."""
        return self.index + 1


def place_in_words(ref: CellRef, line: int | None, file_line: int | None) -> str:
    """Return ``"cell 3, line 2"``, or ``"line 12 (cell 3)"`` where the user's file has lines of its own."""
    if file_line:
        return f"line {file_line} (cell {ref.number})"
    return f"cell {ref.number}" + (f", line {line}" if line else "")


@dataclass(frozen=True)
class SourceCell:
    """One cell of a task source."""

    kind: str  # "code", "markdown" or "raw"
    text: str  # after what must not be pushed was left out
    ref: CellRef  # the cell of the notebook it came from
    lines: tuple[int, ...] = ()  # for each line of `text`, its number (from 1) in the original cell


@dataclass(frozen=True)
class LeftOut:
    """Something of the notebook that is not part of the task source, and why."""

    ref: CellRef  # the cell it stood in
    line: int | None  # in that cell (from 1), or None when the whole cell was left out
    text: str  # what was left out (its first line, for a whole cell)
    reason: str  # in a few words


@dataclass(frozen=True)
class TaskSource:
    """What is pushed; each of its cells knows the lines of the notebook's cell that it came from."""

    text: str  # in percent format; the same cells always give the same text
    cells: tuple[SourceCell, ...]  # of `text`, in order
    origin: str  # as a person would name it: a path, or "the %%kbench cell"
    left_out: tuple[LeftOut, ...] = ()
    #: For each line (index 0 is line 1) of the text file that it was read from, if it was, the cell and the line in
    #: that cell, or None for lines of no cell: the file's lines are what the user knows.
    file: tuple[tuple[CellRef, int] | None, ...] = ()

    def file_line(self, ref: CellRef | None, line: int | None) -> int | None:
        """Return the line of the user's file that a cell's line is, None where there is no such file.

        Parameters
        ----------
        line : int or None
            From 1; None is the cell's first.
        """
        if ref is None:
            return None
        return next((n for n, place in enumerate(self.file, 1) if place == (ref, line or 1)), None)
