"""Several p values at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Correct p values for how many there are, so that one of them is below 5 % by chance in 5 % of all cases at most.

    scipy has no function for it: its ``false_discovery_control`` holds another rate.

    Parameters
    ----------
    values : sequence of float or None
        None is a test that could not be made: it stays None and is not counted.

    Returns
    -------
    list of float or None
        In the order given. Source: S. Holm, Scandinavian Journal of Statistics 6:65-70 (1979).
    """
    ordered = sorted((p, place) for place, p in enumerate(values) if p is not None)
    out: list[float | None] = [None] * len(values)
    most = 0.0
    for before, (p, place) in enumerate(ordered):
        most = max(most, min(1.0, p * (len(ordered) - before)))
        out[place] = most
    return out
