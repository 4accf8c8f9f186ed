"""The forecast before a run: from what earlier runs really took, and "unknown" where nobody knows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import faults
import pytest
from candidates import CandidateApi
from hypothesis import given
from hypothesis import strategies as st
from IPython.utils.capture import capture_output
from loopback_session import LoopbackSession, add_run, zipped
from watch_doubles import Said

from kbench_jupyter.actions.download import download
from kbench_jupyter.actions.forecast import Expected, Forecast
from kbench_jupyter.actions.run import run

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


def add_used(
    api: Any, number: int, model: str = "quick-1", *, tokens: int, dollars: float | None, **fields: Any
) -> None:
    """Put a completed run of 40 seconds into a recorder, whose run file tells what it used."""
    metrics: dict[str, Any] = {"inputTokens": str(tokens - 100), "outputTokens": "100"}
    if dollars is not None:
        metrics["inputTokensCostNanodollars"] = str(round(dollars * 1e9))
    file = {
        "taskVersion": {"name": "quiz"},
        "modelVersion": {"slug": f"org/{model}"},
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "conversations": [{"id": "c", "metrics": metrics}],
        "results": [{"booleanResult": True}],
    }
    end = BEGAN + timedelta(seconds=40)
    add_run(api, number, model, startTime=BEGAN.isoformat(), endTime=end.isoformat(), **fields)
    api.archives[number] = zipped(quiz_run_json=json.dumps(file))


def forecast(said: Said) -> list[str]:
    lines = [line for line in said.lines if line.startswith(("Forecast", "All", "Ended", "End "))]
    return [line for line in lines if line]


def test_tokens_cost_and_time_are_those_of_earlier_runs_and_the_quota_left_is_said(
    server: faults.FaultServer, kbench: Any, tmp_path: Path
) -> None:
    add_used(server.api, 11, tokens=12_000, dollars=0.002)
    add_used(server.api, 12, tokens=13_000, dollars=0.004)
    with capture_output():
        kbench("download quiz")
    with capture_output() as shown:
        kbench("run quiz -m quick-1")
    said = " ".join(shown.stdout.split())
    assert "Forecast for each run: quick-1 about 12,500 tokens, $0.0030, 40.0 s." in said
    assert "Ended in about 40.0 s; $8.50 of today's quota left." in said
    assert said.index("Forecast") < said.index("Scheduling quiz"), "it is said before anything is sent"


def test_repeats_and_candidates_are_added_up_and_what_is_unknown_is_said(
    server: faults.FaultServer, session: LoopbackSession, said: Said, tmp_path: Path
) -> None:
    add_used(server.api, 11, tokens=12_000, dollars=0.002)
    add_used(server.api, 12, "plain-1", tokens=5_000, dollars=None)
    download(session, "quiz", output=tmp_path / "elsewhere")
    run(session, "quiz", ["quick-1", "plain-1", "new-1"], repeat=2)
    assert forecast(said)[0] == (
        "Forecast for each run: quick-1 about 12,000 tokens, $0.0020, 40.0 s; "
        "plain-1 about 5,000 tokens, cost unknown, 40.0 s; new-1 unknown."
    )
    [whole] = [line for line in said.lines if line.startswith("All 6 runs")]
    assert "at least 34,000 tokens, at least $0.0040; ended in at least 1 min 20 s" in whole


def test_the_newest_version_that_ran_counts_and_runs_that_errored_do_not(
    server: faults.FaultServer, session: LoopbackSession, said: Said, tmp_path: Path
) -> None:
    add_used(server.api, 11, tokens=90_000, dollars=9.0)
    add_used(server.api, 12, tokens=1_000, dollars=0.25, version=2)
    add_used(server.api, 13, tokens=70_000, dollars=7.0, version=3, state="ERRORED")
    download(session, "quiz", output=tmp_path)
    run(session, "quiz", ["quick-1"])
    assert "about 1,000 tokens, $0.2500" in forecast(said)[0]


def test_an_effort_is_forecast_from_its_own_runs_and_not_the_models(
    server: faults.FaultServer, session: LoopbackSession, said: Said, tmp_path: Path
) -> None:
    add_used(server.api, 11, tokens=1_000, dollars=0.1)
    add_used(server.api, 12, tokens=8_000, dollars=0.8, modelVersionConfigSlug="quick-1-high")
    download(session, "quiz", output=tmp_path)
    run(session, "quiz", ["quick-1"], effort="high")
    assert "quick-1 (high) about 8,000 tokens, $0.8000" in forecast(said)[0]


def test_tokens_are_those_of_the_rehearsal_where_no_run_tells_and_a_price_is_never_guessed(
    session: LoopbackSession, said: Said
) -> None:
    session.rehearsed["quiz"] = 4_321
    run(session, "quiz", ["quick-1"])
    assert "quick-1 about 4,320 tokens (as rehearsed), cost unknown, time unknown" in forecast(said)[0]


def test_where_nothing_is_known_one_line_says_so(session: LoopbackSession, said: Said) -> None:
    run(session, "quiz", ["quick-1"])
    [line] = forecast(said)
    assert line.startswith("Forecast: tokens, cost and end unknown")
    assert line.endswith("$8.50 of today's quota left.")


def test_a_quota_that_cannot_be_had_is_left_out_and_delays_nothing(
    server: faults.FaultServer, session: LoopbackSession, said: Said
) -> None:
    server.inject("GetBenchmarkTaskQuota", faults.hang)
    began = time.monotonic()
    run(session, "quiz", ["quick-1"])
    assert time.monotonic() - began < 3, "its time-out is 5 seconds"
    assert "quota" not in forecast(said)[0]
    server.inject("GetBenchmarkTaskQuota", faults.envelope(403))
    run(session, "quiz", ["quick-1"])
    assert "quota" not in forecast(said)[-1]


def test_damaged_downloads_and_those_of_another_server_are_no_basis(
    server: faults.FaultServer, session: LoopbackSession, said: Said, tmp_path: Path
) -> None:
    add_used(server.api, 11, tokens=12_000, dollars=0.002)
    add_used(server.api, 12, tokens=12_000, dollars=0.002)
    done = download(session, "quiz", output=tmp_path)
    (done.runs[0].folder / "quiz.run.json").write_text("{")
    note = done.runs[1].folder / ".kbench-download.json"
    note.write_text(note.read_text().replace(server.url, "https://elsewhere.example"))
    run(session, "quiz", ["quick-1"])
    assert "tokens unknown, cost unknown, 40.0 s" in forecast(said)[0]


def test_more_than_the_quota_left_is_marked() -> None:
    dear = Forecast((Expected("quick-1", 10.0, 3.0, 5.0),), 2, left=4.5)
    assert "only $4.50 of today's quota left" in dear.lines()[1]


def test_the_end_is_said_as_a_time_of_day_where_it_is_minutes_away() -> None:
    two = Forecast((Expected("a", 1.0, 1.0, 120.0), Expected("b", 1.0, 1.0, 240.0)))
    assert "ended in about 4 min 00 s to 6 min 00 s (12:04 to 12:06)" in two.lines(BEGAN)[1]


NUMBER = st.none() | st.floats(0, 1e9)
EXPECTED = st.builds(Expected, st.sampled_from(["a", "b"]), NUMBER, NUMBER, NUMBER, st.booleans())


@given(st.lists(EXPECTED, max_size=6), st.integers(1, 50), NUMBER)
def test_any_forecast_is_two_lines_at_most_and_unknown_is_never_a_number(
    each: list[Expected], repeat: int, left: float | None
) -> None:
    lines = Forecast(tuple(each), repeat, left).lines(BEGAN)
    assert len(lines) <= 2
    assert "None" not in "".join(lines)
    if left is None and all(one.cost is None for one in each):
        assert "$" not in "".join(lines)
    if any(one.unknown for one in each[:3]):
        assert "unknown" in lines[0]
