"""Repeats: what several tries of the same sample say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean


def pass_at_k(passed: int, tries: int, k: int) -> float:
    """Return how likely at least one of `k` tries passes, of a sample that passed so many of so many tries.

    Unbiased, and at most of as many tries as there were. Source: M. Chen et al., Evaluating Large Language Models
    Trained on Code (arXiv:2107.03374), equation 1.

    Raises
    ------
    ValueError
        If `k` is not in 1 to `tries`.
    """
    _check(k, tries)
    return 1 - math.comb(tries - passed, k) / math.comb(tries, k)


def pass_hat_k(passed: int, tries: int, k: int) -> float:
    """Return how likely all of `k` tries pass. Source: S. Yao et al., tau-bench (arXiv:2406.12045), section 5.

    Raises
    ------
    ValueError
        If `k` is not in 1 to `tries`.
    """
    _check(k, tries)
    return math.comb(passed, k) / math.comb(tries, k)


def within_spread(repeats: Sequence[Sequence[float]]) -> float | None:
    """Return the standard deviation of tries of one sample, pooled over samples; None where none was repeated.

    Parameters
    ----------
    repeats : sequence of sequence of float
        The values of each sample's tries.
    """
    often = [values for values in repeats if len(values) > 1]
    if not often:
        return None
    middles = [(values, fmean(values)) for values in often]
    far = math.hypot(*(value - middle for values, middle in middles for value in values))
    return far / math.sqrt(sum(len(values) - 1 for values in often))


def _check(k: int, tries: int) -> None:
    if not 1 <= k <= tries:
        raise ValueError(f"k is 1 to {tries}, the number of tries, not {k}")
