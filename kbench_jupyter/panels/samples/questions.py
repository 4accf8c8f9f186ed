"""What the browser asks of samples, and its answers: pages of the grid, transcripts, and the rest of long texts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from kbench_jupyter.actions.results.grid import SampleGrid
from kbench_jupyter.panels.samples.differences import pairs
from kbench_jupyter.panels.samples.shapes import found_in, row_shape, sample_name, transcript_shape

#: Rows that are answered at most, and characters of the rest of a text: an answer stays well below 256 KiB, since
#: what the kernel prints waits behind it.
_ROWS, _REST = 200, 180_000
#: Assertions that are told of, those that failed most.
_MENU = 200
#: Transcripts that are kept, for the rest of their texts is asked for next.
_KEPT = 6


class SampleQuestions:
    """Answers what the browser asks about the samples of one comparison; in one thread only."""

    def __init__(self, grid: SampleGrid) -> None:
        self._grid = grid
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def about(self) -> dict[str, Any]:
        """Return what stays as it is: columns, how many rows there are, and the assertions that failed."""
        sizes = self._grid.sizes
        failures = self._grid.failures
        return {
            "columns": [[column.version, column.candidate] for column in self._grid.columns],
            "total": self._grid.count({}),
            "several": len({row.task for row in self._grid.rows({}, "", 0, _ROWS)}) > 1,
            "versions": self._grid.has_successions,
            "expectations": [[text, sum(counts)] for text, counts in failures.items()][:_MENU],
            "failures": [[text, counts] for text, counts in failures.items()][:_MENU],
            "sizes": [list(size) for size in sizes],
        }

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question of the browser's: ``what`` is page, sample, rest or locate."""
        asked = {"page": self.page, "sample": self.sample, "rest": self.rest, "locate": self.locate}
        return asked[str(message.get("what"))](message)

    def page(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with rows of the grid from ``first`` on, and how many there are in all."""
        where, order = dict(message.get("where") or {}), str(message.get("order") or "")
        first, limit = max(0, int(message.get("first") or 0)), min(_ROWS, int(message.get("limit") or _ROWS))
        columns = self._grid.columns
        rows = self._grid.rows(where, order, first, limit)
        return {
            "first": first,
            "total": self._grid.count(where),
            "rows": [row_shape(row, columns) for row in rows],
        }

    def sample(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with the transcript at a place of the grid, or of an id; of two, with their pairs of messages.

        ``at`` is a list of one or two of ``{"key": ..., "column": n}`` or ``{"id": ...}``.
        """
        wanted = [self._ident(one) for one in list(message.get("at") or [])[:2]]
        if not wanted or None in wanted:
            return {"missing": True}
        try:
            shapes = [self._shape(str(ident)) for ident in wanted]
        except KeyError:
            return {"missing": True}
        return {"shapes": shapes, "pairs": pairs(*shapes) if len(shapes) > 1 else None}

    def _ident(self, at: Mapping[str, Any]) -> str | None:
        if "id" in at:
            return str(at["id"])
        row = self._grid.row(str(at.get("key")))
        cell = row and row.cells.get(self._grid.columns[int(at.get("column", 0))])
        return cell.ids[0] if cell else None

    def _shape(self, ident: str) -> dict[str, Any]:
        transcript = self._transcript(ident)
        sample = transcript.sample
        row = self._grid.row(sample.key)
        beside = (
            [] if row is None else [(column, one) for column, cell in row.cells.items() for one in cell.ids]
        )
        if ident not in [one for _, one in beside]:  # a subrun, or a whole run: nothing stands beside it
            beside = []
        return transcript_shape(transcript, lambda made: self._grid.place(made, sample.version)) | {
            "column": self._grid.column_of(sample),
            "others": [
                [one, self._grid.columns.index(column), sample_name(column), one.split("/")[2]]
                for column, one in beside
            ],
        }

    def _transcript(self, ident: str) -> Any:
        if ident not in self._kept:
            self._kept[ident] = self._grid.transcript(ident)
        self._kept.move_to_end(ident)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[ident]

    def rest(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with more of a text, or of the bytes of an image, from ``from`` on."""
        at: Sequence[Any] = list(message.get("at") or [])
        first = max(0, int(message.get("from") or 0))
        try:
            text = found_in(self._transcript(str(message.get("id"))), at)
        except (KeyError, IndexError, ValueError):
            return {"text": "", "next": None}
        last = first + _REST
        return {"text": text[first:last], "next": last if last < len(text) else None}

    def locate(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with the number of a key's row in the order that is shown; None where it is filtered out."""
        where, order = dict(message.get("where") or {}), str(message.get("order") or "")
        return {"index": self._grid.index_of(str(message.get("key")), where, order)}
