"""How a measured number, its interval, a difference and a p value are worded: alike in tables, charts and errors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kbench_jupyter.display.numbers import score_text, score_texts
from kbench_jupyter.display.view import count, duration, money
from kbench_jupyter.results.measured import LESS_IS_BETTER, SHARES, Measured
from kbench_jupyter.results.pairing import Pair
from kbench_jupyter.results.samples import Sample
from kbench_jupyter.results.samples.measures import Measure

#: An interval of a share from this width on is told in whole percent.
_WIDE = 0.05
#: What one value of a measure is.
_MEANS = {
    "score": "the number a sample came to",
    "passed": "the share of samples that passed",
    "checks": "the share of a sample's assertions that held",
    "cost": "USD a sample",
    "latency": "seconds a sample in the model's back end",
    "tokens": "tokens a sample, in and out",
}


def label(measure: Measure) -> str:
    """Return what a measure's mean is called: the pass rate, the latency a sample."""
    return {"score": "score", "passed": "pass rate", "checks": "checks passed"}.get(
        measure, f"{measure} a sample"
    )


def amount(value: float, measure: Measure) -> str:
    """Word one value: "61.3%", "0.84", "$0.0012", "850 ms", "1,204"."""
    match measure:
        case "score":
            return score_text(value)
        case "passed" | "checks":
            return f"{_short(100 * value)}%"
        case "cost":
            return f"-{money(-value)}" if value < 0 else money(value)
        case "latency":
            return f"-{duration(-value)}" if value < 0 else duration(value)
        case "tokens":
            return f"{value:,.0f}" if abs(value) >= 100 else _short(value)


def signed(value: float, measure: Measure) -> str:
    """Word a difference, without its unit where an interval follows: "+6.1", "-$0.0012"."""
    text = _short(100 * abs(value)) if measure in SHARES else amount(abs(value), measure)
    return text if not value else f"{'+' if value > 0 else '-'}{text}"


def amounts(sides: Sequence[Measured]) -> list[str]:
    """Word the means that are shown together, in the digits that tell them apart; "" where there is none."""
    values = [_mean(side) for side in sides]
    what = sides[0].measure if sides else ""
    if what in ("score", "passed", "checks"):
        return score_texts(values, display="" if what == "score" else "PERCENTAGES")
    return ["" if v is None else amount(v, side.measure) for v, side in zip(values, sides, strict=True)]


def _mean(side: Measured) -> float | None:
    return math.inf if side.infinite else side.estimate.value if side.estimate else None


def interval(side: Measured) -> str:
    """Word the interval of a mean, "" where it has none: "± 0.02", and both ends of one that is not even."""
    found = side.estimate
    if found is None or found.low is None or found.high is None:
        return ""
    above, below = found.high - found.value, found.value - found.low
    if side.measure == "score" and math.isclose(above, below, rel_tol=1e-6):
        text = score_text(found.value)
        return score_text(found.value, sides=(above, below)).removeprefix(text).strip()
    wide = above + below >= _WIDE
    low, high = (_end(end, side.measure, wide) for end in (found.low, found.high))
    return f"{low} to {high}"


def _end(value: float, measure: Measure, wide: bool) -> str:
    if measure in SHARES and wide:
        return f"{value:.0%}"
    return amount(float(f"{value:.3g}") if measure == "score" else value, measure)


def difference(pair: Pair) -> str:
    """Word the difference of a pair with its interval: "-6.1 points (-10.4 to -1.6)"; "" where there is none."""
    value, found, measure = pair.value, pair.difference, pair.base.measure
    if value is None:
        return ""
    unit = " points" if measure in SHARES else ""
    text = f"{signed(value, measure)}{unit}"
    if found is None or found.interval is None:
        return text
    low, high = (_rounded_difference(end, measure) for end in found.interval)
    return f"{text} ({low} to {high})"


def p_value(p: float | None) -> str:
    """Word a p value: "0.034", "<0.001"; "" where there is none."""
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def needed(pair: Pair) -> str:
    """Say how many samples tell a small difference apart; "" where that is not known."""
    samples, step = pair.needed, pair.step
    if samples is None or step is None:
        return ""
    if pair.base.measure in SHARES:
        what = "2 points"
    else:
        what = amount(step, pair.base.measure) if pair.is_share else f"2% ({amount(step, pair.base.measure)})"
    a_side = "" if pair.is_paired else " a side"
    return f"about {count(_about(samples), 'sample')}{a_side} tell {what} apart"


def measure_note(measure: Measure, *, chosen: bool) -> str:
    """Say what is compared and why, and how to compare something else."""
    best = "less is better" if measure in LESS_IS_BETTER else "more is better"
    said = f"Measure: {measure}, {_MEANS[measure]}; {best}."
    if chosen:
        return said
    why = "each version returns numbers" if measure == "score" else "not every version returns numbers"
    return f"{said} Chosen since {why}; another: --measure."


def name_of(side: Measured) -> str:
    """Name one side: its candidate, or model, and version."""
    return f"{side.name} v{side.version}" if side.version else side.name


def _rounded_difference(value: float, measure: Measure) -> str:
    return signed(float(f"{value:.2g}"), measure) if measure == "score" else signed(value, measure)


def said(sample: Sample) -> str:
    """Return what a sample is told by: its answer, or where there is none its result or error."""
    return sample.answer or sample.result or sample.error


def _short(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def _about(number: int) -> int:
    """Round to two digits: more would say that such a number is known."""
    return int(float(f"{number:.2g}"))
