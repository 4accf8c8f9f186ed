"""How fast many runs end, and when the last of them can be expected to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

MANY = 10
"""Runs from which on it is said."""
_FEWEST, _LATEST = 3, 20
"""How many ends it takes to tell a rate, and the latest ones that it is taken from."""


def pace(total: int, left: int, ends: Sequence[float], now: float) -> str:
    """Say how many runs end a minute, or an hour, and when the last will if it goes on like that.

    Parameters
    ----------
    total, left : int
        How many runs are followed, and how many of them have not ended.
    ends : sequence of float
        When others were seen to end, the oldest first, in seconds.
    now : float
        The moment it is, on the same clock.

    Returns
    -------
    str
        ``"14 a minute, about 3 min left"``, or that it is not known, and why; "" for few runs, or when all have ended.
    """
    if total < MANY or not left:
        return ""
    ends = ends[-_LATEST:]
    later = [end for end in ends if end > ends[0]]  # several are seen at a look
    if len(ends) < _FEWEST or not later:
        return "time left not known yet"
    each, silent = (ends[-1] - ends[0]) / len(later), now - ends[-1]
    if silent > max(3 * each, 2 * max(after - before for before, after in pairwise(ends))):
        return f"none for {_about(silent)}, time left not known"
    rate, unit = (60 / each, "a minute") if each <= 60 else (3600 / each, "an hour")
    return f"{rate:.{0 if rate >= 10 else 1}f} {unit}, about {_about(max(each, left * each - silent))} left"


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
