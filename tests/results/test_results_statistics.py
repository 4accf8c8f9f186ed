"""Statistics: as published examples and other programs have them, and as often right as they say."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.results.statistics import (
    Estimate,
    holm,
    mean,
    paired,
    pairs_needed,
    pass_at_k,
    pass_hat_k,
    rate,
    samples_needed,
    unpaired,
    within_spread,
)
from kbench_jupyter.results.statistics.differences import mcnemar
from kbench_jupyter.results.statistics.intervals import bootstrap, clustered_error, standard_error


def passes(held: int, of: int) -> list[float]:
    return [1.0] * held + [0.0] * (of - held)


def ends(found: Estimate) -> tuple[float, float]:
    assert found.interval is not None
    return found.interval


# Published examples


@pytest.mark.parametrize(
    ("held", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_of_pass_rates_are_those_of_newcombe_1998(
    held: int, of: int, low: float, high: float
) -> None:
    """R. G. Newcombe, Statistics in Medicine 17:857-872 (1998), table I, method 3."""
    assert ends(rate(passes(held, of))) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)],
)
def test_differences_of_pass_rates_without_pairs_are_those_of_newcombe_1998(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """R. G. Newcombe, Statistics in Medicine 17:873-890 (1998), table II, method 10."""
    found = unpaired(passes(*one), passes(*other), passes=True)
    assert found.interval == pytest.approx((low, high), abs=5e-5)


def test_mcnemars_exact_test_is_that_of_armitage_and_berry() -> None:
    """P. Armitage and G. Berry, Statistical Methods in Medical Research (1994), p. 127: two media, 50 specimens."""
    one = passes(32, 50)
    other = passes(20, 32) + passes(2, 18)
    found = paired(one, other, passes=True)
    assert found.p == pytest.approx(0.0129, abs=5e-5)
    assert found.value == pytest.approx((12 - 2) / 50)


def test_a_difference_of_pairs_is_that_of_agrestis_approval_ratings() -> None:
    """A. Agresti, Categorical Data Analysis (1990), p. 350; R's manual has the table (``mcnemar.test``).

    Of 1,600 voters asked twice, 944 approved first, 880 then: 150 changed from approval, 86 to it. The difference is
    -0.04, its interval -0.06 to -0.02.
    """
    first = passes(944, 1600)
    second = passes(794, 944) + passes(86, 656)
    found = paired(second, first, passes=True)
    assert found.value == pytest.approx(-0.04)
    assert found.interval == pytest.approx((-0.06, -0.02), abs=2e-3)
    assert found.p is not None
    assert found.p < 0.0001


#: Hours of sleep gained with two drugs, by patient: Student, Biometrika 6:1-25 (1908).
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def test_differences_of_means_are_those_of_students_sleep() -> None:
    """As R's manual has them (``sleep``, ``t.test``): paired, and without pairs by Welch."""
    found = paired(*SLEEP)
    assert found.interval == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    apart = unpaired(*SLEEP)
    assert apart.interval == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)
    assert apart.p == pytest.approx(0.07939, abs=5e-6)
    # By hand: means 2 apart, both variances 2, so two degrees of freedom and an error of the square root of 2.
    assert unpaired([3.0, 5.0], [1.0, 3.0]).interval == pytest.approx((2 - 6.0849, 2 + 6.0849), abs=5e-5)


def test_holms_correction_is_that_of_statsmodels() -> None:
    """Computed with statsmodels 0.15, ``multipletests(..., method="holm")``. A test not made counts nothing."""
    assert holm([0.01, 0.04, None, 0.03, 0.005, 0.45]) == pytest.approx([0.04, 0.09, None, 0.09, 0.025, 0.45])


