"""Compare: two candidates, or two versions of a task, sample by sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from kbench_jupyter.actions.compare.tables import facts, listed
from kbench_jupyter.actions.remembered import downloads_folder
from kbench_jupyter.actions.results.sides import pairs_of
from kbench_jupyter.actions.results.wording import measure_note, name_of, said
from kbench_jupyter.display.view import Part, Shown, Text, View, count
from kbench_jupyter.results.measured import default_measure, measured, points
from kbench_jupyter.results.pairing import Pair
from kbench_jupyter.results.samples import Sample
from kbench_jupyter.results.samples.measures import Measure
from kbench_jupyter.results.statistics import has_scipy, holm
from kbench_jupyter.results.statistics.libraries import INSTALL
from kbench_jupyter.session.session import Session

__all__ = ["Comparison", "compare", "compare_samples"]


@dataclass(frozen=True)
class Compared:
    """Two sides beside each other: the baseline, and what is compared with it."""

    pair: Pair
    p: float | None  #: corrected for how many comparisons there are; None where it is not known
    #: Samples by key, the newest run's first; of each side.
    before: Mapping[str, Sequence[Sample]] = field(repr=False)
    after: Mapping[str, Sequence[Sample]] = field(repr=False)

    @property
    def names(self) -> tuple[str, str]:
        """How the two sides are told apart."""
        base, other = self.pair.base, self.pair.other
        if base.name == other.name:
            return f"v{base.version}", f"v{other.version}"
        return base.name, other.name

    @property
    def other_inputs(self) -> list[str]:
        """Keys of samples that were asked something else on the two sides."""
        return [key for key in self.pair.keys if self.before[key][0].input != self.after[key][0].input]


@dataclass(frozen=True)
class Comparison(Shown):
    """Two candidates beside each other; or two versions, for each candidate that ran on both."""

    task: str
    sides: tuple[Compared, ...]
    measure: Measure
    #: Whether the measure was asked for.
    chosen: bool = False
    #: Keys of rows that are told by what was asked, or else by the order in which they began.
    unsure: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def worse(self) -> list[str]:
        """Keys of the samples that got worse, the worst first; with several candidates, of each in turn."""
        return [key for side in self.sides for key in side.pair.worse]

    @property
    def better(self) -> list[str]:
        """Keys of the samples that got better."""
        return [key for side in self.sides for key in side.pair.better]

    def view(self) -> View:
        """Describe what changed, and show the samples it changed for."""
        parts: list[Part] = [Text(measure_note(self.measure, chosen=self.chosen), "quiet")]
        for side in self.sides:
            if len(self.sides) > 1:
                parts.append(Text(side.pair.base.name))
            inputs = len(side.other_inputs)
            parts.append(facts(side.pair, side.p, side.names, inputs, len(self.sides)))
            parts += listed(side.pair, side.before, side.after, side.names)
        return View(self._title(), parts, notes=self.remarks, footer=self.footer)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know when reading it."""
        lacking = "" if has_scipy() else f"No interval and no p value: they need scipy. {INSTALL}"
        return tuple(filter(None, [lacking, self._guessed, *self.notes]))

    @property
    def _guessed(self) -> str:
        """Say that samples are paired by their order, where nothing tells which rows they are."""
        guessed = len({key for side in self.sides for key in side.other_inputs} & self.unsure)
        if not guessed:
            return ""
        return (
            f"Of {count(guessed, 'sample')} something else was asked, and no file names the row: pairs go by the order "
            "in which samples began, which several jobs may mix up. To be sure: store_run=True for the sub task, or "
            "n_jobs=1."
        )

    def _title(self) -> str:
        first = self.sides[0]
        one, other = first.names
        if len(self.sides) > 1:
            return f"{self.task}: {other} beside {one}, {count(len(self.sides), 'candidate')}"
        base = first.pair.base
        where = f" of {base.name}" if one != base.name else f" on v{base.version}" if base.version else ""
        return f"{self.task}: {other} beside {one}{where}"

    def records(self) -> list[dict[str, Any]]:
        """Return one record a sample and candidate, those that got worse first; values as in `samples.value`."""
        return [record for side in self.sides for record in _records(self.task, side)]


