"""What a run file means, traps included; each expectation is a fact of kaggle_benchmarks 0.6.1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.results.comparison import Row, assertion_counts, group
from kbench_jupyter.results.runfiles import parse_run, read_run_files
from kbench_jupyter.results.samples import SampleIndex

COMPLETED, ERRORED = "BENCHMARK_TASK_RUN_STATE_COMPLETED", "BENCHMARK_TASK_RUN_STATE_ERRORED"


def run_json(name: str = "T", *, start: str = "2026-01-01T00:00:00.5Z", **fields: Any) -> dict[str, Any]:
    return {
        "taskVersion": {"name": name},
        "modelVersion": {"slug": "org/m"},
        "state": COMPLETED,
        "startTime": start,
        "endTime": "2026-01-01T00:00:03Z",
        **fields,
    }


def assertion(passed: bool) -> dict[str, Any]:
    status = "BENCHMARK_TASK_RUN_ASSERTION_STATUS_" + ("PASSED" if passed else "FAILED")
    return {"expectation": "e", "status": status, "lineNumber": 4}


def test_an_errored_run_is_errored_and_has_no_result_though_it_carries_false() -> None:
    run = parse_run(run_json(state=ERRORED, results=[{"booleanResult": False}], errorMessage="Boom"))
    assert run.errored
    assert run.outcome is None
    assert run.passed is False


def test_a_score_of_zero_is_a_score() -> None:
    run = parse_run(run_json(results=[{"type": "AGGREGATED", "numericResult": {}}]))
    assert run.score == 0.0
    assert run.passed is True


def test_a_confidence_interval_comes_with_its_score() -> None:
    run = parse_run(run_json(results=[{"numericResult": {"value": 0.5, "confidenceInterval": 0.1}}]))
    assert (run.score, run.interval) == (0.5, 0.1)


def test_a_failed_assertion_fails_the_run_whatever_it_returns() -> None:
    run = parse_run(
        run_json(results=[{"booleanResult": True}], assertions=[assertion(True), assertion(False)])
    )
    assert run.passed is False
    assert [a.line for a in run.assertions] == [4, 4]


def test_a_false_result_fails_the_run() -> None:
    assert parse_run(run_json(results=[{"booleanResult": False}])).passed is False


def test_a_failed_subrun_fails_the_run() -> None:
    assert parse_run(run_json(subruns=[run_json(state=ERRORED)])).passed is False


def test_a_run_still_going_has_no_verdict() -> None:
    assert parse_run(run_json(state="BENCHMARK_TASK_RUN_STATE_RUNNING")).passed is None


def test_usage_is_summed_over_conversations_and_subruns_and_costs_come_as_strings() -> None:
    metrics = {
        "inputTokens": 10,
        "outputTokens": 5,
        "inputTokensCostNanodollars": "1000000",
        "outputTokensCostNanodollars": "2000000",
        "totalBackendLatencyMs": "250",
    }
    conversations = [{"id": "c", "metrics": metrics}]
    run = parse_run(run_json(conversations=conversations, subruns=[run_json(conversations=conversations)]))
    assert (run.usage.input_tokens, run.usage.output_tokens) == (20, 10)
    assert run.usage.cost == pytest.approx(0.006)
    assert run.usage.latency == pytest.approx(0.5)


def test_an_unknown_cost_is_unknown_and_not_zero() -> None:
    assert parse_run(run_json(conversations=[{"metrics": {}}])).usage.cost is None


def test_a_run_in_which_something_was_said_called_a_model_where_no_usage_tells() -> None:
    contents = [{"role": "CONTENT_ROLE_USER", "senderName": "User", "parts": [{"text": "Hi"}]}]
    assert parse_run(run_json(conversations=[{"id": "c", "requests": [{"contents": contents}]}])).called
    assert not parse_run(run_json(conversations=[{"id": "c", "requests": [{"contents": []}]}])).called


def test_a_subrun_that_has_a_file_of_its_own_is_counted_once(tmp_path: Path) -> None:
    sub = run_json("sub", start="2026-01-01T00:00:01Z")
    (tmp_path / "main.run.json").write_text(json.dumps(run_json("main", subruns=[sub])))
    (tmp_path / "sub.run.json").write_text(json.dumps(sub))
    assert [run.task for run in read_run_files(tmp_path)] == ["main"]


@pytest.mark.parametrize("text", ["{", "", "[]", "\x00", '{"startTime": "soon"}', '{"startTime": 5}'])
def test_a_file_that_is_no_run_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.run.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.run\.json"):
        read_run_files(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"results": [None, {"numericResult": None}]},
        {"results": {"booleanResult": True}},
        {"subruns": [None]},
        {"assertions": ["x"]},
        {"taskVersion": "x", "modelVersion": [1]},
        {"conversations": [None, {"metrics": {"inputTokens": None, "outputTokens": None}}]},
        {"conversations": [{"requests": [{"contents": [None, {"parts": [None, {"fileData": "x"}]}]}]}]},
    ],
)
def test_null_or_something_else_where_a_list_or_an_object_belongs_is_none(fields: dict[str, Any]) -> None:
    assert parse_run({**run_json(), **fields}).usage.input_tokens == 0


def test_null_where_a_text_belongs_says_nothing() -> None:
    made = {"expectation": None, "definition": None, "lineNumber": "<b>4</b>"}
    run = parse_run(run_json(taskVersion={"name": None, "definition": None}, assertions=[made], state=None))
    assert (run.task, run.state) == ("", "UNSPECIFIED")
    assert (run.assertions[0].expectation, run.assertions[0].line) == ("", None)


@pytest.mark.parametrize("told", ["NaN", "Infinity", "-Infinity", float("nan"), float("inf")])
def test_an_interval_and_a_usage_without_a_finite_value_are_unknown(told: Any) -> None:
    numeric = {"value": 0.5, "confidenceInterval": told}
    metrics = {"inputTokensCostNanodollars": told, "totalBackendLatencyMs": told}
    run = parse_run(run_json(results=[{"numericResult": numeric}], conversations=[{"metrics": metrics}]))
    assert (run.score, run.interval, run.usage.cost, run.usage.latency) == (0.5, None, None, None)


def test_times_without_a_zone_are_utc_and_stand_beside_those_with_one(tmp_path: Path) -> None:
    (tmp_path / "a.run.json").write_text(json.dumps(run_json("second", start="2026-01-01T00:00:01")))
    (tmp_path / "b.run.json").write_text(json.dumps(run_json("first", start="2026-01-01T00:00:00Z")))
    first, second = read_run_files(tmp_path)
    assert (first.task, second.task, second.elapsed) == ("first", "second", 2)


def test_a_number_of_more_digits_than_python_reads_is_said_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "x.run.json").write_text('{"x": 1' + "0" * 5_000 + "}")
    with pytest.raises(ValueError, match=r"x\.run\.json"):
        read_run_files(tmp_path)


@given(st.integers(0, 999_999_999))
def test_any_fraction_of_a_second_is_read(nanoseconds: int) -> None:
    run = parse_run(run_json(start=f"2026-01-01T00:00:00.{nanoseconds:09d}Z"))
    assert run.started is not None
    assert run.started.microsecond == nanoseconds // 1000


def test_downloads_become_rows_newest_version_first(tmp_path: Path) -> None:
    for place in ("2/model-b/21", "10/model-a/5", "2/model-a/20", "2/model-a/.20.before"):
        folder = tmp_path / "task" / place
        folder.mkdir(parents=True)
        (folder / "r.run.json").write_text(json.dumps(run_json()))
    (tmp_path / "task/2/model-c/22").mkdir(parents=True)
    rows = [(row.version, row.model, row.run_id) for row in SampleIndex.open(tmp_path, "task").rows()]
    assert rows == [(10, "model-a", 5), (2, "model-a", 20), (2, "model-b", 21)]


def rows_of(tmp_path: Path, *runs: dict[str, Any]) -> list[Row]:
    for number, run in enumerate(runs):
        folder = tmp_path / f"task/1/m/{number}"
        folder.mkdir(parents=True)
        (folder / "r.run.json").write_text(json.dumps(run))
    return SampleIndex.open(tmp_path, "task").rows()


def test_a_mean_score_takes_its_interval_from_the_spread_and_one_score_keeps_its_own(tmp_path: Path) -> None:
    scores = [run_json(results=[{"numericResult": {"value": v, "confidenceInterval": 9}}]) for v in (1, 2, 3)]
    [together] = group(rows_of(tmp_path / "three", *scores))
    assert together.score == 2
    assert together.score_interval == pytest.approx(4.302653 / 3**0.5)  # Student's t, two degrees of freedom
    [alone] = group(rows_of(tmp_path / "one", scores[0]))
    assert (alone.score, alone.score_interval) == (1, 9)


def test_assertions_are_counted_over_a_models_runs_in_the_order_they_are_made(tmp_path: Path) -> None:
    def said(expectation: str, passed: bool) -> dict[str, Any]:
        return {**assertion(passed), "expectation": expectation}

    rows = rows_of(
        tmp_path,
        run_json(assertions=[said("first", True), said("second", False)]),
        run_json(assertions=[said("first", False)], state=ERRORED),
        run_json(assertions=[said("first", True), said("third", True), said("third", True)]),
    )
    counts = assertion_counts(group(rows))
    assert counts == {"first": {"m": (2, 3)}, "second": {"m": (0, 1)}, "third": {"m": (2, 2)}}
    assert list(counts) == ["first", "second", "third"]
