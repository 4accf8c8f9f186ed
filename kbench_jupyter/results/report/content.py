"""What a report says, whichever form it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kbench_jupyter.display.text import visible
from kbench_jupyter.display.view import View
from kbench_jupyter.results.samples import Column, Filter, GridRow, Sample, SampleIndex

#: Characters of one text that are shown.
LONGEST = 100_000

#: Characters of an input in the grid and in a heading.
_INPUT = 160
#: What a report shows unless it is to show all: rows of the grid, and transcripts.
_ROWS, _TRANSCRIPTS = 2_000, 500
#: Rows and transcripts read at once.
_PAGE = 500


@dataclass(frozen=True)
class Drawing:
    """A chart: its caption, as SVG, and as text."""

    caption: str
    svg: str
    text: str


@dataclass(frozen=True)
class Content:
    """What a report says of a task's runs."""

    task: str
    made: datetime
    #: The comparison: its tables and notes.
    view: View
    drawings: tuple[Drawing, ...]
    index: SampleIndex
    #: Whether it holds every sample's transcript, not only those of the failed ones.
    every: bool
    #: Applied to everything that is written.
    clean: Callable[[str], str]
    #: Called with the number of each transcript, from 1, before it is read.
    on_sample: Callable[[int], None] = lambda _: None

    def rows(self) -> Iterator[GridRow]:
        """Yield rows of the grid, those first in which candidates differ or one failed, if not all are shown."""
        total = self.index.count_keys()
        if self.every or total <= _ROWS:
            yield from self._pages(Filter(), total)
            return
        yield from self._pages(Filter(failed=True), _ROWS)

    def _pages(self, where: Filter, most: int) -> Iterator[GridRow]:
        for offset in range(0, most, _PAGE):
            page = self.index.keys(where, offset=offset, limit=min(_PAGE, most - offset))
            yield from page
            if len(page) < _PAGE:
                return

    def samples(self) -> Iterator[Sample]:
        """Yield the samples whose transcripts are shown."""
        if self.every:
            return self.index.samples()
        return self.index.samples(Filter(failed=True), limit=_TRANSCRIPTS)

    @property
    def left_out(self) -> list[str]:
        """What is not shown, and how to have it shown."""
        said = []
        if not self.every:
            rows = self.index.count_keys()
            if rows > _ROWS:
                shown = min(_ROWS, self.index.count_keys(Filter(failed=True)))
                said.append(f"{shown:,} of {rows:,} samples are listed, those that failed somewhere.")
            failed, every = self.index.count(Filter(failed=True)), self.index.count()
            transcripts = min(failed, _TRANSCRIPTS)
            if transcripts < every:
                of = f"{failed:,} failed ones" if transcripts < failed else "failed ones"
                said.append(
                    f"Transcripts are those of {f'{transcripts:,} of ' if transcripts < failed else ''}{of}."
                )
        return [*said, "A report with all of them: --all"] if said else []


def clipped(text: str) -> str:
    """Return as much of a text as is shown; what a screen would act on in it is spelled out."""
    left = len(text) - LONGEST
    return visible(text[:LONGEST]) + (f"\n[{left:,} more characters]" if left > 0 else "")


def in_a_line(text: str) -> str:
    """Return as much of a text as a grid's cell or a heading shows."""
    text = " ".join(text.split())
    return text if len(text) <= _INPUT else f"{text[: _INPUT - 1]}…"


def column_names(columns: Sequence[Column]) -> list[str]:
    """Name the grid's columns: by candidate, and by version where there are several."""
    several = len({column.version for column in columns}) > 1
    return [
        f"{one.candidate} v{one.version}" if several and one.version else one.candidate for one in columns
    ]


def row_name(row: GridRow) -> str:
    """Name a row of the grid: its sub task and number."""
    return row.task if row.row is None else f"{row.task} {row.row}"


def verdict(sample: Sample) -> tuple[str, str]:
    """Return a tone and a word for what a sample came to."""
    tones = {"errored": "error", "passed": "good", "failed": "bad"}
    return tones.get(sample.verdict, "quiet"), sample.verdict


def summary(sample: Sample) -> str:
    """Name a sample: its candidate, version, sub task and row."""
    version = f"version {sample.version}" if sample.version else ""
    row = "" if sample.row is None else f"row {sample.row}"
    return ", ".join(filter(None, [sample.candidate, version, sample.task, row, f"run {sample.run_id}"]))
