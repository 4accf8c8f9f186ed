"""What the samples of a run are, which row each is of, and what a listing, a grid and a transcript say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples_written import check, evaluated, put, run, said

from kbench_jupyter.errors import UsageError
from kbench_jupyter.results.samples import Column, Filter, Sample, SampleIndex, value


def samples(output: Path, **asked: object) -> list[Sample]:
    return list(SampleIndex.open(output, "t").samples(**asked))  # type: ignore[arg-type]


def test_a_run_without_subruns_is_its_own_sample(tmp_path: Path) -> None:
    put(tmp_path, "3/m/7", run(result=0.84, conversations=[said("Hi", "Ho")], assertions=[check("polite")]))
    [one] = samples(tmp_path)
    assert (one.id, one.key, one.version, one.candidate, one.run_id) == ("3/m/7/", "", 3, "m", 7)
    assert (one.input, one.answer, one.result, one.score, one.passed) == ("Hi", "Ho", "0.84", 0.84, False)
    assert (one.held, one.checks, one.failed, one.input_tokens, one.output_tokens) == (
        0,
        1,
        ("polite",),
        3,
        2,
    )


def test_rows_are_samples_in_the_rows_order_whichever_ended_first(tmp_path: Path) -> None:
    put(tmp_path, "1/m/7", evaluated(True, False, True, order=[2, 0, 1]))
    found = samples(tmp_path)
    assert [(one.key, one.row, one.input) for one in found] == [
        (f"One#{n}", n, f"question {n}") for n in range(3)
    ]
    assert [one.id for one in found] == ["1/m/7/1", "1/m/7/2", "1/m/7/0"]


def test_rows_that_were_asked_the_same_are_the_same_row_in_every_run(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True, False, True))
    twisted = evaluated(True, True, False)
    twisted["subruns"][0]["pyRunId"], twisted["subruns"][1]["pyRunId"] = "One-Run #2", "One-Run #1"
    put(tmp_path, "1/b/2", twisted)
    paired = {(one.candidate, one.key): one.input for one in samples(tmp_path)}
    assert [paired["a", f"One#{n}"] for n in range(3)] == [paired["b", f"One#{n}"] for n in range(3)]


def test_another_wording_of_all_rows_is_paired_by_their_order(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True, False))
    put(tmp_path, "2/a/2", evaluated(True, True, question="now {}"))
    index = SampleIndex.open(tmp_path, "t")
    rows = index.keys()
    assert [(row.key, len(row.cells)) for row in rows] == [
        ("One#0", 2),
        ("One#1", 2),
    ]
    assert index.unsure() == {"One#0", "One#1"}


def test_a_row_with_a_file_of_its_own_is_known_by_its_label_and_a_second_try_counts_as_such(
    tmp_path: Path,
) -> None:
    whole = evaluated(True, True, question="the same for all")
    tried = run("One", number=3, errorMessage="OSError: gone", conversations=[said("alone")])
    again = run("One", number=4, conversations=[said("alone", "fine")])
    whole["subruns"] += [tried, again]
    first, second = whole["subruns"][:2]
    names = tuple(f"One-run_param_id_{label}_org_m.run.json" for label in (10, "paris", 12))
    put(tmp_path, "1/a/1", first, second, again, names=names)
    put(tmp_path, "1/a/1", whole, names=("All-run_id_Run_1_org_m.run.json",))
    found = {one.key: one for one in samples(tmp_path)}
    assert {key: (one.row, one.retries) for key, one in found.items()} == {
        "One#10": (10, 0),
        "One#paris": (None, 0),
        "One#12": (12, 1),
    }
    assert SampleIndex.open(tmp_path, "t").unsure() == set()


def test_sub_tasks_are_samples_by_the_order_of_their_calls(tmp_path: Path) -> None:
    calls = [run("Adds", number=2), run("Adds", number=1), run("Opposite", number=1)]
    put(tmp_path, "1/m/1", run("Day", result={"a": 1}, subruns=[run("Half", subruns=calls), run("Last")]))
    found = [(one.key, one.row, one.id.rpartition("/")[2]) for one in samples(tmp_path)]
    assert found == [
        ("Adds#0", None, "0.1"),
        ("Adds#1", None, "0.0"),
        ("Last#0", None, "1"),
        ("Opposite#0", None, "0.2"),
    ]


def test_rows_that_a_sub_task_evaluates_are_samples_also_where_it_asks_the_model_itself(
    tmp_path: Path,
) -> None:
    asks = {**evaluated(True, False), "conversations": [said("Why?", "So.")]}
    put(tmp_path, "1/m/1", run("Day", subruns=[asks, run("Last")]))
    found = [(one.key, one.passed, one.id.rpartition("/")[2]) for one in samples(tmp_path)]
    assert found == [("Last#0", True, "1"), ("One#0", True, "0.0"), ("One#1", False, "0.1")]


def test_a_run_passed_only_where_none_of_its_rows_failed(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True, True))
    put(tmp_path, "1/b/2", evaluated(True, False))
    put(tmp_path, "1/c/3", evaluated(False, True))
    rows = SampleIndex.open(tmp_path, "t").rows()
    assert [(row.candidate, row.result.passed) for row in rows] == [("a", True), ("b", False), ("c", False)]


def test_a_model_was_called_where_something_was_said_though_nobody_counted_its_tokens(tmp_path: Path) -> None:
    asked = {**said("Why?", "So."), "metrics": {}}
    put(tmp_path, "1/a/1", run(conversations=[asked], subruns=[run("Helper")]))
    put(tmp_path, "1/b/2", run(subruns=[run("Helper")]))
    put(tmp_path, "1/c/3", run(subruns=[run("Helper", conversations=[asked])]))
    rows = SampleIndex.open(tmp_path, "t").rows()
    assert [(row.candidate, row.result.called) for row in rows] == [("a", True), ("b", False), ("c", True)]


def test_a_run_that_asked_the_model_itself_is_one_sample_with_its_sub_tasks_below(tmp_path: Path) -> None:
    judged = run("Judge", result=False, conversations=[said("Is it?", "No")], assertions=[check("fair")])
    put(tmp_path, "1/m/1", run(conversations=[said("Why?", "So.")], subruns=[judged]))
    index = SampleIndex.open(tmp_path, "t")
    [one] = index.samples()
    assert (one.id, one.answer, one.children, one.passed, one.failed) == (
        "1/m/1/",
        "So.",
        1,
        False,
        ("fair",),
    )
    [child] = index.transcript(one.id).children
    assert (child.id, child.task, child.passed) == ("1/m/1/0", "Judge", False)
    assert index.transcript(child.id).sample.answer == "No"


def test_several_runs_in_one_folder_are_told_apart_and_repeats_of_one_question_share_a_key(
    tmp_path: Path,
) -> None:
    put(tmp_path, "1/m/1", *(run(number=n, conversations=[said("Same?", str(n))]) for n in (1, 2)))
    put(tmp_path, "1/m/2", *(run(number=n, conversations=[said(f"Other {n}?", "x")]) for n in (1, 2)))
    index = SampleIndex.open(tmp_path, "t")
    assert [(one.id, one.key) for one in index.samples()] == [
        ("1/m/1/0", ""),
        ("1/m/1/1", ""),
        ("1/m/2/0", "Task#0"),
        ("1/m/2/1", "Task#1"),
    ]
    assert [index.transcript(one.id).sample for one in index.samples()] == list(index.samples())


def test_the_answer_is_the_models_and_not_a_judges(tmp_path: Path) -> None:
    judge = said("Good?", "Very", name="Response assessment with org/judge-0a1b2c3d")
    put(tmp_path, "1/m/1", run(conversations=[said("Why?", "So."), judge]))
    assert [one.answer for one in samples(tmp_path)] == ["So."]


def test_an_errored_sample_has_its_last_line_and_no_value_in_any_measure(tmp_path: Path) -> None:
    put(tmp_path, "1/m/1", evaluated(True, "ValueError: no number"))
    one = samples(tmp_path, where=Filter(errored=True))[0]
    assert (one.errored, one.error, one.result, one.passed) == (True, "ValueError: no number", "", False)
    assert {value(one, measure) for measure in ("score", "passed", "checks", "tokens")} == {None}


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (Filter(failed=True), [1, 2]),
        (Filter(errored=True), [2]),
        (Filter(text="QUESTION 0"), [0]),
        (Filter(text="no number"), [2]),
        (Filter(text="%"), []),
        (Filter(failed=True, text="answer"), [1]),
        (Filter(candidates=("m",), versions=(1,)), [0, 1, 2]),
        (Filter(candidates=("other",)), []),
        (Filter(versions=(None,)), []),
    ],
)
def test_a_filter_takes_those_for_which_all_of_it_holds(
    tmp_path: Path, where: Filter, rows: list[int]
) -> None:
    put(tmp_path, "1/m/1", evaluated(True, False, "ValueError: no number"))
    index = SampleIndex.open(tmp_path, "t")
    assert [one.row for one in index.samples(where)] == rows
    assert index.count(where) == index.count_keys(where) == len(rows)


def test_samples_are_found_by_an_assertion_that_failed_and_only_by_the_whole_of_it(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", run(assertions=[check('Says "ü"'), check("Is short", passed=True)]))
    put(tmp_path, "1/b/2", run(assertions=[check('Says "ü" twice')]))
    index = SampleIndex.open(tmp_path, "t")
    assert [one.candidate for one in index.samples(Filter(assertion='Says "ü"'))] == ["a"]
    assert list(index.samples(Filter(assertion="Is short"))) == []
    assert index.failures() == {'Says "ü"': [1, 0], 'Says "ü" twice': [0, 1]}


def test_what_has_no_value_comes_last_in_either_order(tmp_path: Path) -> None:
    for n, score in enumerate((0.5, True, 0.9)):
        put(tmp_path, f"1/m{n}/{n}", run(result=score))
    assert [one.score for one in samples(tmp_path, order="score")] == [0.5, 0.9, None]
    assert [one.score for one in samples(tmp_path, order="-score")] == [0.9, 0.5, None]
    with pytest.raises(UsageError, match="price"):
        samples(tmp_path, order="price")


def test_the_grid_has_a_row_a_key_and_pages_in_any_order(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True, False, True, True))
    put(tmp_path, "1/b/2", evaluated(True, True, "OSError: gone", True))
    put(tmp_path, "1/b/3", evaluated(True, True, True, False))
    index = SampleIndex.open(tmp_path, "t")
    a, b = index.columns()
    assert (a, b) == (Column(1, "a"), Column(1, "b"))
    rows = index.keys()
    assert [row.key for row in rows] == [f"One#{n}" for n in range(4)]
    assert [row.differing for row in rows] == [False, True, True, True]
    assert rows[2].cells[b].ids == ("1/b/3/2", "1/b/2/2")
    assert (rows[2].cells[b].passed, rows[2].cells[b].errored) == (1, 1)
    assert [row.key for row in index.keys(Filter(differing=True))] == ["One#1", "One#2", "One#3"]
    assert [row.key for row in index.keys(offset=1, limit=2)] == ["One#1", "One#2"]
    assert index.keys(order="passed", limit=1, column=a)[0].key == "One#1"
    [narrow] = index.keys(Filter(errored=True))
    assert set(narrow.cells) == {a, b}
    assert index.count_keys(Filter(differing=True, candidates=("a",))) == 0


def test_what_got_worse_is_told_by_a_candidates_two_newest_versions(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(False, False, False, False))
    put(tmp_path, "2/a/2", evaluated(True, True, True, False))
    put(tmp_path, "2/b/3", evaluated(True, True, True, True))
    index = SampleIndex.open(tmp_path, "t")
    assert index.successions() == [(Column(1, "a"), Column(2, "a"))]
    assert index.count_keys(Filter(worse=True)) == 0
    put(tmp_path, "3/a/4", evaluated(False, True, "OSError: gone", True))
    index = SampleIndex.open(tmp_path, "t")
    assert [row.key for row in index.keys(Filter(worse=True))] == ["One#0"]
    assert [one.key for one in index.samples(Filter(worse=True, versions=(3,)))] == ["One#0"]
    assert index.count_keys(Filter(worse=True, failed=True, text="question 1")) == 0


@pytest.mark.parametrize(("before", "now", "found"), [(0.5, 0.4, 1), (0.4, 0.5, 0), (0.1 + 0.2, 0.3, 0)])
def test_a_lower_score_is_worse(tmp_path: Path, before: float, now: float, found: int) -> None:
    put(tmp_path, "1/a/1", run(result=before))
    put(tmp_path, "2/a/2", run(result=now))
    assert SampleIndex.open(tmp_path, "t").count_keys(Filter(worse=True)) == found


def test_the_same_scores_in_another_order_do_not_differ(tmp_path: Path) -> None:
    for n, score in enumerate((0.1, 0.2, 0.3)):
        put(tmp_path, f"1/a/{n}", run(result=score))
        put(tmp_path, f"1/b/{10 - n}", run(result=score))
    index = SampleIndex.open(tmp_path, "t")
    [row] = index.keys()
    assert (row.differing, index.count_keys(Filter(differing=True))) == (False, 0)


def test_a_transcript_is_found_by_its_id_also_behind_text_of_several_bytes(tmp_path: Path) -> None:
    whole = evaluated(True, False, True, question="ä€😀 {}")
    file = put(tmp_path, "1/m/1", whole)
    import json

    file.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    index = SampleIndex.open(tmp_path, "t")
    for one in index.samples():
        assert index.transcript(one.id).sample == one
    for unknown in ("1/m/1/3", "1/m/1/0.0", "1/m/1/x", "1/m/2/", "1/m/1/", "", "../1/m/1/0"):
        with pytest.raises(KeyError):
            index.transcript(unknown)


def test_a_transcript_opens_whose_task_is_named_with_half_a_character(tmp_path: Path) -> None:
    rows = [run("half \ud800 a character", number=n) for n in (1, 2)]
    put(tmp_path, "1/m/1", rows[0])
    put(tmp_path, "1/m/2", run(subruns=rows))
    index = SampleIndex.open(tmp_path, "t")
    found = list(index.samples())
    assert len(found) == 3
    assert all(index.transcript(one.id).sample == one for one in found)


def test_a_text_that_is_null_is_none(tmp_path: Path) -> None:
    put(tmp_path, "1/m/1", run(conversations=[said(None, "answer")]))  # type: ignore[arg-type]
    [one] = SampleIndex.open(tmp_path, "t").samples()
    assert (one.input, one.answer) == ("", "answer")


def test_a_file_that_is_left_out_counts_nowhere(tmp_path: Path) -> None:
    put(tmp_path, "1/m/1", run(conversations=[said("q", "a") | {"metrics": {"inputTokens": -(10**30)}}]))
    left_out = []
    index = SampleIndex.open(tmp_path, "t")
    assert index.rows(on_damage=lambda path, _: left_out.append(path.name)) == list(index.samples()) == []
    assert left_out == ["r0.run.json"]


def test_an_index_that_is_limited_to_some_runs_knows_no_other(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", run(result=False))
    put(tmp_path, "1/b/2", run())
    rows = SampleIndex.open(tmp_path, "t").rows()
    index = SampleIndex.open(tmp_path, "t", runs=rows[:1])
    assert [one.candidate for one in index.samples()] == ["a"]
    assert index.columns() == [Column(1, "a")]
    with pytest.raises(KeyError):
        index.transcript("1/b/2/")