def test_the_error_of_clusters_is_that_of_millers_equation_and_of_statsmodels() -> None:
    """E. Miller (arXiv:2411.00640), equation 4, spelled out; and statsmodels 0.15, ``OLS.fit(cov_type="cluster")``."""
    values, clusters = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.5], list("aabbccddd")
    n, middle = len(values), sum(values) / len(values)
    own = sum((v - middle) ** 2 for v in values)
    shared = sum(
        (values[i] - middle) * (values[j] - middle)
        for i, j in itertools.permutations(range(n), 2)
        if clusters[i] == clusters[j]
    )
    small_sample = 4 / 3
    assert clustered_error(values, clusters) == pytest.approx(math.sqrt((own + shared) * small_sample) / n)
    assert clustered_error(values, clusters) == pytest.approx(0.18144368, abs=5e-9)


def test_how_many_samples_are_needed_is_what_statsmodels_says() -> None:
    """``NormalIndPower(ddof=0).solve_power`` of statsmodels 0.15, with ``ratio=0`` for pairs; rounded up."""
    assert pairs_needed(0.03, 1 / 3) == 969
    assert pairs_needed(0.02, 0.0) is None
    spread = math.sqrt(0.3 * 0.7)
    assert samples_needed(0.1, spread, spread) == 330
    assert samples_needed(0.1, 0.0, 0.0) is None
    assert samples_needed(0.1, 0.5, 0.0) == samples_needed(0.1, 0.0, 0.5) == pairs_needed(0.1, 0.5)
    assert pairs_needed(5.0, 0.01) == 2, "fewer than two pairs have no spread"


@pytest.mark.parametrize(("tries", "passed"), [(5, 0), (5, 2), (5, 4), (5, 5), (3, 1)])
def test_pass_at_k_is_the_share_of_all_draws_of_k_that_pass(tries: int, passed: int) -> None:
    """The definition of M. Chen et al. (arXiv:2107.03374), section 2.1, and tau-bench's, counted out."""
    for k in range(1, tries + 1):
        draws = list(itertools.combinations(passes(passed, tries), k))
        assert pass_at_k(passed, tries, k) == pytest.approx(sum(map(any, draws)) / len(draws))
        assert pass_hat_k(passed, tries, k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_pass_at_more_tries_than_there_were_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        pass_at_k(1, 3, 4)


# What a user may rely on


def test_repeating_the_same_answers_makes_nothing_surer() -> None:
    """Ten samples asked three times, always answered alike, are ten observations."""
    once, thrice = passes(6, 10), passes(6, 10) * 3
    clusters = list(range(10)) * 3
    assert rate(thrice, clusters).interval == pytest.approx(rate(once).interval, rel=0.06)
    assert mean(thrice, clusters).interval == pytest.approx(mean(once).interval)
    assert rate(thrice).interval != pytest.approx(rate(once).interval, rel=0.06)


def test_samples_that_all_pass_are_as_many_as_there_are_samples() -> None:
    assert rate([1.0] * 30, list(range(10)) * 3).interval == rate([1.0] * 10).interval


def test_equal_values_have_no_interval_and_no_library_is_needed() -> None:
    assert mean([0.5, 0.5, 0.5]).interval is None
    assert mean([0.5]).interval is None
    assert mean([1.0, 2.0], ["a", "a"]).interval is None, "one sample tells nothing of others"


def test_skewed_values_get_an_interval_that_is_as_lopsided_as_they_are() -> None:
    costs = [0.001] * 40 + [0.05, 0.2]
    found = mean(costs)
    assert found.method == "BCa bootstrap"
    low, high = ends(found)
    assert 0 < low < found.value < high
    assert high - found.value > 1.5 * (found.value - low)
    assert found == mean(costs), "the same numbers, the same answer"
    assert mean(costs, method="t").low < 0  # type: ignore[operator]


def test_values_that_are_not_skewed_get_the_interval_of_t_and_a_bootstrap_would_agree() -> None:
    draw = random.Random(3)
    values = [draw.gauss(0, 1) for _ in range(200)]
    found = mean(values)
    assert found == mean(values, method="t")
    assert bootstrap(values) == pytest.approx(ends(found), abs=0.02)


def test_differences_without_a_spread_are_judged_by_how_many_went_the_same_way() -> None:
    assert paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p == 1
    found = paired([3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0])
    assert (found.value, found.p, found.interval) == (2, pytest.approx(2 / 2**4), None)
    for compared in (paired, unpaired):
        alone = compared([3.0], [1.0])
        assert (alone.value, alone.p, alone.interval) == (2, None, None)


def test_where_no_sample_differs_the_interval_still_has_a_width() -> None:
    found = paired(passes(50, 100), passes(50, 100), passes=True)
    assert found.p == 1
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]


