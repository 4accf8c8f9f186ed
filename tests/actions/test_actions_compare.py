"""What a user may rely on of `%kbench compare`: which samples changed, by how much, and whether that is chance."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_samples import answered, sample

from kbench_jupyter.actions.compare import Comparison, compare_samples
from kbench_jupyter.actions.compare.marks import marked
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Cell, Facts, Table, View, forms
from kbench_jupyter.errors import UsageError

#: 40 rows: 30 pass both, 8 got worse, 1 got better, 1 fails both.
BEFORE = [True] * 38 + [False] * 2
AFTER = [True] * 30 + [False] * 8 + [True, False]


def two_versions() -> Comparison:
    return compare_samples("capitals", "v1", "v2", [*answered(AFTER, 2), *answered(BEFORE, 1)])


def text_of(found: Comparison) -> str:
    return to_text(found.view(), 80)


def test_what_got_worse_and_better_is_counted_tested_and_listed_the_worse_first() -> None:
    found = two_versions()
    assert [key.partition("#")[2] for key in found.worse] == [str(row) for row in range(30, 38)]
    assert [key.partition("#")[2] for key in found.better] == ["38"]
    text = text_of(found)
    assert "8 worse, 1 better, 31 the same" in text
    assert "-17.5 points" in text
    # The exact binomial test of 1 of 9: 2 * (1 + 9) / 2**9.
    assert "p 0.039 (exact McNemar test)" in " ".join(text.split())
    assert text.index("8 samples got worse") < text.index("1 sample got better")
    assert max(map(len, text.splitlines())) <= 80


def test_answers_stand_side_by_side_with_what_differs_marked_in_text_and_in_html() -> None:
    found = two_versions()
    assert "✓ It is [-Paris-]" in text_of(found)
    assert "✗ It is {+Lyon+}" in text_of(found)
    html = forms(found.view())["text/html"]
    assert ">Paris</del>" in html
    assert ">Lyon</ins>" in html


def test_about_how_many_samples_two_points_need_is_said() -> None:
    assert "samples tell 2 points apart" in text_of(two_versions())
    same = compare_samples("capitals", "v1", "v2", [*answered(BEFORE, 1), *answered(BEFORE, 2)])
    assert "tell 2 points apart" not in text_of(same), "where nothing differs nobody knows"


def test_an_errored_sample_is_neither_worse_nor_the_same_but_left_out_and_counted() -> None:
    errored = [sample(row, 2, state="ERRORED", error="OSError: gone") for row in range(3)]
    found = compare_samples("capitals", "v1", "v2", [*answered(BEFORE, 1), *errored, *answered(AFTER, 2)[3:]])
    assert "8 worse, 1 better, 28 the same" in text_of(found)
    assert "3 in v2, left out of the difference" in text_of(found)
    changes = [record["change"] for record in found.records()]
    assert changes.count("errored") == 3


def test_samples_that_were_asked_something_else_are_said_and_compared_all_the_same() -> None:
    after = [sample(row, 2, input=f"Capital of {row}, in one word?") for row in range(14)]
    found = compare_samples("capitals", "v1", "v2", [*answered(BEFORE, 1), *after, *answered(AFTER, 2)[14:]])
    assert "14 samples have another input in v2" in text_of(found)
    assert sum(record["other_input"] for record in found.records()) == 14


def test_rows_that_are_paired_by_their_order_alone_are_said_to_be() -> None:
    after = [sample(row, 2, input=f"Capital of {row}, in one word?") for row in range(14)]
    every = [*answered(BEFORE, 1), *after, *answered(AFTER, 2)[14:]]
    keys = frozenset(one.key for one in every)
    unsure = compare_samples("capitals", "v1", "v2", every, unsure=keys)
    assert "Of 14 samples something else was asked, and no file names the row" in " ".join(
        text_of(unsure).split()
    )
    sure = compare_samples("capitals", "v1", "v2", every, unsure=frozenset())
    assert "no file says" not in text_of(sure)


def test_samples_of_one_side_alone_are_said_and_not_compared() -> None:
    found = compare_samples("capitals", "v1", "v2", [*answered(BEFORE, 1)[:30], *answered(AFTER, 2)])
    assert "10 samples in v2" in text_of(found)
    assert "0 worse, 0 better, 30 the same" in text_of(found)
    alone = [record for record in found.records() if record["change"] == "only after"]
    assert [(one["id_before"], one["answer_before"]) for one in alone] == [(None, None)] * 10
    assert [one["answer_after"] for one in alone] == ["It is Lyon"] * 8 + ["It is Paris", "It is Lyon"]
    back = compare_samples("capitals", "v2", "v1", [*answered(BEFORE, 1)[:30], *answered(AFTER, 2)])
    assert [record["change"] for record in back.records()].count("only before") == 10


def test_a_difference_is_red_where_it_is_worse_green_where_it_is_better_and_plain_where_it_is_chance() -> (
    None
):
    def tone(before: list[bool], after: list[bool]) -> str:
        found = compare_samples("capitals", "v1", "v2", [*answered(before, 1), *answered(after, 2)])
        [facts] = [part for part in found.view().parts if isinstance(part, Facts)]
        cell = facts.items["difference"]
        return cell.tone if isinstance(cell, Cell) else ""

    assert [tone(BEFORE, AFTER), tone(AFTER, BEFORE), tone(BEFORE, BEFORE)] == ["bad", "good", ""]


def test_of_a_single_sample_the_difference_has_no_p_value_and_is_said_all_the_same() -> None:
    one, other = sample(0, 1, score=0.5), sample(0, 2, score=0.25, input="long " * 60)
    text = " ".join(text_of(compare_samples("capitals", "v1", "v2", [one, other])).split())
    assert "difference -0.25 samples 1 worse" in text


def test_the_newest_answer_of_a_sample_is_shown_and_no_error_where_there_is_one() -> None:
    long = "Which of these? " + "a, " * 100
    tries = [sample(0, 2, run_id=run, answer=f"answer {run}", passed=False, input=long) for run in (5, 7, 6)]
    tries.append(sample(0, 2, run_id=8, state="ERRORED", error="OSError: gone", input=long))
    found = compare_samples("capitals", "v1", "v2", [sample(0, 1, input=long), *tries])
    [record] = found.records()
    assert (record["answer_after"], record["id_after"]) == ("answer 7", "2/own/7/0")
    [table] = [part for part in found.view().parts if isinstance(part, Table)]
    assert table.rows[0][1] == f"{long[:160]}…"


def test_two_candidates_are_compared_on_the_newest_version_both_ran_on() -> None:
    samples = [
        *answered(BEFORE, 3, "a"),
        *answered(BEFORE, 2, "a"),
        *answered(AFTER, 2, "b"),
        *answered(AFTER, 1, "b"),
    ]
    found = compare_samples("capitals", "a", "b", samples)
    assert [(side.pair.base.version, side.pair.other.version) for side in found.sides] == [(2, 2)]
    assert str(found).splitlines()[0] == "capitals: b beside a on v2"
    assert len(found.worse) == 8


def test_versions_are_compared_candidate_by_candidate_and_p_values_corrected_for_that() -> None:
    samples = [
        *answered(BEFORE, 1, "a"),
        *answered(AFTER, 2, "a"),
        *answered(BEFORE, 1, "b"),
        *answered(BEFORE, 2, "b"),
    ]
    found = compare_samples("capitals", "v1", "v2", samples)
    assert [side.pair.base.name for side in found.sides] == ["a", "b"]
    assert found.sides[0].p == pytest.approx(2 * 20 / 2**9)
    assert "Holm's correction for 2" in " ".join(text_of(found).split())


@pytest.mark.parametrize(
    ("one", "other", "message", "hint"),
    [
        (
            "v1",
            "v3",
            "v3 is neither a candidate nor a version",
            "there are: gemini-pro, gemini-flash, v2, v1",
        ),
        ("gemini-pr", "v1", "gemini-pr is neither", "Did you mean gemini-pro?"),
        ("flash", "v1", "flash is neither", "Did you mean gemini-flash?"),
        ("v1", "v1", "Both sides are v1", "There are: gemini-pro"),
        ("v1", "gemini-pro", "a version and a candidate", "There are: gemini-pro"),
        ("gemini-pro", "v1", "a version and a candidate", "There are: gemini-pro"),
        (
            "gemini-pro",
            "gemini-flash",
            "did not run on the same version",
            "kbench run capitals -m gemini-pro",
        ),
        ("v1", "v2", "No candidate ran on v1 and on v2", "kbench run capitals"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused_with_what_there_is(
    one: str, other: str, message: str, hint: str
) -> None:
    samples = [*answered(BEFORE, 2, "gemini-pro"), *answered(BEFORE, 1, "gemini-flash")]
    with pytest.raises(UsageError, match=message) as caught:
        compare_samples("capitals", one, other, samples)
    assert hint.lower() in str(caught.value.hint).lower()


def test_a_candidate_whose_name_looks_like_a_version_is_that_candidate() -> None:
    found = compare_samples("capitals", "v1", "v2", [*answered(BEFORE, 7, "v1"), *answered(AFTER, 7, "v2")])
    assert found.sides[0].names == ("v1", "v2")
    assert found.sides[0].pair.other.version == 7


def test_less_is_better_of_cost_latency_and_tokens() -> None:
    slow = [sample(row, 2, latency=2 + row % 3) for row in range(30)]
    quick = [sample(row, 1, latency=1 + row % 2) for row in range(30)]
    found = compare_samples("capitals", "v1", "v2", [*slow, *quick], measure="latency")
    assert len(found.worse) == 25
    assert "p <0.001 (paired t test)" in " ".join(text_of(found).split())
    assert "✗ 1.5 s" not in text_of(found)
    assert "Chosen since" not in text_of(found)


def test_repeats_of_a_sample_are_one_observation() -> None:
    """Five samples, each asked six times: 30 answers that all got worse are five samples that did."""
    before = [s for run in range(6) for s in answered([True] * 5, 1, run_id=10 + run)]
    after = [s for run in range(6) for s in answered([False] * 5, 2, run_id=20 + run)]
    [side] = compare_samples("capitals", "v1", "v2", [*before, *after]).sides
    assert side.p == pytest.approx(2 / 2**5)
    assert side.pair.difference is not None
    assert len(side.pair.keys) == 5


def test_runs_that_share_no_sample_are_compared_without_pairs_and_that_is_said() -> None:
    one = [sample(None, 1, run_id=run, score=0.5 + run / 10) for run in range(4)]
    other = [sample(None, 2, run_id=run, score=0.1 + run / 10) for run in range(4)]
    found = compare_samples("quiz", "v1", "v2", [*one, *other])
    text = " ".join(text_of(found).split())
    assert "4 and 4, none in common" in text
    assert "Welch's t test" in text
    assert found.worse == []
    assert [record["sample"] for record in found.records()] == [one.id for one in (*one, *other)]


def test_the_measure_is_score_where_every_version_returns_numbers_and_it_says_which_it_is() -> None:
    scored = [sample(row, 1, score=0.5) for row in range(3)]
    numbers = [*scored, *(sample(row, 2, score=0.25) for row in range(3))]
    assert compare_samples("quiz", "v1", "v2", numbers).measure == "score"
    mixed = compare_samples("quiz", "v1", "v2", [*scored, *(sample(row, 2) for row in range(3))])
    assert mixed.measure == "passed"
    assert "Measure: passed" in text_of(mixed)
    assert "Chosen since not every version returns numbers" in " ".join(text_of(mixed).split())
    lost = [*scored, *(sample(row, 2, state="ERRORED") for row in range(3))]
    assert compare_samples("quiz", "v1", "v2", lost).measure == "score", "errors do not change the question"


def test_without_scipy_the_samples_are_told_all_the_same_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib.util

    found_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "kbench_jupyter.results.statistics.libraries.find_spec",
        lambda name: None if name == "scipy" else found_spec(name),
    )
    for name in ("scipy", "scipy.special", "scipy.stats"):
        monkeypatch.setitem(sys.modules, name, None)
    text = " ".join(text_of(two_versions()).split())
    assert "8 worse, 1 better, 31 the same" in text
    assert "-17.5 points" in text
    assert "%pip install 'kbench-jupyter[stats]'" in text
    assert "p 0.039" not in text


def test_many_changed_samples_are_listed_in_part_and_told_in_full_in_the_data_frame() -> None:
    found = compare_samples("capitals", "v1", "v2", [*answered([True] * 50, 1), *answered([False] * 50, 2)])
    listed = [part for part in found.view().parts if isinstance(part, Table)]
    assert [len(table.rows) for table in listed] == [20]
    assert "and 30 more" in text_of(found)
    frame = found.to_dataframe()
    assert list(frame["change"].value_counts().items()) == [("worse", 50)]
    assert set(frame["value_after"]) == {0.0}


# Marks


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_marks_lose_and_add_nothing(one: str, other: str) -> None:
    left, right = marked(one, other)
    assert "".join(text for text, _ in left) == one
    assert "".join(text for text, _ in right) == other
    assert {kind for _, kind in left} <= {"", "gone"}
    assert {kind for _, kind in right} <= {"", "new"}


def test_marks_of_long_answers_begin_shortly_before_the_first_difference() -> None:
    left, right = marked("word " * 90 + "Paris " + "end " * 90, "word " * 90 + "Lyon " + "end " * 90)
    texts = ["".join(text for text, _ in pieces) for pieces in (left, right)]
    assert [text.startswith("…") and text.endswith("…") for text in texts] == [True, True]
    assert ("Paris" in texts[0], "Lyon" in texts[1]) == (True, True)
    assert max(map(len, texts)) < 260


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


@settings(deadline=None)  # the first text with wide characters loads their tables
@given(st.lists(st.tuples(st.text(), st.sampled_from(["", "gone", "new"])), min_size=1, max_size=5))
def test_what_a_model_wrote_is_inert_in_marked_pieces_too(pieces: list[tuple[str, str]]) -> None:
    dangerous = [(f"{text}<script>alert(1)</script>\x1b[31m", kind) for text, kind in pieces]
    cell = Cell("".join(text for text, _ in dangerous), pieces=dangerous)
    view = View("answers", [Table(["answer"], [[cell]])])
    html = Tags()
    html.feed(forms(view)["text/html"])
    assert "script" not in html.seen
    assert "\x1b" not in to_text(view)
