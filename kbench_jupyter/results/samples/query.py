"""What is asked of the index, and the values that come back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from kbench_jupyter.results.downloads import StoredRun
from kbench_jupyter.results.samples.conditions import conditions, ordering, worse
from kbench_jupyter.results.samples.extract import LISTED, values_of
from kbench_jupyter.results.samples.grid import Column, GridCell, GridRow
from kbench_jupyter.results.samples.sample import Filter, Sample
from kbench_jupyter.results.samples.store import Store

_PAGE = 500  # samples read at a time; SQLite takes 999 values before version 3.32
_KEPT = 12  # orders that are remembered, so that the next page comes at once
_READ = f"s.number, s.folder, s.top, s.place, s.key, s.row, s.retries, {', '.join('s.' + name for name in LISTED)}"


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a sample lies."""

    file: str  #: below the task's folder
    #: Byte at which the subrun begins that it is or lies in; None where all of the file is meant.
    start: int | None
    length: int | None
    steps: tuple[int, ...]  #: from there down, the subruns to go through


T = TypeVar("T")
#: The runs asked about: number of the folder, its path below the task's, the download, the model's canonical slug.
Runs = Sequence[tuple[int, str, StoredRun, str]]


class Query:
    """Questions about the samples of some runs."""

    def __init__(self, store: Store, runs: Runs) -> None:
        ordered = sorted(runs, key=lambda run: (-(run[2].version or 0), run[2].candidate, run[2].run_id))
        self._columns = list(dict.fromkeys(_column(run) for _, _, run, _ in ordered))
        self._runs = {folder: run for folder, _, run, _ in ordered}
        self._models = {folder: model for folder, _, _, model in ordered}
        self._paths = {folder: path for folder, path, _, _ in ordered}
        self._store = store
        self._known: dict[Any, Any] = {}

    def columns(self) -> list[Column]:
        """Return the grid's columns in order."""
        return list(self._columns)

    def successions(self) -> list[tuple[Column, Column]]:
        """Return, for each candidate of several versions, the column before the newest one, and that."""
        by_name: dict[str, list[Column]] = defaultdict(list)
        for column in self._columns:  # the newest version first
            by_name[column.candidate].append(column)
        return [(several[1], several[0]) for several in by_name.values() if len(several) > 1]

    def numbers(self, where: Filter, order: str) -> list[int]:
        """Return the numbers of samples in order."""

        def ask() -> list[int]:
            by = ordering(order, "{}") if order else ""
            natural = "c.place, s.task, s.row IS NULL, s.row, s.rank, s.number"
            sql, values = self._where(where)
            return [
                number
                for (number,) in self._store.ask(
                    f"{self._with(where)} SELECT s.number {sql} ORDER BY {by}{natural}",
                    values,
                )
            ]

        return self._once(("samples", where, order), ask)

    def samples(self, where: Filter, order: str, limit: int | None) -> Iterator[Sample]:
        """Yield samples in order."""
        numbers = self.numbers(where, order)[:limit]
        return (one for page in _pages(numbers) for one in self._read(page))

    def keys(self, where: Filter, order: str, column: Column | None) -> list[str]:
        """Return the keys of the grid's rows in order."""

        def ask() -> list[str]:
            within = (
                "{}" if column is None else f"CASE WHEN c.col = {self._columns.index(column)} THEN {{}} END"
            )
            by = ordering(order, f"avg({within})", f"min({within})") if order else ""
            natural = "min(s.task), min(s.row) IS NULL, min(s.row), min(s.rank), s.key"
            sql, values = self._where(where)
            every, _ = self._where(_columns_only(where))
            narrowed = f"AND s.key IN (SELECT s.key {sql})" if where != _columns_only(where) else ""
            return [
                key
                for (key,) in self._store.ask(
                    f"{self._with(where)} SELECT s.key {every} {narrowed} GROUP BY s.key ORDER BY {by}{natural}",
                    values,
                )
            ]

        return self._once(("keys", where, order, column), ask)

    def grid(
        self, where: Filter, order: str, offset: int, limit: int | None, column: Column | None
    ) -> list[GridRow]:
        """Return rows of the grid in order, with their cells."""
        keys = self.keys(where, order, column)[offset:][:limit]
        return [row for page in _pages(keys) for row in self._grid_rows(where, page)]

    def unsure(self) -> frozenset[str]:
        """Return the keys of rows that no file of their own tells."""
        sql, values = self._where(Filter())
        asked = f"{self._with(Filter())} SELECT DISTINCT s.key {sql} AND s.evaluated AND NOT s.certain"
        return frozenset(key for (key,) in self._store.ask(asked, values))

    def row(self, key: str) -> GridRow | None:
        """Return all that there is of a key."""
        return next(self._grid_rows(Filter(), [key]), None)

    def failures(self) -> dict[str, list[int]]:
        """Return the expectations that failed, most often first, with a count a column."""
        counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(self._columns))
        sql, values = self._where(Filter())
        for column, failed, samples in self._store.ask(
            f"{self._with(Filter())} SELECT c.col, s.failed, count(*) {sql} AND s.failed <> ''"
            " GROUP BY c.col, s.failed",
            values,
        ):
            for expectation in dict.fromkeys(json.loads(failed)):
                counts[expectation][column] += samples
        return dict(sorted(counts.items(), key=lambda item: -sum(item[1])))

    def sizes(self) -> list[tuple[int, int]]:
        """Return for each column how many samples it has, and how many of them errored."""
        sql, values = self._where(Filter())
        found = self._store.ask(
            f"{self._with(Filter())} SELECT c.col, count(*), sum(s.state = 'ERRORED') {sql} GROUP BY c.col",
            values,
        )
        sizes = {column: (samples, errored) for column, samples, errored in found}
        return [sizes.get(column, (0, 0)) for column in range(len(self._columns))]

    def place(self, sample_id: str) -> tuple[Stored, Sample]:
        """Return where a sample, or a subrun nested in one, lies, and the sample that it is or is nested in."""
        path, _, place = sample_id.rpartition("/")
        folder = next((folder for folder, known in self._paths.items() if known == path), None)
        steps = place.split(".") if place else []
        if folder is None or not all(step.isdecimal() and step.isascii() for step in steps):
            raise KeyError(sample_id)
        for known in range(len(steps), -1, -1):
            for top in dict.fromkeys(["", *steps[:1]]) if known else [""]:
                inner = steps[1:known] if top else steps[:known]
                found = self._store.ask(
                    f"SELECT {_READ}, s.file, s.start, s.length FROM samples s"  # noqa: S608
                    " WHERE s.folder = ? AND s.top = ? AND s.place = ?",
                    (folder, top, ".".join(inner)),
                )
                if found:
                    *listed, file, start, length = found[0]
                    below = tuple(map(int, steps[known:]))
                    walked = tuple(map(int, inner[1:] if start is not None else inner))
                    stored = Stored(f"{path}/{file}", start, length, (*walked, *below))
                    return stored, self._sample(listed)
        raise KeyError(sample_id)

    def _grid_rows(self, where: Filter, keys: Sequence[str]) -> Iterator[GridRow]:
        folders = set(self._folders(where))
        marks = ", ".join("?" * len(keys))
        found: dict[str, list[Sample]] = defaultdict(list)
        for one in self._store.ask(f"SELECT {_READ} FROM samples s WHERE s.key IN ({marks})", keys):  # noqa: S608
            if one[1] in folders:
                sample = self._sample(one)
                found[sample.key].append(sample)
        for key in keys:
            if found[key]:
                yield _grid_row(key, found[key], self._columns)

    def _read(self, numbers: Sequence[int]) -> Iterator[Sample]:
        marks = ", ".join("?" * len(numbers))
        found = self._store.ask(f"SELECT {_READ} FROM samples s WHERE s.number IN ({marks})", numbers)  # noqa: S608
        by_number = {one[0]: one for one in found}
        return (self._sample(by_number[number]) for number in numbers if number in by_number)

    def _sample(self, read: Sequence[Any]) -> Sample:
        _, folder, top, place, key, row, retries, *listed = read
        run = self._runs[folder]
        return Sample(
            id=f"{self._paths[folder]}/{'.'.join(filter(None, (top, place)))}",
            key=key,
            version=run.version,
            candidate=run.candidate,
            model=self._models[folder],
            run_id=run.run_id,
            row=row,
            retries=retries,
            **values_of(listed),
        )

    def _folders(self, where: Filter) -> list[int]:
        return [
            folder
            for folder, run in self._runs.items()
            if (not where.candidates or run.candidate in where.candidates)
            and (not where.versions or run.version in where.versions)
        ]

    def _with(self, where: Filter) -> str:
        """Return the runs that are asked about as a table: numbers only, so that nothing needs quoting."""
        columns = {column: n for n, column in enumerate(self._columns)}
        listed = [(folder, columns[_column(self._runs[folder])]) for folder in self._folders(where)]
        values = ", ".join(f"({folder}, {place}, {col})" for place, (folder, col) in enumerate(listed))
        return f"WITH chosen (folder, place, col) AS (VALUES {values or '(-1, 0, 0)'})"

    def _where(self, where: Filter) -> tuple[str, list[Any]]:
        held, values = conditions(where)
        if where.worse:
            held.append(f"s.key IN ({self._worse})")
        return f"FROM samples s JOIN chosen c USING (folder) WHERE {' AND '.join(held)}", values

    @cached_property
    def _worse(self) -> str:
        columns = {column: n for n, column in enumerate(self._columns)}
        listed = [(folder, columns[_column(run)]) for folder, run in self._runs.items()]
        return worse(listed, [(columns[old], columns[new]) for old, new in self.successions()])

    def _once(self, asked: Any, ask: Callable[[], T]) -> T:
        found: T | None = self._known.get(asked)
        if found is None:
            found = self._known[asked] = ask()
            for oldest in list(self._known)[:-_KEPT]:  # another thread may have taken it out by now
                self._known.pop(oldest, None)
        return found


