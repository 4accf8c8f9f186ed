"""What a comparison lists besides its runs: candidates, and samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from textwrap import shorten
from typing import Any

from kbench_jupyter.actions.results.tables import comparison
from kbench_jupyter.display.numbers import score_number, score_texts
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count, dataframe, forms
from kbench_jupyter.results.comparison import Group
from kbench_jupyter.results.measured import Measured
from kbench_jupyter.results.samples import EVERY, Filter, Sample, SampleIndex

#: Samples that are shown; all of them are in the data frame.
_SHOWN = 20
#: Characters of a text in the table.
_WIDE = 30
_COLUMNS = ("candidate", "version>", "sub task", "row>", "passed", "score>", "input", "answer or error")


class Groups(list[Group]):
    """The runs of each task version on each candidate, newest version first; shows itself as a table.

    Parameters
    ----------
    passes, sides : sequence of Measured
        What the samples of each group came to: whether they passed, and by the measure that is compared.
    """

    def __init__(
        self, groups: Iterable[Group], passes: Sequence[Measured], sides: Sequence[Measured]
    ) -> None:
        super().__init__(groups)
        self.passes, self.sides = tuple(passes), tuple(sides)

    def records(self) -> list[dict[str, Any]]:
        """Return one record a version and candidate, with plain values (cost in USD, times in seconds)."""
        return [_group_record(*one) for one in zip(self, self.passes, self.sides, strict=True)]

    def to_dataframe(self) -> Any:
        """Return :meth:`records` as a ``pandas.DataFrame``.

        Raises
        ------
        KBenchError
            If pandas is not installed.
        """
        return dataframe(self.records())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return forms(View(count(len(self), "group"), [comparison(self, self.passes, self.sides)]))


@dataclass(frozen=True)
class Samples(Shown):
    """The samples of a task's runs, read as they are asked for: a hundred thousand are not held in memory."""

    task: str
    index: SampleIndex
    filter: Filter = EVERY
    order: str = ""

    def where(self, **given: Any) -> Samples:
        """Return those samples only for which all that is given holds.

        Parameters
        ----------
        **given
            As `Filter` takes them: ``failed``, ``errored``, ``differing`` and ``worse`` (bool), ``text`` and
            ``assertion`` (str), ``candidates`` and ``versions`` (sequences). What was given before and is not given
            again holds on.
        """
        changes: dict[str, Any] = dict(given)
        changes |= {name: tuple(given[name]) for name in ("candidates", "versions") if name in given}
        return replace(self, filter=replace(self.filter, **changes))

    def sorted(self, order: str) -> Samples:
        """Return them in another order: by ``score``, ``cost``, ``latency``, ...; ``-cost`` is the largest first.

        Raises
        ------
        UsageError
            When they are read, if there is no such order.
        """
        return replace(self, order=order)

    def __len__(self) -> int:
        return self.index.count(self.filter)

    def __bool__(self) -> bool:
        return True  # as any value that shows itself: one without samples is there, too

    def __iter__(self) -> Iterator[Sample]:
        return self.index.samples(self.filter, self.order)

    def view(self) -> View:
        """Describe the first samples."""
        first = list(self.index.samples(self.filter, self.order, limit=_SHOWN))
        scores = score_texts([one.score for one in first])
        several = len({(one.task, one.version) for one in first}) > 1  # else it is said once too often
        rows = [_row(one, score, several) for one, score in zip(first, scores, strict=True)]
        more = len(self) - len(first)
        notes = (
            [f"and {more:,} more: in to_dataframe(), or narrowed by where(failed=True)"] if more > 0 else []
        )
        title = f"{self.task}: {count(len(self), 'sample')}"
        return View(title, [Table(_COLUMNS, rows, drop_empty=True)], notes=notes, footer=self.footer)

    def records(self) -> list[dict[str, Any]]:
        """Return one record a sample, with plain values (cost in USD, times in seconds)."""
        return [record(one) for one in self]

    def to_dataframe(self) -> Any:
        """Return :meth:`records` as a ``pandas.DataFrame``, made column by column, for less memory.

        Raises
        ------
        KBenchError
            If pandas is not installed.
        """
        columns: dict[str, list[Any]] = {name: [] for name in _FIELDS}
        adders = [column.append for column in columns.values()]
        for one in self:
            for add, value in zip(adders, _values(one), strict=True):
                add(value)
        return dataframe(columns)


def record(sample: Sample) -> dict[str, Any]:
    """Return a sample as plain values (cost in USD, times in seconds)."""
    return dict(zip(_FIELDS, _values(sample), strict=True))


_FIELDS = [one.name for one in fields(Sample)]


def _values(sample: Sample) -> Iterator[Any]:
    for name in _FIELDS:
        value = getattr(sample, name)
        yield score_number(value) if name == "score" else "; ".join(value) if name == "failed" else value


def _row(sample: Sample, score: str, several: bool) -> list[Value]:
    verdict: dict[bool | None, Value] = {True: Cell("yes", "good"), False: Cell("no", "bad")}
    said = sample.error if sample.errored else sample.answer
    return [
        sample.candidate,
        str(sample.version or "") if several else "",
        sample.task if several else "",
        "" if sample.row is None else str(sample.row),
        Cell("errored", "bad") if sample.errored else verdict.get(sample.passed),
        score,
        shorten(sample.input, _WIDE, placeholder="…"),
        shorten(said, _WIDE, placeholder="…"),
    ]


def _group_record(group: Group, passes: Measured, side: Measured) -> dict[str, Any]:
    held, checks = group.assertions
    rate, measured = passes.estimate, side.estimate
    return {
        "version": group.version,
        "model": group.model,
        "candidate": group.candidate,
        "runs": len(group.rows),
        "samples": passes.samples,
        "errored": passes.errored,
        "passed": round(rate.value * rate.n) if rate else 0,
        "pass_rate": rate.value if rate else None,
        "pass_low": rate.low if rate else None,
        "pass_high": rate.high if rate else None,
        "measure": side.measure,
        "value": measured.value if measured else None,
        "low": measured.low if measured else None,
        "high": measured.high if measured else None,
        "score": score_number(group.score),
        "score_interval": group.score_interval,
        "assertions_passed": held,
        "assertions": checks,
        "input_tokens": group.usage.input_tokens,
        "output_tokens": group.usage.output_tokens,
        "cost": group.usage.cost,
        "latency": group.latency,
    }