@pytest.mark.parametrize("scale", [1e-170, 1e-90, 1e90, 1e200])
def test_perplexities_and_likelihoods_have_the_intervals_of_smaller_and_larger_numbers(scale: float) -> None:
    one, other, skewed = [1.0, 2.0, 5.0], [3.0, 1.5, 0.25], [1.0] * 25 + [5.0]
    large, larger, askew = ([value * scale for value in values] for values in (one, other, skewed))
    for of in (mean, lambda values: mean(values, ["a", "a", "b"])):
        assert ends(of(large)) == pytest.approx([end * scale for end in ends(of(one))], rel=1e-9, abs=0)
    assert mean(askew).method == mean(skewed).method == "BCa bootstrap"
    assert ends(mean(askew)) == pytest.approx([end * scale for end in ends(mean(skewed))], rel=1e-9, abs=0)
    for compared in (paired, unpaired):
        found, expected = compared(large, larger), compared(one, other)
        assert found.p == pytest.approx(expected.p)
        assert found.interval == pytest.approx(
            [end * scale for end in expected.interval or ()], rel=1e-9, abs=0
        )
    assert within_spread([large, larger]) == pytest.approx(
        scale * (within_spread([one, other]) or 0), rel=1e-9, abs=0
    )
    assert pairs_needed(0.5 * scale, scale) == pairs_needed(0.5, 1)
    assert samples_needed(0.5 * scale, scale, scale) == samples_needed(0.5, 1, 1)


def test_within_spread_is_that_of_repeats_and_not_that_of_samples() -> None:
    assert within_spread([[0.0, 0.0], [1.0, 1.0], [0.5]]) == 0
    assert within_spread([[0.0, 1.0], [5.0, 6.0]]) == pytest.approx(math.sqrt(0.5))
    assert within_spread([[0.0], [1.0]]) is None


def test_without_scipy_what_needs_it_says_what_to_install_and_pass_rates_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("scipy", "scipy.special", "scipy.stats"):
        monkeypatch.setitem(sys.modules, name, None)
    assert rate(passes(81, 263)).interval
    assert pairs_needed(0.02, 0.5)
    needing: list[Callable[[], object]] = [
        lambda: mean([1.0, 2.0, 4.0]),
        lambda: paired(passes(1, 2), passes(0, 2), passes=True),
        lambda: paired([1.0, 2.0], [1.0, 4.0]),
    ]
    for call in needing:
        with pytest.raises(KBenchError, match="needs scipy") as caught:
            call()
        assert caught.value.hint == "%pip install 'kbench-jupyter[stats]'"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrected_p_values_keep_their_order_and_are_never_smaller(values: list[float]) -> None:
    corrected = [p for p in holm(values) if p is not None]
    assert len(corrected) == len(values)
    assert all(value <= p <= 1 for value, p in zip(values, corrected, strict=True))
    ordered = [p for _, p in sorted(zip(values, corrected, strict=True))]
    assert ordered == sorted(ordered)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_of_a_pass_rate_holds_the_rate_and_stays_within_0_and_1(counted: tuple[int, int]) -> None:
    found = rate(passes(*counted))
    low, high = ends(found)
    assert 0 <= low <= found.value + 1e-12
    assert found.value - 1e-12 <= high <= 1
    assert high - low > 0


# Simulations: as often right as they say


TRIALS = 800


