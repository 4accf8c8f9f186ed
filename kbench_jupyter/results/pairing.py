"""Pairing: two sides that evaluated the same samples, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from kbench_jupyter.results.measured import LESS_IS_BETTER, SHARES, Measured
from kbench_jupyter.results.statistics import (
    Difference,
    detectable,
    has_scipy,
    mcnemar,
    paired,
    pairs_needed,
    samples_needed,
    unpaired,
)

#: Below this p value a difference is taken for more than chance.
SIGNIFICANT = 0.05
#: What a difference is said to need so many samples for: two points of a share, else 2 % of the baseline's mean.
POINTS = 0.02


@dataclass(frozen=True)
class Pair:
    """One side beside the baseline it is compared with, by the baseline's measure."""

    base: Measured
    other: Measured

    @cached_property
    def keys(self) -> list[str]:
        """Samples that both sides have a value of, in the baseline's order."""
        return [key for key in self.base.values if key in self.other.values]

    @cached_property
    def gaps(self) -> dict[str, float]:
        """By key, how far the other side lies above the baseline."""
        base, other = self.base.means, self.other.means
        return {key: other[key] - base[key] for key in self.keys}

    @property
    def is_paired(self) -> bool:
        """Whether both sides evaluated samples that can be told to be the same."""
        return bool(self.keys)

    @property
    def less_is_better(self) -> bool:
        """Whether less of the measure is better."""
        return self.base.measure in LESS_IS_BETTER

    @property
    def better(self) -> list[str]:
        """Samples that got better."""
        return [key for key, gap in self.gaps.items() if gap and (gap < 0) == self.less_is_better]

    @property
    def worse(self) -> list[str]:
        """Samples that got worse, the worst first."""
        found = [key for key, gap in self.gaps.items() if gap and (gap > 0) == self.less_is_better]
        return sorted(found, key=lambda key: -abs(self.gaps[key]))

    @property
    def same(self) -> int:
        """How many samples stayed."""
        return sum(not gap for gap in self.gaps.values())

    @property
    def errored(self) -> tuple[int, int]:
        """How many samples have no value on a side because they errored there: of the baseline, and of the other."""
        return _without(self.base, self.other), _without(self.other, self.base)

    @cached_property
    def failures(self) -> Failures | None:
        """Samples that errored on one side alone; None where neither errored, or scipy is missing."""
        if not (self.base.errors or self.other.errors) or not has_scipy():
            return None
        base, other = _failed(self.base), _failed(self.other)
        both = [key for key in base if key in other]
        if not both:
            found = unpaired(list(other.values()), list(base.values()), passes=True)
            return Failures(list(self.other.errors), len(self.base.errors), found.p)
        new = [key for key in both if other[key] > base[key]]
        gone = sum(other[key] < base[key] for key in both)
        return Failures(new, gone, mcnemar(gone, len(new)))

    @property
    def alone(self) -> tuple[int, int]:
        """How many samples only one side was asked: the baseline, and the other."""
        base = self.base.values.keys() | self.base.errors.keys()
        other = self.other.values.keys() | self.other.errors.keys()
        return len(base - other), len(other - base)

    @cached_property
    def difference(self) -> Difference | None:
        """How far the other side lies above the baseline; None where a side has no value, or scipy is missing."""
        found = self._difference()
        return found.within(-1, 1) if found and self.base.measure in SHARES else found

    def _difference(self) -> Difference | None:
        passes = self.base.measure == "passed"
        if not self.base.values or not self.other.values or not has_scipy():
            return None
        if not self.is_paired:
            apart = [[fmean(v) for v in side.values.values()] for side in (self.other, self.base)]
            return unpaired(*apart, passes=passes and _whole(*apart))
        base, other = self.base.means, self.other.means
        sides = [other[key] for key in self.keys], [base[key] for key in self.keys]
        return paired(*sides, passes=passes and _whole(*sides))

    @property
    def value(self) -> float | None:
        """The difference of the means, which needs no library; None where a side has no value."""
        if self.keys:
            return fmean(self.gaps.values())
        base, other = self.base.estimate, self.other.estimate
        return None if base is None or other is None else other.value - base.value

    @property
    def step(self) -> float | None:
        """The difference that `needed` is about: two points of a share, else 2 % of the baseline's mean."""
        if self.is_share:
            return POINTS
        base = self.base.estimate
        return abs(base.value) * POINTS or None if base else None

    @property
    def is_share(self) -> bool:
        """Whether all values lie between 0 and 1, so that points are hundredths."""
        if self.base.measure in SHARES:
            return True
        every = [one for side in (self.base, self.other) for v in side.values.values() for one in v]
        return self.base.measure == "score" and bool(every) and min(every) >= 0 and max(every) <= 1

    @property
    def needed(self) -> int | None:
        """About how many samples tell `step` apart; None where the samples at hand do not show how much they vary."""
        if self.step is None:
            return None
        if self.is_paired:
            gaps = list(self.gaps.values())
            return pairs_needed(self.step, stdev(gaps)) if len(gaps) > 1 else None
        sides = [list(side.means.values()) for side in (self.base, self.other)]
        if min(map(len, sides)) < 2:
            return None
        return samples_needed(self.step, *(stdev(side) for side in sides))

    @property
    def seen(self) -> float | None:
        """The smallest difference that so many samples would mostly show; None where that is not known."""
        gaps = list(self.gaps.values())
        return detectable(stdev(gaps), len(gaps)) if len(gaps) > 1 else None

    def is_worse(self, p: float | None) -> bool:
        """Say whether the other side is worse by more than chance, by a p value that may have been corrected."""
        value = self.value
        if p is None or not value:
            return False
        return p < SIGNIFICANT and (value > 0) == self.less_is_better


@dataclass(frozen=True)
class Failures:
    """Samples that came to a value on one side and errored on the other."""

    new: list[str]  #: that errored on the other side alone
    gone: int  #: how many errored on the baseline's side alone
    p: float | None  #: that this is chance


def _failed(side: Measured) -> dict[str, float]:
    """By key, 1 where a sample errored each time, else 0."""
    return {key: float(key not in side.values) for key in (*side.values, *side.errors)}


def _without(side: Measured, other: Measured) -> int:
    asked = other.values.keys() | other.errors.keys()
    return sum(key in asked for key in side.errors if key not in side.values)


def _whole(*sides: Sequence[float]) -> bool:
    """Say whether each value is 0 or 1, as a sample's is that was not repeated, or always came to the same."""
    return all(one in (0, 1) for side in sides for one in side)
