"""Differences: between two series of values, of the same samples or not, and whether they are more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from kbench_jupyter.results.statistics.intervals import REACH, Interval, rate, standard_error, t_quantile
from kbench_jupyter.results.statistics.libraries import scipy_special, scipy_stats


@dataclass(frozen=True, slots=True)
class Difference(Interval):
    """How far one series lies above another (mean of the one minus mean of the other), and how sure that is."""

    p: float | None  #: two-sided p value of no difference; None where there is too little to tell
    method: str  #: what the p value and the interval are of


def paired(one: Sequence[float], other: Sequence[float], *, passes: bool = False) -> Difference:
    """Return how far `one` lies above `other`, value by value.

    Passes (0 or 1) get the exact McNemar test and the interval of Agresti and Min. It keeps its coverage where few
    pairs differ, when Wald's has no width. Everything else gets the paired t test and its interval.

    Where samples repeat, give one value a sample, their mean: then samples are the clusters, and this is robust to
    them.

    Parameters
    ----------
    one, other : sequence of float
        Of the same samples, in the same order; not empty.
    passes : bool
        Whether each is 0 or 1.

    Returns
    -------
    Difference
        Sources: Q. McNemar, Psychometrika 12:153-157 (1947); A. Agresti and Y. Min, Statistics in Medicine 24:729-740
        (2005): half a pair is added to each of the four kinds.

    Raises
    ------
    KBenchError
        If scipy is not installed.
    """
    gaps = [a - b for a, b in zip(one, other, strict=True)]
    n, value = len(gaps), fmean(gaps)
    if passes:
        better, worse = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        low, high = _agresti_min(better, worse, n)
        return Difference(value, low, high, mcnemar(better, worse), "exact McNemar test")
    if n < 2:
        return Difference(value, None, None, None, "")
    if min(gaps) == max(gaps):  # no spread to measure by: all that is known is that each went the same way
        p = mcnemar(n, 0) if value else 1.0
        return Difference(value, None, None, p, "sign test")
    error = standard_error(gaps)
    half = t_quantile(n - 1) * error
    p = t_tails(value / error, n - 1)
    return Difference(value, value - half, value + half, p, "paired t test")


def unpaired(one: Sequence[float], other: Sequence[float], *, passes: bool = False) -> Difference:
    """Return how far the mean of `one` lies above that of `other`, when they are not of the same samples.

    Passes get Fisher's exact test and Newcombe's interval of two Wilson intervals; everything else Welch's t test.

    Returns
    -------
    Difference
        Sources: R. G. Newcombe, Statistics in Medicine 17:873-890 (1998), method 10; B. L. Welch, Biometrika 34:28-35
        (1947).

    Raises
    ------
    KBenchError
        If scipy is not installed.
    """
    value, n = fmean(one) - fmean(other), min(len(one), len(other))
    if passes:
        a, b = rate(one), rate(other)
        low = value - math.hypot(a.value - (a.low or 0), (b.high or 0) - b.value)
        high = value + math.hypot((a.high or 0) - a.value, b.value - (b.low or 0))
        held, more = round(sum(one)), round(sum(other))
        table = [[held, len(one) - held], [more, len(other) - more]]
        p = float(scipy_stats("Fisher's exact test").fisher_exact(table).pvalue)
        return Difference(value, low, high, p, "Fisher's exact test")
    if n < 2:
        return Difference(value, None, None, None, "")
    left, right = standard_error(one), standard_error(other)
    error = math.hypot(left, right)
    if not error:
        return Difference(value, None, None, None if value else 1.0, "")
    freedom = 1 / ((left / error) ** 4 / (len(one) - 1) + (right / error) ** 4 / (len(other) - 1))
    half = t_quantile(freedom) * error
    p = t_tails(value / error, freedom)
    return Difference(value, value - half, value + half, p, "Welch's t test")


def mcnemar(better: int, worse: int) -> float:
    """Return the exact two-sided p value that as many got better as worse: a binomial test of one half.

    1 where none differ.
    """
    if better + worse == 0:
        return 1.0
    return float(scipy_stats("McNemar's test").binomtest(better, better + worse).pvalue)


def t_tails(t: float, freedom: float) -> float:
    """Return the two-sided p value of a t statistic."""
    return float(2 * scipy_special("A t test").stdtr(freedom, -abs(t)))


def _agresti_min(better: int, worse: int, n: int) -> tuple[float, float]:
    more, less, total = better + 0.5, worse + 0.5, n + 2
    middle = (more - less) / total
    half = REACH * math.sqrt((more + less) - (more - less) ** 2 / total) / total
    return max(-1.0, middle - half), min(1.0, middle + half)
