"""The library that statistics are taken from, imported when it is first needed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from kbench_jupyter.errors import KBenchError

#: What to type where scipy is missing.
INSTALL = "%pip install 'kbench-jupyter[stats]'"


def has_scipy() -> bool:
    """Return whether scipy is installed."""
    return find_spec("scipy") is not None


def scipy_special(what: str) -> Any:
    """Return ``scipy.special``, which is imported in a third of the time of ``scipy.stats``.

    Parameters
    ----------
    what : str
        What it is needed for, such as ``"An interval of a mean"``.

    Raises
    ------
    KBenchError
        If scipy is not installed.
    """
    try:
        from scipy import special
    except ModuleNotFoundError as error:
        raise _missing(what) from error
    return special


def scipy_stats(what: str) -> Any:
    """Return ``scipy.stats``; see `scipy_special`."""
    try:
        from scipy import stats
    except ModuleNotFoundError as error:
        raise _missing(what) from error
    return stats


def _missing(what: str) -> KBenchError:
    return KBenchError(f"{what} needs scipy, which is not installed.", hint=INSTALL)