def allowed(share: float) -> float:
    """How far the share of so many trials may be off by chance: four of its standard errors."""
    return 4 * math.sqrt(share * (1 - share) / TRIALS)


def answers(draw: random.Random, chances: Sequence[float]) -> list[float]:
    return [float(draw.random() < chance) for chance in chances]


def test_intervals_of_95_percent_hold_the_truth_in_95_percent() -> None:
    draw = random.Random(95)
    held = {"rate": 0, "mean": 0, "repeated": 0, "repeated rate": 0, "pairs": 0, "pairs of passes": 0}
    clusters = [sample for sample in range(40) for _ in range(3)]
    for _ in range(TRIALS):
        chance = draw.uniform(0.1, 0.9)
        low, high = ends(rate(answers(draw, [chance] * 150)))
        held["rate"] += low <= chance <= high
        found = mean([draw.gauss(0.6, 0.2) for _ in range(30)])
        held["mean"] += ends(found)[0] <= 0.6 <= ends(found)[1]
        hard = [draw.betavariate(2, 2) for _ in range(40)]
        found = mean([hard[c] + draw.gauss(0, 0.1) for c in clusters], clusters)
        held["repeated"] += ends(found)[0] <= 0.5 <= ends(found)[1]
        found = rate(answers(draw, [hard[c] for c in clusters]), clusters)
        held["repeated rate"] += ends(found)[0] <= 0.5 <= ends(found)[1]
        one = [draw.gauss(0, 1) for _ in range(40)]
        apart = paired([v + 0.1 + draw.gauss(0, 0.5) for v in one], one).interval or (0, 0)
        held["pairs"] += apart[0] <= 0.1 <= apart[1]
        shared = [draw.random() for _ in range(120)]
        better = [float(c < 0.6 or draw.random() < 0.2) for c in shared]
        worse = [float(c < 0.6 and draw.random() < 0.9) for c in shared]
        apart = paired(better, worse, passes=True).interval or (0, 0)
        held["pairs of passes"] += apart[0] <= 0.68 - 0.54 <= apart[1]
    off = {what: count / TRIALS for what, count in held.items() if abs(count / TRIALS - 0.95) > allowed(0.95)}
    assert not off


def test_equal_models_are_called_different_in_5_percent_and_by_an_exact_test_in_no_more() -> None:
    draw = random.Random(5)
    called = {"t": 0, "mcnemar": 0, "many": 0}
    for _ in range(TRIALS):
        samples = [draw.gauss(0, 1) for _ in range(40)]
        one, other = ([v + draw.gauss(0, 0.3) for v in samples] for _ in range(2))
        called["t"] += (paired(one, other).p or 0) < 0.05
        chances = [draw.betavariate(2, 2) for _ in range(150)]
        base = answers(draw, chances)
        first, second = (paired(answers(draw, chances), base, passes=True).p for _ in range(2))
        called["mcnemar"] += (first or 0) < 0.05
        called["many"] += any((p or 0) < 0.05 for p in holm([first, second]))
    shares = {what: count / TRIALS for what, count in called.items()}
    assert abs(shares["t"] - 0.05) < allowed(0.05)
    assert 0.02 < shares["mcnemar"] < 0.05 + allowed(0.05), "exact: rather too seldom than too often"
    assert shares["many"] < 0.05 + allowed(0.05)


def test_as_many_samples_as_are_said_to_be_needed_find_the_difference_in_80_percent() -> None:
    draw = random.Random(80)
    needed = pairs_needed(0.25, 1.0)
    assert needed is not None
    found = sum(
        (paired([draw.gauss(0.25, 1) for _ in range(needed)], [0.0] * needed).p or 1) < 0.05
        for _ in range(TRIALS)
    )
    assert abs(found / TRIALS - 0.8) < allowed(0.8)


def test_one_standard_error_is_that_of_independent_values() -> None:
    assert standard_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(math.sqrt(5 / 3 / 4))
    assert mcnemar(0, 0) == 1
