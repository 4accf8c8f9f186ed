"""What an execution tells while it goes, and what it leaves at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nbformat import NotebookNode

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class _OfACell:
    """What happens to a cell; `index` is its position among all cells of the notebook, from 0."""

    index: int


class CellStarted(_OfACell):
    """A cell is about to be executed."""


class CellFinished(_OfACell):
    """A cell ended without raising (or with an exception that its tags allow)."""


@dataclass(frozen=True)
class CellOutput(_OfACell):
    """A piece of text that a cell put out, as it came: not necessarily whole lines."""

    stream: str  #: ``"stdout"`` or ``"stderr"``. A displayed value counts as stdout, with its plain text.
    text: str  #: ANSI codes and carriage returns included.


@dataclass(frozen=True)
class CellFailed(_OfACell):
    """A cell raised, and execution stopped there."""

    ename: str  #: The exception's class name.
    evalue: str  #: The exception's text.
    traceback: str  #: The kernel's, with ANSI codes.
    line: int | None = None  #: The deepest line *of that cell* (from 1) in the traceback, when it names one.
    displaying: bool = False  #: Whether every statement had run, and showing the cell's value failed.

    @property
    def plain_traceback(self) -> str:
        """The traceback without ANSI codes."""
        return _ANSI.sub("", self.traceback)

    @property
    def summary(self) -> str:
        """One line: ``"ValueError: no such thing (cell 3, line 2)"``."""
        where = f"cell {self.index + 1}" + (f", line {self.line}" if self.line else "")
        first = self.evalue.strip().splitlines()[0] if self.evalue.strip() else ""
        return f"{self.ename}: {first} ({where})" if first else f"{self.ename} ({where})"


Event: TypeAlias = CellStarted | CellOutput | CellFailed | CellFinished


@dataclass(frozen=True)
class Outcome:
    """How an execution ended."""

    notebook: NotebookNode  #: A copy of the notebook with the outputs of the cells that ran.
    #: The cell that stopped it. After a time-out or an interrupt it says where the kernel stood.
    error: CellFailed | None = None
    #: Why else it stopped early.
    timed_out: bool = False
    interrupted: bool = False
    kernel_died: bool = False
    seconds: float = 0.0  #: How long it took, kernel start and shutdown included.

    @property
    def ok(self) -> bool:
        """Whether every cell ran to its end."""
        return not (self.error or self.timed_out or self.interrupted or self.kernel_died)


def failed_line(traceback: str, execution_count: int | None) -> int | None:
    """Find the deepest line of the failing cell, from 1, in a kernel's traceback with ANSI codes.

    IPython (8.18 and later) writes the cell's prompt number into each frame: ``Cell In[7], line 3``.
    """
    if execution_count is None:
        return None
    frames = re.findall(rf"Cell In ?\[{execution_count}\], line (\d+)", _ANSI.sub("", traceback))
    return int(frames[-1]) if frames else None
