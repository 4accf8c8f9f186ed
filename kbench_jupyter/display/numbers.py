"""How a score looks as text: the same digits wherever it is shown, and enough of them to tell scores apart."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from decimal import Decimal

from kbench_jupyter.display.parts import Cell

#: Significant digits that a score has at least, and up to which it is shown as it is.
_FEWEST, _AS_IT_IS = 4, 7
#: What differs only in later digits differs by how it was added up.
_MOST = 12
#: What stands before and after a number, and what it is multiplied by, for the display types of leaderboards.
#: Source: kagglesdk 0.1.38, BenchmarkLeaderboardDisplayType.
_DISPLAY = {
    "PERCENTAGES": ("", "%", 100),
    "RAW_PERCENTAGES": ("", "%", 1),
    "DOLLARS": ("$", "", 1),
    "WHOLE_DOLLARS": ("$", "", 1),
    "CENTS": ("¢", "", 1),
}
#: The least decimals of display types that are amounts of money.
_DECIMALS = {"DOLLARS": 2, "CENTS": 2}


def score_texts(
    values: Sequence[float | None],
    *,
    sides: Sequence[tuple[float, float] | None] = (),
    display: str = "",
) -> list[str]:
    """Write scores that are shown together, such as a column of them.

    Whole numbers stay whole, and up to seven significant digits are shown as they are. A longer score is rounded to
    the fewest digits, four at least, that keep different scores different and do not make it whole.

    Parameters
    ----------
    values : sequence of float or None
        None is written as the empty text.
    sides : sequence of (float, float) or None, optional
        How far each value's interval reaches above and below it, in the values' own unit.
    display : str
        A leaderboard's display type, such as ``"PERCENTAGES"``; any other word is no unit.

    Returns
    -------
    list of str
        For example ``["0.8431 ± 0.02", "12 +3/-1", ""]``. What has no finite value says so.
    """
    before, after, scale = _DISPLAY.get(display, ("", "", 1))
    exact = [None if value is None else _scaled(value, scale) for value in values]
    numbers = [value for value in exact if value is not None]
    out = []
    for index, value in enumerate(exact):
        if value is None:
            given = values[index]
            out.append("" if given is None else "not a number" if math.isnan(given) else "no finite value")
            continue
        text = _written(value, numbers, _DECIMALS.get(display, 0))
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        around = _around(sides[index] if index < len(sides) else None, scale)
        out.append(f"{sign}{before}{text}{after}{around}")
    return out


def score_text(value: float | None, *, sides: tuple[float, float] | None = None, display: str = "") -> str:
    """Write one score; see `score_texts`."""
    return score_texts([value], sides=[sides], display=display)[0]


def score_cells(
    values: Sequence[float | None],
    *,
    sides: Sequence[tuple[float, float] | None] = (),
    display: str = "",
) -> list[Cell]:
    """Write scores as cells that hold the number, too; see `score_texts`."""
    texts = score_texts(values, sides=sides, display=display)
    return [Cell(text, value=score_number(value)) for text, value in zip(texts, values, strict=True)]


def score_number(value: float | None) -> float | None:
    """Return a score as a number to reckon with: "not a number" for one without a finite value, however it is told."""
    return value if value is None or _has_value(value) else math.nan


def _has_value(value: float) -> bool:
    # The largest double stands for a score without a finite value (kagglesdk 0.1.38).
    return abs(value) < sys.float_info.max


def _scaled(value: float, scale: int) -> Decimal | None:
    """Return a score in the unit it is shown in; None for one without a finite value."""
    if not _has_value(value):
        return None
    return Decimal(repr(float(value)) if float(value).is_integer() else f"{value:.{_MOST}g}") * scale


def _written(value: Decimal, others: Sequence[Decimal], decimals: int) -> str:
    whole = value == value.to_integral_value()
    if whole and abs(value) < 10**15:
        return f"{value:.{decimals}f}"
    digits = next(
        (
            digits
            for digits in range(_AS_IT_IS if _length(value) <= _AS_IT_IS else _FEWEST, _MOST)
            if _tells(value, others, digits)
        ),
        _MOST,
    )
    return _plain(_rounded(value, digits), decimals)


def _tells(value: Decimal, others: Sequence[Decimal], digits: int) -> bool:
    """Say whether so many digits keep a score from being whole, and from looking like another one."""
    shown = _rounded(value, digits)
    whole = shown == shown.to_integral_value() != value
    return not whole and all(_rounded(other, digits) != shown for other in others if other != value)


def _length(value: Decimal) -> int:
    return len(value.normalize().as_tuple().digits)


def _rounded(value: Decimal, digits: int) -> Decimal:
    return Decimal(f"{value:.{digits}g}")


def _plain(value: Decimal, decimals: int) -> str:
    """Write a number without an exponent as long as that is readable, and without zeros at its end."""
    if value and not -5 <= value.adjusted() < 15:
        return f"{value.normalize():g}"
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    missing = decimals - len(text.partition(".")[2])
    return text if missing <= 0 else text + ("" if "." in text else ".") + "0" * missing


def _around(sides: tuple[float, float] | None, scale: int) -> str:
    """Write an interval, two significant digits to a side; nothing for one without width."""
    if sides is None or not any(sides) or not all(map(math.isfinite, sides)):
        return ""
    plus, minus = (_plain(_rounded(Decimal(repr(float(side))) * scale, 2), 0) for side in sides)
    return f" ± {plus}" if plus == minus else f" +{plus}/-{minus}"
