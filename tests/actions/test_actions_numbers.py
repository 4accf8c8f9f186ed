"""Scores read as what they are wherever one meets them: in text, HTML, records, charts and panels."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from loopback_session import LoopbackSession, add_run, zipped

from kbench_jupyter.display.view import forms
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.results.chart import MIME_TYPE

SCORES = {"m1": 0.84312, "m2": 0.84347, "m3": 2601845, "m4": 99.99996, "m5": 9999999}
TEXTS = {"m1": "0.84312", "m2": "0.84347", "m3": "2601845", "m4": "99.99996", "m5": "9999999"}


def run_file(value: float, **numeric: float) -> bytes:
    """Return what a run with a score leaves, as the SDK writes it."""
    run = {
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "results": [{"numericResult": {"value": value, **numeric}}],
    }
    return zipped(r_run_json=json.dumps(run))


@pytest.fixture
def typed(server: faults.FaultServer, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types a line in a real shell, and returns its value and what was shown of it."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")

    def type_line(line: str) -> tuple[Any, str]:
        with capture_output() as shown:
            done = shell.run_cell(f"%kbench {line}", store_history=True)
        done.raise_error()
        return done.result, shown.stdout

    return type_line


def scored(server: faults.FaultServer, scores: dict[str, float], **numeric: float) -> None:
    for number, (model, score) in enumerate(scores.items(), 1):
        add_run(server.api, number, model)
        server.api.archives[number] = run_file(score, **numeric)


def test_scores_read_as_what_they_are_in_every_form_of_a_comparison(
    server: faults.FaultServer, typed: Any
) -> None:
    scored(server, SCORES)
    found, text = typed("results quiz")
    html = forms(found.view())["text/html"]
    chart = found.chart._repr_mimebundle_()
    bars = {bar["candidate"]: (bar["value"], bar["text"]) for bar in chart[MIME_TYPE]["data"]["values"]}
    panel = ResultsPart(LoopbackSession(server), found)
    groups = {group["model"]: group for group in panel.get("groups")}
    words = {row["model"]: row["word"] for row in panel.rows}
    drawn = {line.split()[0]: line.split()[-1] for line in chart["text/plain"].splitlines()[1:]}
    for model, shown in TEXTS.items():
        assert re.search(rf"^{model} .* {re.escape(shown)}$|^{model} .* {re.escape(shown)} ", text, re.M), (
            text
        )
        assert f">{shown}<" in html
        assert bars[model] == (SCORES[model], shown)
        assert (groups[model]["scoreText"], groups[model]["valueText"]) == (shown, shown)
        assert words[model] == shown
    assert drawn == TEXTS
    assert {row["model"]: row["score"] for row in found.records()} == SCORES


def test_scores_that_differ_late_are_told_apart_where_they_stand_together(
    server: faults.FaultServer, typed: Any
) -> None:
    scored(server, {"m1": 0.843121111, "m2": 0.843122222})
    found, text = typed("results quiz")
    assert "0.843121 " in f"{text} ".replace("\n", " ")
    assert "0.843122 " in f"{text} ".replace("\n", " ")
    panel = ResultsPart(LoopbackSession(server), found)
    assert [row["word"] for row in panel.rows] == ["0.843121", "0.843122"]


def test_an_interval_is_said_alike_by_table_chart_and_panel(server: faults.FaultServer, typed: Any) -> None:
    scored(server, {"m1": 0.84312}, confidenceInterval=0.0213)
    found, text = typed("results quiz")
    assert "0.84312 ± 0.021" in text
    assert "0.84312 (± 0.021)" in str(found.chart)
    [group] = ResultsPart(LoopbackSession(server), found).get("groups")
    assert (group["scoreText"], group["valueText"], group["spreadText"]) == (
        "0.84312 ± 0.021",
        "0.84312",
        "± 0.021",
    )


@pytest.mark.parametrize("nothing", [sys.float_info.max, float("nan"), float("inf")])
def test_a_score_without_a_finite_value_is_said_to_have_none_and_is_no_number_to_reckon_with(
    server: faults.FaultServer, typed: Any, nothing: float
) -> None:
    scored(server, {"m1": nothing, "m2": 0.5})
    found, text = typed("results quiz")
    assert "no finite value" in text
    by_model = {row["model"]: row["score"] for row in found.records()}
    assert by_model["m1"] != by_model["m1"], "not a number"
    assert by_model["m2"] == 0.5
    panel = ResultsPart(LoopbackSession(server), found)
    json.dumps([panel.get("groups"), found.chart._repr_mimebundle_()], allow_nan=False)
    assert "no finite value" in str(found.chart)
    assert typed("results quiz --format json")[1].count("null") >= 1


def test_a_pass_rate_says_the_digits_that_tell_it_apart(server: faults.FaultServer, typed: Any) -> None:
    for number, passes in enumerate([True, True, False], 1):
        add_run(server.api, number, "m1")
        run = {"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED", "results": [{"booleanResult": passes}]}
        server.api.archives[number] = zipped(r_run_json=json.dumps(run))
    found, _ = typed("results quiz")
    assert "66.67% (21% to 94%)" in str(found.chart)
    [group] = ResultsPart(LoopbackSession(server), found).get("groups")
    assert (group["valueText"], group["spreadText"], group["scoreText"]) == ("66.67%", "21% to 94%", "")


def board(server: faults.FaultServer, *results: dict[str, Any] | None, display: str = "") -> None:
    """Have the server tell a leaderboard of one task, a row a result; None is unscored."""
    rows = [
        {
            "modelVersionSlug": f"m{number}",
            "taskResults": [
                {
                    "benchmarkTaskSlug": "quiz",
                    **({} if result is None else {"result": result}),
                    **({"displayType": display} if display else {}),
                }
            ],
        }
        for number, result in enumerate(results, 1)
    ]
    server.api.GetBenchmarkLeaderboard = lambda body: {"rows": rows}  # type: ignore[method-assign]


def test_scores_read_as_what_they_are_on_a_leaderboard(server: faults.FaultServer, typed: Any) -> None:
    board(server, *({"numericResult": {"value": score}} for score in SCORES.values()))
    found, text = typed("leaderboard owner/board")
    assert dict(re.findall(r"^(m\d) +([\d.]+)$", text, re.M)) == TEXTS
    assert [row["quiz"] for row in found.records()] == list(SCORES.values())
    html = forms(found.view())["text/html"]
    assert all(f">{shown}<" in html for shown in TEXTS.values())


def test_a_leaderboard_says_uneven_intervals_no_finite_value_and_what_is_no_number(
    server: faults.FaultServer, typed: Any
) -> None:
    uneven = {"value": 1203, "unevenConfidenceInterval": {"plus": 25.4, "minus": 12}}
    public = {"numericResultPublic": {"value": 0.25, "confidenceInterval": 0.1}}
    nothing = {"numericResult": {"value": sys.float_info.max}}
    board(server, {"numericResult": uneven}, public, nothing, {"booleanResult": False}, None)
    found, text = typed("leaderboard owner/board")
    shown = dict(re.findall(r"^(m\d) +(.+)$", text, re.M))
    assert shown == {
        "m1": "1203 +25/-12",
        "m2": "0.25 ± 0.1",
        "m3": "no finite value",
        "m4": "✗ failed",
        "m5": "• unscored",
    }
    values = [row["quiz"] for row in found.records()]
    assert values[2] != values[2], "not a number"
    assert values[:2] + values[3:] == [1203, 0.25, False, None]


@pytest.mark.parametrize(
    ("display", "value", "shown"),
    [
        ("PERCENTAGES", 0.84312, "84.312%"),
        ("RAW_PERCENTAGES", 85.0, "85%"),
        ("DOLLARS", 3.4, "$3.40"),
        ("COUNTS", 2601845, "2601845"),
        ("A_TYPE_OF_NEXT_YEAR", 0.5, "0.5"),
    ],
)
def test_a_leaderboard_honours_its_display_type_and_records_keep_the_value(
    server: faults.FaultServer, typed: Any, display: str, value: float, shown: str
) -> None:
    board(server, {"numericResult": {"value": value}}, display=display)
    found, text = typed("leaderboard owner/board")
    assert re.search(rf"^m1 +{re.escape(shown)}$", text, re.M)
    assert found.records() == [{"model": "m1", "candidate": "m1", "quiz": value}]
