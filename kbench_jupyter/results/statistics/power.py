"""Power: how many samples tell a difference apart. Normal approximations, which need no library."""

from __future__ import annotations

import math
from statistics import NormalDist

from kbench_jupyter.results.statistics.intervals import CONFIDENCE

#: How often a difference that is there is to be found.
POWER = 0.8


def pairs_needed(
    difference: float, spread: float, *, confidence: float = CONFIDENCE, power: float = POWER
) -> int | None:
    """Return how many samples tell a difference apart that are evaluated on both sides.

    Parameters
    ----------
    difference : float
        To be told apart from none; not 0.
    spread : float
        Standard deviation of the samples' differences, as measured.

    Returns
    -------
    int or None
        None where the spread is 0: then nothing is known about how much samples differ. Source: E. Miller, Adding
        Error Bars to Evals (arXiv:2411.00640), section 5, with the variance of a pair's difference as one number.
    """
    if not spread:
        return None
    return max(2, _needed((spread / difference) ** 2, confidence, power))


def samples_needed(
    difference: float, one: float, other: float, *, confidence: float = CONFIDENCE, power: float = POWER
) -> int | None:
    """Return how many samples a side tell a difference apart where they are not the same samples.

    Parameters
    ----------
    difference : float
        To be told apart from none; not 0.
    one, other : float
        Standard deviation of each side's values; for passes at a rate p that is sqrt(p (1 - p)).

    Returns
    -------
    int or None
        None where both are 0. Source: as `pairs_needed`; for passes, J. L. Fleiss, Statistical Methods for Rates and
        Proportions, without its continuity correction.
    """
    if not one and not other:
        return None
    return max(2, _needed((math.hypot(one, other) / difference) ** 2, confidence, power))


def detectable(
    spread: float, pairs: int, *, confidence: float = CONFIDENCE, power: float = POWER
) -> float | None:
    """Return the smallest difference that so many pairs show as often as `power` says; None where the spread is 0."""
    normal = NormalDist()
    reach = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)
    return reach * spread / math.sqrt(pairs) or None


def _needed(ratio: float, confidence: float, power: float) -> int:
    normal = NormalDist()
    return math.ceil((normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)) ** 2 * ratio)
