"""Scores as text: as they are, told apart, and never another number than they are."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.display.numbers import score_text, score_texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.84312, "0.84312"),
        (2601845, "2601845"),
        (2601845.0, "2601845"),
        (99.99996, "99.99996"),
        (9999999, "9999999"),
        (0.5, "0.5"),
        (0, "0"),
        (-0.25, "-0.25"),
        (1 / 3, "0.3333"),
        (0.1 + 0.2, "0.3"),
        (99.999961234, "99.99996"),
        (1e-9, "1e-9"),
        (1.5e300, "1.5e+300"),
        (None, ""),
        (float("nan"), "not a number"),
        (float("inf"), "no finite value"),
        (sys.float_info.max, "no finite value"),
    ],
)
def test_a_score_is_read_as_what_it_is(value: float | None, text: str) -> None:
    assert score_text(value) == text


def test_scores_that_differ_late_are_shown_with_the_digits_that_tell_them_apart() -> None:
    assert score_texts([0.843121111, 0.843122222, 1 / 3]) == ["0.843121", "0.843122", "0.3333"]


def test_an_interval_says_how_far_it_reaches_to_each_side() -> None:
    assert score_text(0.84, sides=(0.0213, 0.0213)) == "0.84 ± 0.021"
    assert score_text(1203, sides=(25.4, 12.0)) == "1203 +25/-12"
    assert score_text(0.84, sides=(0.0, 0.0)) == "0.84"


@pytest.mark.parametrize(
    ("display", "value", "text"),
    [
        ("PERCENTAGES", 0.84312, "84.312%"),
        ("RAW_PERCENTAGES", 85.0, "85%"),
        ("DOLLARS", 3.4, "$3.40"),
        ("DOLLARS", -3, "-$3.00"),
        ("WHOLE_DOLLARS", 12, "$12"),
        ("CENTS", 12.5, "¢12.50"),
        ("COUNTS", 123, "123"),
        ("A_TYPE_OF_NEXT_YEAR", 0.5, "0.5"),
    ],
)
def test_a_leaderboards_display_type_gives_the_unit(display: str, value: float, text: str) -> None:
    assert score_text(value, display=display) == text


def test_a_percentages_interval_is_in_percent_too() -> None:
    assert score_text(0.84, sides=(0.02, 0.02), display="PERCENTAGES") == "84% ± 2"


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(finite, min_size=1, max_size=8))
def test_different_scores_never_look_alike_and_each_is_near_what_it_is(values: list[float]) -> None:
    texts = score_texts(values)
    for value, text in zip(values, texts, strict=True):
        if text != "no finite value":
            assert float(text) == pytest.approx(value, rel=1e-3)
    told = {
        f"{value:.12g}" if value % 1 else repr(value + 0.0)
        for value in values
        if abs(value) < sys.float_info.max
    }
    assert len(set(texts) - {"no finite value"}) == len({float(text) for text in told})


def test_what_differs_only_by_how_it_was_added_up_looks_alike() -> None:
    assert score_texts([0.1 + 0.2, 0.3]) == ["0.3", "0.3"]