def _column(run: StoredRun) -> Column:
    return Column(run.version, run.candidate)


def _pages(every: Sequence[T]) -> Iterator[Sequence[T]]:
    return (every[start : start + _PAGE] for start in range(0, len(every), _PAGE))


def _columns_only(where: Filter) -> Filter:
    return Filter(candidates=where.candidates, versions=where.versions)


def _grid_row(key: str, samples: Sequence[Sample], columns: Sequence[Column]) -> GridRow:
    cells: dict[Column, list[Sample]] = {column: [] for column in columns}
    for one in sorted(samples, key=lambda one: -one.run_id):
        cells[Column(one.version, one.candidate)].append(one)
    newest = next(several[0] for several in cells.values() if several)
    shown = {column: _cell(several) for column, several in cells.items() if several}
    asked = next((one.input for several in cells.values() for one in several if one.input), "")
    outcomes = {
        (
            cell.passed / len(cell.ids),
            cell.errored / len(cell.ids),
            None if cell.score is None else round(cell.score, 12),
        )
        for cell in shown.values()
    }
    return GridRow(key, newest.task, newest.row, asked, len(outcomes) > 1, shown)


def _cell(samples: Sequence[Sample]) -> GridCell:
    scores = [one.score for one in samples if one.score is not None]
    return GridCell(
        ids=tuple(one.id for one in samples),
        passed=sum(one.passed is True for one in samples),
        errored=sum(one.errored for one in samples),
        score=sum(scores) / len(scores) if scores else None,
        failed=samples[0].failed,
    )
