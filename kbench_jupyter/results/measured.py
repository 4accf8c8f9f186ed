"""Measured: what samples came to by one measure, a task version and candidate at a time.

An errored sample has no value: it is counted beside those that have one, and is in no mean. Samples of different
candidates are put together only by model, when that is asked for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

from kbench_jupyter.results.comparison import By, has_value
from kbench_jupyter.results.samples import MEASURES, Sample, value
from kbench_jupyter.results.samples.measures import Measure
from kbench_jupyter.results.statistics import (
    Estimate,
    has_scipy,
    mean,
    pass_at_k,
    pass_hat_k,
    rate,
    within_spread,
)

#: Measures of which less is better.
LESS_IS_BETTER = ("cost", "latency", "tokens")
#: Measures that lie between 0 and 1.
SHARES = ("passed", "checks")


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers of one sample."""

    #: Pairs it with the same sample elsewhere; the sample's own id where it has no such key.
    key: str
    version: int | None
    candidate: str
    model: str
    errored: bool
    values: tuple[float | None, ...]  #: by each of `MEASURES`
    interval: float | None  #: half-width of its score's interval, where the task told one


def points(samples: Iterable[Sample]) -> list[Point]:
    """Return the numbers of samples, without their texts."""
    return [
        Point(
            key=sample.key or sample.id,
            version=sample.version,
            candidate=sample.candidate,
            model=sample.model,
            errored=sample.errored,
            values=tuple(_value(sample, measure) for measure in MEASURES),
            interval=sample.interval,
        )
        for sample in samples
    ]


def _value(sample: Sample, measure: Measure) -> float | None:
    if measure == "score" and sample.score is not None and not has_value(sample.score):
        return None if sample.errored else math.inf
    return value(sample, measure)


def default_measure(every: Sequence[Point]) -> Measure:
    """Return what is compared where nothing is asked for.

    ``"score"`` where each version that came to anything has samples with a number as their result, else ``"passed"``.
    """
    score = MEASURES.index("score")
    versions = {point.version for point in every if not point.errored}
    scored = {point.version for point in every if point.values[score] is not None}
    return "score" if versions and versions == scored else "passed"


@dataclass(frozen=True)
class Measured:
    """What the samples of one version and candidate, or model, came to."""

    version: int | None
    name: str  #: the candidate, or the model where its candidates are put together
    measure: Measure
    #: By key, the values of a sample's repeats; without samples that have none.
    values: Mapping[str, Sequence[float]] = field(repr=False)
    #: By key, how often a sample errored.
    errors: Mapping[str, int] = field(repr=False)
    samples: int = 0  #: in all
    infinite: int = 0  #: how many came to a number without a finite value
    #: Half-width of the interval the task told of its only value.
    told: float | None = None

    @property
    def errored(self) -> int:
        """How many of the samples errored."""
        return sum(self.errors.values())

    @property
    def unmeasured(self) -> int:
        """How many samples did not error and have no value all the same."""
        return self.samples - self.errored - self.infinite - sum(map(len, self.values.values()))

    @cached_property
    def estimate(self) -> Estimate | None:
        """The mean with its 95 % interval; None where no sample has a value, or one has none that is finite."""
        every = [one for values in self.values.values() for one in values]
        if not every or self.infinite:
            return None
        if len(every) == 1 and self.told:
            return Estimate(every[0], every[0] - self.told, every[0] + self.told, 1, "told by the task")
        clusters = [key for key, values in self.values.items() for _ in values]
        if self.measure == "passed":
            return rate(every, clusters)
        if not has_scipy():
            return Estimate(fmean(every), None, None, len(every), "")
        found = mean(every, clusters)
        return (
            found if self.measure == "score" else found.within(0, 1 if self.measure in SHARES else math.inf)
        )

    @property
    def lacks_scipy(self) -> bool:
        """Whether an interval is missing only because scipy is."""
        if self.measure == "passed" or len(self.values) < 2 or has_scipy():
            return False
        return len({one for values in self.values.values() for one in values}) > 1

    @property
    def means(self) -> dict[str, float]:
        """By key, the mean of a sample's repeats."""
        return {key: fmean(values) for key, values in self.values.items()}

    @cached_property
    def repeats(self) -> Repeats | None:
        """What repeats of the samples say; None where no sample was repeated."""
        return _repeats(self)


@dataclass(frozen=True)
class Repeats:
    """What several tries of the same samples say."""

    k: int  #: tries that each repeated sample had at least
    samples: int  #: how many were repeated
    spread: float | None  #: standard deviation of tries of one sample
    at: float | None  #: chance that one of k tries passes; None for what is no pass
    every: float | None  #: chance that all of k tries pass


def _repeats(side: Measured) -> Repeats | None:
    often = [values for values in side.values.values() if len(values) > 1]
    if not often:
        return None
    k, spread = min(map(len, often)), within_spread(often)
    if side.measure != "passed":
        return Repeats(k, len(often), spread, None, None)
    counted = [(round(sum(values)), len(values)) for values in often]
    at = fmean(pass_at_k(passed, tries, k) for passed, tries in counted)
    every = fmean(pass_hat_k(passed, tries, k) for passed, tries in counted)
    return Repeats(k, len(often), spread, at, every)


def measured(every: Iterable[Point], measure: Measure, by: By = "candidate") -> list[Measured]:
    """Return what each version and candidate, or model, came to, in the order of their first sample."""
    place = MEASURES.index(measure)
    gathered: dict[tuple[int | None, str], list[Point]] = defaultdict(list)
    for point in every:
        gathered[point.version, point.model if by == "model" else point.candidate].append(point)
    return [_one(version, name, measure, place, some) for (version, name), some in gathered.items()]


def _one(version: int | None, name: str, measure: Measure, place: int, some: Sequence[Point]) -> Measured:
    values: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, int] = defaultdict(int)
    for point in some:
        number = point.values[place]
        if point.errored:
            errors[point.key] += 1
        elif number is not None and math.isfinite(number):
            values[point.key].append(number)
    told = next((point.interval for point in some if point.interval), None) if measure == "score" else None
    infinite = sum(point.values[place] == math.inf for point in some)
    return Measured(version, name, measure, dict(values), dict(errors), len(some), infinite, told)
