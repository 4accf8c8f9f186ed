"""Intervals: of a pass rate, and of a mean."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean
from typing import Literal, Self

from kbench_jupyter.results.statistics.libraries import scipy_special, scipy_stats

#: What all intervals shown to a user cover.
CONFIDENCE = 0.95
#: How many standard errors that is to a side, of a normal distribution.
REACH = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

#: Below, a bootstrap has too few values to draw from; above, the mean of values this skewed is near enough to normal,
#: and drawing takes seconds.
_FEWEST, _MOST = 20, 2_000
#: Draws of a bootstrap, and where its random numbers begin: the same values have the same interval every time.
_DRAWS, _SEED = 9_999, 20_260


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and how far from it the truth may lie."""

    value: float
    #: Ends; None where it has no width that could be known: one value, or values that are all equal.
    low: float | None
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def within(self, least: float, most: float) -> Self:
        """Cut it off where the truth cannot be (a cost is not below zero), so that it holds the truth as often."""
        if self.low is None or self.high is None:
            return self
        low, high = max(self.low, min(least, self.value)), min(self.high, max(most, self.value))
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Estimate(Interval):
    """A measured number with its interval."""

    n: int  #: values it is of
    method: str  #: how the interval was made; "" where there is none


def rate(passes: Sequence[float], clusters: Sequence[Hashable] = ()) -> Estimate:
    """Return a pass rate with Wilson's score interval: honest for few values, never outside 0 to 1.

    Where samples repeat, the number of values that count is what independent ones would have to be for the same
    standard error (the effective sample size of a survey, Korn and Graubard 1998).

    Parameters
    ----------
    passes : sequence of float
        0 or 1 each; not empty.
    clusters : sequence of hashable, optional
        Which sample each value is of. Values of one sample are no independent observations.

    Returns
    -------
    Estimate
        Source: E. B. Wilson 1927; R. G. Newcombe, Statistics in Medicine 17:857-872 (1998), method 3.
    """
    n, p = len(passes), fmean(passes)
    counted, method = float(n), "Wilson"
    if _repeats(clusters):
        groups = len(set(clusters))
        error = clustered_error(passes, clusters)
        # Where all samples agree, their error is nothing: then each sample is one observation, however often repeated.
        counted = min(n, p * (1 - p) / error**2) if error else groups
        method = "Wilson, clustered by sample"
    scale = 1 + REACH**2 / counted
    middle = (p + REACH**2 / (2 * counted)) / scale
    half = REACH * math.sqrt(p * (1 - p) / counted + REACH**2 / (4 * counted**2)) / scale
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half), n, method)


def mean(
    values: Sequence[float], clusters: Sequence[Hashable] = (), *, method: Literal["auto", "t"] = "auto"
) -> Estimate:
    """Return a mean with its interval.

    ``"auto"`` takes Student's t, and the bias-corrected and accelerated bootstrap (BCa, Efron 1987) where values are
    too skewed for it by Cochran's rule, n <= 25 G1², with G1 their skewness (Sampling Techniques, 1977, section 2.15),
    and are 20 to 2,000: such an interval is lopsided as the values are, so that that of a cost never reaches below
    zero. Both cover equally often then; of fewer values than 20 the bootstrap covers less often than t.

    Parameters
    ----------
    values : sequence of float
        Finite; not empty.
    clusters : sequence of hashable, optional
        Which sample each value is of. Where samples repeat, the standard error is the cluster-robust one and t has a
        degree of freedom less than there are samples.

    Raises
    ------
    KBenchError
        If scipy is not installed and there is an interval to be had.
    """
    n, middle = len(values), fmean(values)
    groups = len(set(clusters)) if clusters else n
    if groups < 2 or min(values) == max(values):
        return Estimate(middle, None, None, n, "")
    repeats = _repeats(clusters)
    if not repeats and method == "auto" and _too_skewed(values):
        low, high = bootstrap(values)
        return Estimate(middle, low, high, n, "BCa bootstrap")
    error = clustered_error(values, clusters) if repeats else standard_error(values)
    half = t_quantile(groups - 1) * error
    return Estimate(middle, middle - half, middle + half, n, "t, clustered by sample" if repeats else "t")


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of a mean of independent values: s / sqrt(n)."""
    n, middle = len(values), fmean(values)
    # Not the root of a sum of squares: those of a perplexity, or of a likelihood, may be no number any more.
    return math.hypot(*(value - middle for value in values)) / math.sqrt((n - 1) * n)


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the cluster-robust standard error of a mean, with the small-sample factor G / (G - 1) for G clusters.

    Source: E. Miller, Adding Error Bars to Evals (arXiv:2411.00640), equation 4, whose sum over pairs within a cluster
    and variance of each value are together the square of the cluster's sum of deviations. 0 where there is one cluster.
    """
    middle = fmean(values)
    sums: dict[Hashable, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - middle
    groups = len(sums)
    if groups < 2:
        return 0.0
    return math.hypot(*sums.values()) * math.sqrt(groups / (groups - 1)) / len(values)


def t_quantile(freedom: float) -> float:
    """Return how many standard errors an interval of Student's t reaches to a side."""
    special = scipy_special("An interval of a mean")
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the BCa bootstrap interval of a mean, of values that are not all equal."""
    stats = scipy_stats("A bootstrap")
    import numpy as np

    scale = max(map(abs, values))  # it takes their cubes
    found = stats.bootstrap(
        (np.asarray(values, float) / scale,),
        np.mean,
        n_resamples=_DRAWS,
        batch=max(1, 2_000_000 // len(values)),  # at most 16 MB of numbers at a time
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(found.low) * scale, float(found.high) * scale


def _too_skewed(values: Sequence[float]) -> bool:
    """Say whether values, which are not all equal, are too skewed for Student's t."""
    n = len(values)
    if not _FEWEST <= n <= _MOST:
        return False
    middle = fmean(values)
    spread = math.hypot(*(value - middle for value in values))
    # G1 / sqrt(n) is the sum of the cubes of the deviations, over the root of the sum of their squares.
    return 25 * math.fsum(((value - middle) / spread) ** 3 for value in values) ** 2 >= 1


def _repeats(clusters: Sequence[Hashable]) -> bool:
    return bool(clusters) and len(set(clusters)) < len(clusters)
