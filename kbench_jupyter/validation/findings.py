"""Findings: what a rule has to say about a task source."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kbench_jupyter.notebook.source import CellRef, place_in_words


class Severity(StrEnum):
    """How bad a finding is: an error stops a push, a warning never does."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """What a rule says about one place of a task source."""

    code: str  #: the rule's, for example ``"KB101"``
    severity: Severity
    message: str  #: what is wrong, in one sentence
    hint: str = ""  #: what to write instead
    cell: CellRef | None = None  #: None when it concerns the notebook as a whole
    line: int | None = None  #: in that cell, from 1
    text: str = ""  #: the line itself
    #: Its line in the file it stands in, from 1, where the source is a file with lines.
    file_line: int | None = None

    @property
    def where(self) -> str:
        """The place in words: ``"cell 3, line 2"``, ``"line 12 (cell 3)"`` of a file, or ``"the notebook"``."""
        if self.cell is None:
            return "the notebook"
        return place_in_words(self.cell, self.line, self.file_line)
