"""Pairs: each candidate and version beside a baseline, with what differs and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from kbench_jupyter.actions.results.sides import named_side
from kbench_jupyter.actions.results.wording import (
    amounts,
    difference,
    interval,
    label,
    name_of,
    p_value,
)
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count
from kbench_jupyter.results.measured import Measured
from kbench_jupyter.results.pairing import Pair
from kbench_jupyter.results.statistics import has_scipy, holm
from kbench_jupyter.results.statistics.libraries import INSTALL


@dataclass(frozen=True)
class Pairs(Shown):
    """Each candidate and version beside a baseline."""

    task: str
    baseline: str  #: a candidate, or a version such as ``"v1"``; "" where none was named
    sides: tuple[Measured, ...] = ()  #: all there are, the baseline's included
    pairs: tuple[Pair, ...] = ()

    @classmethod
    def of(cls, task: str, sides: Sequence[Measured], baseline: str = "", footer: str = "") -> Pairs:
        """Return each side beside the baseline; without one, every two candidates of a version.

        Raises
        ------
        UsageError
            If there is no such candidate or version.
        """
        found = _beside(task, sides, baseline) if baseline else _every_two(sides)
        return cls(task, baseline, tuple(sides), tuple(found), footer=footer)

    @property
    def p_values(self) -> list[float | None]:
        """The p value of each pair, by Holm's correction for how many there are."""
        return holm([pair.difference.p if pair.difference else None for pair in self.pairs])

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know when reading it."""
        notes = []
        if self.pairs and not has_scipy():
            notes.append(f"No interval and no p value: they need scipy. {INSTALL}")
        if len(self.pairs) > 1 and has_scipy():
            notes.append(f"The p values are corrected for {count(len(self.pairs), 'comparison')} (Holm).")
        apart = [pair for pair in self.pairs if not pair.is_paired]
        notes += [
            f"{name_of(p.other)} and {name_of(p.base)} share no sample: compared without pairs."
            for p in apart
        ]
        return tuple(notes)

    def table(self) -> Table:
        """Return a row for each candidate and version: what it came to, and how far it is from the baseline."""
        what = self.sides[0].measure if self.sides else "passed"
        beside = {id(pair.other): (pair, p) for pair, p in zip(self.pairs, self.p_values, strict=True)}
        rows: list[Sequence[Value]] = []
        for side, value in zip(self.sides, amounts(self.sides), strict=True):
            ends = interval(side)
            pair, p = beside.get(id(side), (None, None))
            shown = f"{value} ({ends})" if ends else value
            errored = Cell("errored", "bad") if not value and side.errored else shown
            rows.append(
                [
                    side.name,
                    str(side.version or ""),
                    f"{side.samples:,}",
                    str(side.errored or ""),
                    errored,
                    _difference(pair, p) if pair else "",
                    p_value(p),
                ]
            )
        columns = [
            "candidate",
            "version>",
            "samples>",
            "errored>",
            label(what),
            f"beside {self.baseline}",
            "p>",
        ]
        return Table(columns, rows, drop_empty=True)

    def view(self) -> View:
        """Describe each pair."""
        return View(
            f"{self.task}: beside {self.baseline}", [self.table()], notes=self.remarks, footer=self.footer
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one record a pair, values as in `samples.value` and shares from 0 to 1."""
        return [_record(self.task, pair, p) for pair, p in zip(self.pairs, self.p_values, strict=True)]


def _difference(pair: Pair, p: float | None) -> Value:
    text = difference(pair)
    better = Pair(pair.other, pair.base).is_worse(p)
    return Cell(text, "bad" if pair.is_worse(p) else "good" if better else "")


def _record(task: str, pair: Pair, p: float | None) -> dict[str, Any]:
    found = pair.difference
    base, other = pair.base.estimate, pair.other.estimate
    return {
        "task": task,
        "before": pair.base.name,
        "before_version": pair.base.version,
        "after": pair.other.name,
        "after_version": pair.other.version,
        "measure": pair.base.measure,
        "value_before": base.value if base else None,
        "value_after": other.value if other else None,
        "difference": pair.value,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "p": found.p if found else None,
        "p_corrected": p,
        "method": found.method if found else None,
        "pairs": len(pair.keys),
        "better": len(pair.better),
        "worse": len(pair.worse),
        "same": pair.same,
        "errored_before": pair.base.errored,
        "errored_after": pair.other.errored,
        "samples_needed": pair.needed,
        "for_a_difference_of": pair.step,
    }


def _every_two(sides: Sequence[Measured]) -> list[Pair]:
    return [Pair(a, b) for a, b in combinations(sides, 2) if a.version == b.version]


def _beside(task: str, sides: Sequence[Measured], baseline: str) -> list[Pair]:
    """Return each side beside the baseline: of a candidate within each version, of a version for each candidate.

    Parameters
    ----------
    baseline : str
        A candidate (or model, where candidates are put together), or a version such as ``"v1"``.

    Raises
    ------
    UsageError
        If there is no such candidate or version.
    """
    names = list(dict.fromkeys(side.name for side in sides))
    versions = sorted({side.version for side in sides if side.version}, reverse=True)
    base = named_side(task, baseline, names, versions)
    there = {(side.version, side.name): side for side in sides}
    pairs = []
    for side in sides:
        at = (base, side.name) if isinstance(base, int) else (side.version, base)
        found = there.get(at)
        if found is not None and found is not side:
            pairs.append(Pair(found, side))
    return pairs
