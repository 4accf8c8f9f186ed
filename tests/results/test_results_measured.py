"""What samples come to by a measure, alone and beside others, and the chart of it."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from made_samples import answered, sample

from kbench_jupyter.magics.declaration.arguments import BYS as TYPED_BYS
from kbench_jupyter.magics.declaration.arguments import MEASURES as TYPED_MEASURES
from kbench_jupyter.results.chart import caption, vega_lite
from kbench_jupyter.results.comparison import BYS
from kbench_jupyter.results.measured import Measured, default_measure, measured, points
from kbench_jupyter.results.pairing import Pair
from kbench_jupyter.results.samples import MEASURES, Sample


def one(samples: list[Sample], measure: Any = "passed") -> Measured:
    [side] = measured(points(samples), measure)
    return side


def test_the_words_that_are_typed_are_those_there_are() -> None:
    assert TYPED_MEASURES == MEASURES
    assert TYPED_BYS == BYS


def test_an_errored_sample_is_counted_and_in_no_mean() -> None:
    side = one([*answered([True, True, False]), sample(3, state="ERRORED", score=None)])
    assert side.errored == 1
    assert side.estimate is not None
    assert (side.estimate.value, side.estimate.n) == (pytest.approx(2 / 3), 3)
    assert one([sample(0, state="ERRORED")]).estimate is None


def test_samples_without_a_value_are_counted_and_are_not_zero() -> None:
    side = one([sample(0, cost=0.5), sample(1, cost=1.5), sample(2)], "cost")
    assert side.unmeasured == 1
    assert side.estimate is not None
    assert side.estimate.value == 1


@pytest.mark.parametrize(
    ("measure", "values", "ends"),
    [
        ("latency", [{"latency": 1.0}, {"latency": 2.0}], (0, 7.853)),
        ("cost", [{"cost": 0.1}, {"cost": 0.3}], (0, 1.471)),
        ("tokens", [{"input_tokens": 10}, {"input_tokens": 20}], (0, 78.53)),
        ("checks", [{"held": 1, "checks": 2}, {"held": 2, "checks": 2}], (0, 1)),
        ("score", [{"score": 1.0}, {"score": 2.0}], (-4.853, 7.853)),  # which may be any number
    ],
)
def test_an_interval_ends_where_its_measure_does(
    measure: str, values: list[Any], ends: tuple[float, float]
) -> None:
    side = one([sample(row, **told) for row, told in enumerate(values)], measure)
    assert side.estimate is not None
    assert side.estimate.interval == pytest.approx(ends, rel=1e-3)


def test_a_difference_of_shares_is_one_of_a_hundred_points_at_most() -> None:
    base = one([sample(row, held=row, checks=3) for row in (0, 3)], "checks")
    other = one([sample(row, held=3, checks=3) for row in (0, 3)], "checks")
    assert Pair(base, other).difference is not None
    assert Pair(base, other).difference.interval == (-1, 1)


def test_candidates_are_never_pooled_unless_by_model_is_asked_for() -> None:
    samples = [
        *answered([True] * 4, 1, "clever", model="clever"),
        *answered([False] * 4, 1, "clever-high", model="clever", run_id=2),
    ]
    for by in ("candidate", "version"):
        assert [side.name for side in measured(points(samples), "passed", by)] == ["clever", "clever-high"]
    [pooled] = measured(points(samples), "passed", "model")
    assert pooled.estimate is not None
    assert (pooled.name, pooled.estimate.value) == ("clever", 0.5)


def test_the_measure_hangs_on_what_versions_return_and_not_on_what_errored() -> None:
    scored, plain = [sample(0, 1, score=0.5)], [sample(0, 2)]
    assert default_measure(points(scored)) == "score"
    assert default_measure(points([*scored, *plain])) == "passed"
    assert default_measure(points([*scored, sample(0, 2, state="ERRORED")])) == "score"
    assert default_measure(points([])) == "passed"


def test_one_run_keeps_the_interval_that_its_task_told() -> None:
    side = one([sample(None, score=0.5, interval=0.1)], "score")
    assert side.estimate is not None
    assert side.estimate.interval == pytest.approx((0.4, 0.6))


def test_a_mean_of_scores_has_its_interval_and_without_scipy_none_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = [sample(row, score=score) for row, score in enumerate([0.2, 0.4, 0.9])]
    side = one(scores, "score")
    assert side.estimate is not None
    assert side.estimate.interval == pytest.approx((0.5 - 0.8957, 0.5 + 0.8957), abs=5e-5)
    assert not side.lacks_scipy
    monkeypatch.setattr("kbench_jupyter.results.measured.has_scipy", lambda: False)
    bare = one(scores, "score")
    assert bare.estimate is not None
    assert (bare.estimate.value, bare.estimate.interval, bare.lacks_scipy) == (0.5, None, True)


def test_a_score_without_a_finite_value_is_no_number_to_reckon_with() -> None:
    side = one([sample(0, score=sys.float_info.max), sample(1, score=0.5)], "score")
    assert (side.infinite, side.estimate, side.unmeasured) == (1, None, 0)


def test_repeats_say_how_often_one_of_them_and_all_of_them_pass() -> None:
    tries = [s for run in range(3) for s in answered([True, run == 0], run_id=run)]
    found = one(tries).repeats
    assert found is not None
    assert (found.k, found.samples, found.at, found.every) == (3, 2, 1.0, 0.5)
    assert one(answered([True, False])).repeats is None
    scores = [sample(0, run_id=run, score=run) for run in (0, 1)]
    spread = one(scores, "score").repeats
    assert spread is not None
    assert (spread.spread, spread.at) == (pytest.approx(0.5**0.5), None)


def test_more_errors_on_one_side_are_told_with_a_p_value_of_their_own() -> None:
    base = one(answered([True] * 20))
    errors = [sample(row, 2, state="ERRORED") for row in range(10)]
    other = one([*errors, *answered([True] * 20, 2)[10:]])
    found = Pair(base, other).failures
    assert found is not None
    assert (len(found.new), found.gone, found.p) == (10, 0, pytest.approx(2 / 2**10))
    assert Pair(base, other).errored == (0, 10)
    assert Pair(base, base).failures is None


def test_sides_that_share_no_sample_are_compared_by_what_each_came_to() -> None:
    base = one([sample(row, 1, passed=row < 8) for row in range(10)])
    other = one([sample(row, 2, passed=row < 103) for row in range(100, 110)])
    pair = Pair(base, other)
    assert pair.difference is not None
    assert (pair.value, pair.difference.method) == (pytest.approx(-0.5), "Fisher's exact test")
    assert pair.difference.value == pair.value
    errors = one([sample(row, 2, state="ERRORED") for row in range(100, 110)])
    assert Pair(base, errors).value is None
    assert Pair(errors, base).value is None
    found = Pair(base, errors).failures
    assert found is not None
    assert (len(found.new), found.gone) == (10, 0)
    assert found.p == pytest.approx(2 / math.comb(20, 10)), "all of ten beside none of ten"


def test_small_differences_are_points_of_shares_and_parts_of_any_other_mean() -> None:
    def step(low: float, high: float, measure: Any = "score") -> float | None:
        side = one([sample(0, score=low, cost=low), sample(1, score=high, cost=high)], measure)
        return Pair(side, side).step

    assert step(0.0, 1.0) == 0.02
    assert step(0.0, 3.0) == step(-2.0, -1.0) == pytest.approx(0.03)
    assert step(0.1, 0.3, "cost") == pytest.approx(0.004)


# The chart


def test_the_chart_draws_intervals_and_errors_and_says_both() -> None:
    sides = measured(points([*answered([True, False] * 5), sample(10, state="ERRORED")]), "passed")
    spec = vega_lite("quiz", sides, "pass rate", ["50%"])
    assert spec["title"] == "quiz: pass rate with 95 % interval, errored samples left out"
    [bar] = spec["data"]["values"]
    assert (bar["value"], bar["errors"], bar["samples"]) == (0.5, "✗ 1 errored", 11)
    assert bar["low"] < 0.5 < bar["high"]
    json.dumps(spec, allow_nan=False)


def test_what_has_nothing_but_errors_is_drawn_as_errored_and_not_as_zero() -> None:
    sides = measured(points([sample(0, state="ERRORED"), *answered([True] * 3, 1, "b")]), "passed")
    bars = vega_lite("quiz", sides, "pass rate", ["", "100%"])["data"]["values"]
    assert [(bar["value"], bar["errors"]) for bar in bars] == [(None, "✗ 1 errored"), (1.0, "")]


@pytest.mark.parametrize("scores", [[1.0] * 4, [0.0, 0.0], [0.1] * 3])
def test_a_few_equal_scores_are_given_no_interval_as_if_that_were_certain(scores: list[float]) -> None:
    side = one([sample(None, run_id=run, score=score) for run, score in enumerate(scores)], "score")
    assert side.estimate is not None
    assert side.estimate.interval is None
    assert caption("score", [side]) == "score"
    assert "interval" not in vega_lite("quiz", [side], "score", ["0.5"])["title"]
