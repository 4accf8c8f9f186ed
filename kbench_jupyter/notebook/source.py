"""The task source: a notebook's cells as the percent-format text that is checked, rehearsed and pushed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellRef:
    """Where in the user's notebook something stands.

    Parameters
    ----------
    index : int
        Position among *all* cells of the notebook, from 0.
    id : str or None
        The cell's id (nbformat 4.5), if it has one.
    number : int
        What a person would call it: position among all cells, from 1.
    """

    index: int
    id: str | None = None

    @property
    def number(self) -> int:
        """Position among all cells, from 1."""
        return self.index + 1


def place_in_words(ref: CellRef, line: int | None, file_line: int | None) -> str:
    """Return ``"cell 3, line 2"``, or ``"line 12 (cell 3)"`` where the user's file has lines of its own."""
    if file_line:
        return f"line {file_line} (cell {ref.number})"
    return f"cell {ref.number}" + (f", line {line}" if line else "")


@dataclass(frozen=True)
class SourceCell:
    """One cell of a task source.

    Parameters
    ----------
    kind : str
        ``"code"``, ``"markdown"`` or ``"raw"``.
    text : str
        The cell's text after what must not be pushed was left out.
    ref : CellRef
        The cell of the notebook it came from.
    lines : tuple of int
        For each line of `text`, its line number (from 1) in the original cell.
    """

    kind: str
    text: str
    ref: CellRef
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """Something of the notebook that is not part of the task source, and why.

    Parameters
    ----------
    ref : CellRef
        The cell it stood in.
    line : int or None
        Line in that cell (from 1), or None when the whole cell was left out.
    text : str
        The text that was left out (its first line, for a whole cell).
    reason : str
        Why, in a few words.
    """

    ref: CellRef
    line: int | None
    text: str
    reason: str


@dataclass(frozen=True)
class TaskSource:
    """What is pushed, with the way back from each line to the cell it came from.

    Parameters
    ----------
    text : str
        Percent-format text. The same cells always give the same text.
    cells : tuple of SourceCell
        The cells of `text`, in order.
    origin : str
        Where it came from, as a person would name it: a path, or ``"the %%kbench cell"``.
    left_out : tuple of LeftOut
        What was not taken over.
    lines : tuple of (CellRef, int) or None
        For each line of `text` (index 0 is line 1), the cell and the line in that cell, or None for
        lines that percent format itself adds.
    is_file : bool
        Whether `text` is, line by line, a file that the user edits.
    """

    text: str
    cells: tuple[SourceCell, ...]
    origin: str
    left_out: tuple[LeftOut, ...] = ()
    lines: tuple[tuple[CellRef, int] | None, ...] = ()
    is_file: bool = False

    def file_line(self, ref: CellRef | None, line: int | None) -> int | None:
        """Return the line of the user's file that a cell's line is, None where there is no such file.

        Parameters
        ----------
        ref : CellRef or None
        line : int or None
            From 1; None is the cell's first.
        """
        if not self.is_file or ref is None:
            return None
        return next((n for n, place in enumerate(self.lines, 1) if place == (ref, line or 1)), None)
