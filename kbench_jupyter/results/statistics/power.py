"""Power: how many samples tell a difference apart. Normal approximations, which need no library."""

from __future__ import annotations

import math
from statistics import NormalDist

from kbench_jupyter.results.statistics.intervals import REACH

#: How often a difference that is there is to be found; and how many of its standard errors it is then.
_POWER = 0.8
_NEEDED = REACH + NormalDist().inv_cdf(_POWER)


def pairs_needed(difference: float, spread: float) -> int | None:
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
    return max(2, math.ceil((_NEEDED * spread / difference) ** 2))


def samples_needed(difference: float, one: float, other: float) -> int | None:
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
    return max(2, math.ceil((_NEEDED * math.hypot(one, other) / difference) ** 2))


def detectable(spread: float, pairs: int) -> float | None:
    """Return the smallest difference that so many pairs show in four of five cases; None where the spread is 0."""
    return _NEEDED * spread / math.sqrt(pairs) or None