def _records(task: str, side: Compared) -> list[dict[str, Any]]:
    pair, rows = side.pair, []
    worse, better = pair.worse, pair.better
    changes = {**dict.fromkeys(worse, "worse"), **dict.fromkeys(better, "better")}
    everywhere = dict.fromkeys([*worse, *better, *side.before, *side.after])
    other_inputs = set(side.other_inputs)
    for key in everywhere:
        one, other = (list(samples.get(key, ())) for samples in (side.before, side.after))
        shown = (one or other)[0]
        values = [fmean(s.values[key]) if key in s.values else None for s in (pair.base, pair.other)]
        rows.append(
            {
                "task": task,
                "before": name_of(pair.base),
                "after": name_of(pair.other),
                "sample": shown.key or shown.id,
                "row": shown.row,
                "change": changes.get(key) or _unchanged(one, other, values),
                "measure": pair.base.measure,
                "value_before": values[0],
                "value_after": values[1],
                "input": shown.input,
                "other_input": key in other_inputs,
                "answer_before": said(one[0]) if one else None,
                "answer_after": said(other[0]) if other else None,
                "id_before": one[0].id if one else None,
                "id_after": other[0].id if other else None,
            }
        )
    return rows


def _unchanged(one: Sequence[Sample], other: Sequence[Sample], values: Sequence[float | None]) -> str:
    if not one or not other:
        return "only before" if one else "only after"
    if None not in values:
        return "same"
    return "errored" if any(s.errored for s in (*one, *other)) else "no value"


def compare(
    session: Session,
    slug: str,
    one: str,
    other: str,
    *,
    measure: Measure | None = None,
    models: Sequence[str] = (),
    output: Path | None = None,
) -> Comparison:
    """Compare two candidates, or two versions, of a task sample by sample, fetching what is not downloaded yet.

    Parameters
    ----------
    one, other : str
        Two candidates, on the newest version both ran on; or two versions such as ``"v1"`` and ``"v2"``. The first is
        what the second got better or worse than.
    measure : str, optional
        What is compared; by default `default_measure`.
    models : sequence of str
        Only these models or other candidates; all where empty.
    output : Path, optional
        The folder downloads lie in; by default the one this task was last compared in, or this one.

    Raises
    ------
    UsageError
        If a side is none that there is.
    NotFoundError, DownloadError
        As `results` does.
    """
    from kbench_jupyter.actions.results import results

    found = results(session, slug, models=models, output=downloads_folder(session, slug, output))
    samples = list(found.index.samples())
    return compare_samples(
        slug,
        one,
        other,
        samples,
        measure=measure,
        unsure=found.index.unsure(),
        notes=found.notes,
        footer=found.footer,
    )


def compare_samples(
    task: str,
    one: str,
    other: str,
    samples: Collection[Sample],
    *,
    measure: Measure | None = None,
    unsure: frozenset[str] = frozenset(),
    notes: tuple[str, ...] = (),
    footer: str = "",
) -> Comparison:
    """Compare two sides of samples that were read already; see `compare`."""
    ran = dict.fromkeys((sample.version, sample.candidate) for sample in samples)
    wanted = pairs_of(task, one, other, ran)
    every = points(samples)
    what = measure or default_measure(every)
    sides = {(side.version, side.name): side for side in measured(every, what)}
    by_side = _by_side(samples)
    pairs = [Pair(sides[base], sides[after]) for base, after in wanted]
    corrected = holm([pair.difference.p if pair.difference else None for pair in pairs])
    compared = tuple(
        Compared(pair, p, by_side[base], by_side[after])
        for pair, p, (base, after) in zip(pairs, corrected, wanted, strict=True)
    )
    return Comparison(task, compared, what, measure is not None, unsure, notes, footer=footer)


def _by_side(samples: Iterable[Sample]) -> dict[tuple[int | None, str], dict[str, list[Sample]]]:
    sides: dict[tuple[int | None, str], dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        sides[sample.version, sample.candidate][sample.key or sample.id].append(sample)
    for keys in sides.values():
        for repeats in keys.values():
            repeats.sort(key=lambda sample: (sample.errored, -sample.run_id))
    return {side: dict(keys) for side, keys in sides.items()}
