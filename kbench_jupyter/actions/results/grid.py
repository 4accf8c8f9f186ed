"""The grid of a comparison's samples, as a door asks for it: pages of rows, and transcripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from kbench_jupyter.actions.cards import cell_of
from kbench_jupyter.actions.results import Results
from kbench_jupyter.actions.run_errors import RunErrors, errors_of_runs
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.notebook.source import place_in_words
from kbench_jupyter.results.comparison import Row
from kbench_jupyter.results.runfiles import Assertion
from kbench_jupyter.results.samples import Column, Filter, GridRow, Sample, Transcript
from kbench_jupyter.results.samples.extract import listed, values_of
from kbench_jupyter.session.session import Session

#: Rows looked at to tell whether a column has scores.
_LOOKED_AT = 50


class SampleGrid:
    """The samples of a comparison: a row a key, a column a task version and candidate.

    Parameters
    ----------
    session : Session
        What knows which notebook was pushed.
    """

    def __init__(self, session: Session, found: Results) -> None:
        self._session, self._found = session, found
        self._index = found.index

    @cached_property
    def columns(self) -> list[Column]:
        """Newest version first, then by candidate."""
        return self._index.columns()

    @cached_property
    def failures(self) -> dict[str, list[int]]:
        """The expectations of assertions that failed, with how many samples of each column, most first."""
        return self._index.failures()

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """How many samples each column has, and how many of them errored."""
        return self._index.sizes()

    @cached_property
    def has_successions(self) -> bool:
        """Whether a candidate has samples of several versions, so that some may have got worse."""
        return bool(self._index.successions())

    def count(self, where: Mapping[str, Any]) -> int:
        """Return how many rows there are for which a filter holds."""
        return self._index.count_keys(_filter(where))

    def rows(self, where: Mapping[str, Any], order: str, first: int, limit: int) -> list[GridRow]:
        """Return rows in order.

        Parameters
        ----------
        where : mapping
            Fields of `Filter` by name, and ``"version"``: a version as text, ``"None"`` for those without.
        order : str
            ``"key"``, ``"input"`` or ``"column:N"``, with ``-`` before it for the largest first; "" for the rows' own.
        first, limit : int
            How many to pass over, and how many at the most.
        """
        by, column = self._order(order)
        return self._index.keys(_filter(where), by, first, limit, column=column)

    def index_of(self, key: str, where: Mapping[str, Any], order: str) -> int | None:
        """Return the number of a key's row in that order, from 0; None where the filter leaves it out."""
        by, column = self._order(order)
        return self._index.row_number(key, _filter(where), by, column=column)

    def row(self, key: str) -> GridRow | None:
        """Return all that there is of a key; None where there is none."""
        return self._index.row(key)

    def column_of(self, sample: Sample) -> int:
        """Return the number of a sample's column."""
        return self.columns.index(Column(sample.version, sample.candidate))

    def transcript(self, ident: str) -> Transcript:
        """Return what was said in a sample or a subrun, or what a whole run of samples came to.

        Raises
        ------
        KeyError
            If there is no such sample.
        ValueError
            If its run file changed or went.
        """
        with suppress(KeyError):
            return self._index.transcript(ident)
        for row in self._found.rows:
            if ident == run_ident(row):
                return _whole_run(row, ident)
        raise KeyError(ident)

    def place(self, made: Assertion, version: int | None) -> dict[str, Any] | None:
        """Say where an assertion stands: in words and, where its notebook is known, the cell and the line there."""
        if made.line is None:
            return None
        source = self._explained.source_of(version)
        found = None if source is None else cell_of(made, source)
        if source is None or found is None:
            return {"words": f"line {made.line}"}
        cell, line = found
        words = place_in_words(cell.ref, line, source.file_line(cell.ref, line))
        return {"words": words, "cell": cell.ref.index, "id": cell.ref.id, "line": line}

    @cached_property
    def _explained(self) -> RunErrors:
        """What knows the notebook that was pushed; it is asked for once, when an assertion is to be found in it."""
        with suppress(KBenchError):
            target = self._session.target()
            if (known := errors_of_runs(self._session, target, self._found.task, errored=True)) is not None:
                return known()
        return self._found.explained

    def _order(self, order: str) -> tuple[str, Column | None]:
        down, name = "-" * order.startswith("-"), order.removeprefix("-")
        if not name.startswith("column:"):
            return {"key": f"{down}row", "input": f"{down}input"}.get(name, ""), None
        column = self.columns[int(name.removeprefix("column:"))]
        first = self._index.keys(Filter(), "", 0, _LOOKED_AT)
        scored = any(cell.score is not None for row in first if (cell := row.cells.get(column)))
        return f"{down}{'score' if scored else 'passed'}", column


def run_ident(row: Row) -> str:
    """Return the id of a whole run, as those of its samples begin."""
    return "/".join([*row.folder.parts[-3:], ""])


def _filter(where: Mapping[str, Any]) -> Filter:
    version = str(where.get("version") or "")
    versions: Sequence[int | None] = () if not version else (int(version) if version.isdecimal() else None,)
    return Filter(
        failed=bool(where.get("failed")),
        errored=bool(where.get("errored")),
        differing=bool(where.get("differing")),
        worse=bool(where.get("worse")),
        text=str(where.get("text") or ""),
        assertion=str(where.get("assertion") or ""),
        versions=tuple(versions),
    )


def _whole_run(row: Row, ident: str) -> Transcript:
    """Return what is known of a run that its samples do not say: its result, assertions of its own, its error."""
    run = row.result
    sample = Sample(
        id=ident,
        key="",
        version=row.version,
        candidate=row.candidate,
        model=row.model,
        run_id=row.run_id,
        row=None,
        retries=0,
        **values_of(listed(run, "", "")),
    )
    return Transcript(sample, (), run.assertions, run.error_message, ())
