"""Measures: the numbers that samples are compared by."""

from __future__ import annotations

import math
from typing import Literal, get_args

from kbench_jupyter.results.samples.sample import Sample

Measure = Literal["score", "passed", "checks", "cost", "latency", "tokens"]
#: Their words: numeric result; whether it passed (0 or 1); share of assertions that held; USD; seconds in the
#: model's back end; tokens in and out together.
MEASURES: tuple[Measure, ...] = get_args(Measure)


def value(sample: Sample, measure: Measure) -> float | None:
    """Return a sample's value of a measure; None where it errored, has not ended, or has none.

    An errored sample is left out of every mean; whoever shows one says so.
    """
    if sample.errored:
        return None
    match measure:
        case "score":
            return sample.score if sample.score is not None and math.isfinite(sample.score) else None
        case "passed":
            return None if sample.passed is None else float(sample.passed)
        case "checks":
            return sample.held / sample.checks if sample.checks else None
        case "cost":
            return sample.cost
        case "latency":
            return sample.latency
        case "tokens":
            return float(sample.input_tokens + sample.output_tokens) or None
