"""`--measure`, `--by`, `--baseline`, `--fail-if` and `compare` as they are typed, over rows that a task evaluated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faults
import pytest
from loopback_session import LoopbackSession, add_run, zipped
from made_samples import answered, sample

from kbench_jupyter import scripts
from kbench_jupyter.actions.compare import Comparison
from kbench_jupyter.actions.results import Results
from kbench_jupyter.actions.results.measuring import Asked
from kbench_jupyter.actions.results.pairs import Pairs
from kbench_jupyter.actions.results.regression import passed_notes, watched
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Table
from kbench_jupyter.errors import KBenchError, RegressionError, UsageError
from kbench_jupyter.magics.completion import NameCache
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.results.measured import measured, points
from kbench_jupyter.results.samples import Sample

Typed = Callable[[str], Any]
STATE = "BENCHMARK_TASK_RUN_STATE_"
GOOD, BAD = [True] * 40, [True] * 25 + [False] * 15


def evaluated(rows: Sequence[bool | None], slug: str) -> str:
    """Return the run file of a task that evaluated rows: passed, failed, or errored (None)."""
    subruns = [
        {
            "taskVersion": {"name": "One"},
            "modelVersion": {"slug": slug},
            "state": STATE + ("ERRORED" if held is None else "COMPLETED"),
            "errorMessage": "OSError: gone" if held is None else "",
            "results": [{"booleanResult": bool(held)}],
            "startTime": f"2026-01-01T00:{row // 60:02}:{row % 60:02}Z",
            "endTime": f"2026-01-01T00:{row // 60:02}:{row % 60:02}.5Z",
            "conversations": [
                {
                    "id": str(row),
                    "metrics": {"inputTokens": 3, "outputTokens": 1 + row % 3, "totalBackendLatencyMs": 500},
                    "requests": [
                        {
                            "contents": [
                                {"role": "CONTENT_ROLE_USER", "parts": [{"text": f"Question {row}?"}]},
                                {
                                    "role": "CONTENT_ROLE_ASSISTANT",
                                    "senderName": slug,
                                    "parts": [{"text": "right" if held else "wrong"}],
                                },
                            ]
                        }
                    ],
                }
            ],
        }
        for row, held in enumerate(rows)
    ]
    source = "def quiz(llm):\n    one.evaluate(llm=[llm], evaluation_data=ROWS)\n"
    return json.dumps(
        {
            "taskVersion": {"name": "quiz", "definition": source},
            "modelVersion": {"slug": slug},
            "state": STATE + "COMPLETED",
            "startTime": "2026-01-01T00:00:00Z",
            "endTime": "2026-01-01T01:00:00Z",
            "results": [{"numericResult": {"value": 0.5}}],
            "subruns": subruns,
        }
    )


def ran(server: faults.FaultServer, *runs: tuple[str, int, Sequence[bool | None]]) -> None:
    """Let candidates have run on versions."""
    for number, (candidate, version, rows) in enumerate(runs, 1):
        add_run(server.api, number, candidate, version=version)
        server.api.archives[number] = zipped(r_run_json=evaluated(rows, candidate))


@pytest.fixture
def two_versions(server: faults.FaultServer, kbench: Typed) -> Typed:
    """Two candidates on two versions: `steady` stays, `worse` fails 15 of 40 rows more."""
    ran(server, ("steady", 1, GOOD), ("worse", 1, GOOD), ("steady", 2, GOOD), ("worse", 2, BAD))
    return kbench


def cells(found: Results, name: str) -> list[str]:
    table = next(part for part in found.view().parts if isinstance(part, Table))
    place = [head.removesuffix(">") for head in table.columns].index(name)
    return [str(getattr(row[place], "text", row[place])) for row in table.rows]


def test_intervals_are_over_samples_and_the_table_says_how_many_there_are(two_versions: Typed) -> None:
    found = two_versions("results quiz")
    assert cells(found, "samples") == ["40", "40", "40", "40"]
    assert cells(found, "passed")[1] == "25/40 (47% to 76%)"
    assert "Measure: passed" in str(found), "rows are no numbers, though the run is one"
    assert ("%kbench compare v1 v2 -t quiz", "which samples got worse") in found.view().next
    assert max(map(len, to_text(found.view(), 80).splitlines())) <= 80


def test_a_measure_that_is_asked_for_is_in_table_chart_and_panel_and_stays(
    two_versions: Typed, server: faults.FaultServer
) -> None:
    found = two_versions("results quiz --measure latency")
    assert cells(found, "latency a sample") == ["500 ms"] * 4
    assert str(found.chart).splitlines()[0] == "latency a sample"
    assert "less is better" in str(found)
    part = ResultsPart(LoopbackSession(server), found)
    part._refresh()
    assert part.get("measure") == "latency a sample"


def test_by_version_puts_a_candidates_versions_beside_each_other(two_versions: Typed) -> None:
    names = [(group.candidate, group.version) for group in two_versions("results quiz --by version").groups]
    assert names == [("steady", 2), ("steady", 1), ("worse", 2), ("worse", 1)]
    default = [(group.candidate, group.version) for group in two_versions("results quiz").groups]
    assert default == [("steady", 2), ("worse", 2), ("steady", 1), ("worse", 1)]


def test_a_baseline_adds_the_difference_and_a_p_value_corrected_for_how_many_there_are(
    two_versions: Typed,
) -> None:
    found = two_versions("results quiz --baseline v1")
    assert cells(found, "beside v1")[:2] == ["0 points (-4.7 to +4.7)", "-37.5 points (-50.9 to -20.5)"]
    assert cells(found, "p")[1] == "<0.001"
    assert "corrected for 2 comparisons (Holm)" in " ".join(str(found).split())
    frame = found.pairs.to_dataframe()
    assert list(frame["worse"]) == [0, 15]
    assert list(frame["p_corrected"]) == pytest.approx([1.0, 2 * 2 / 2**15])
    assert max(map(len, to_text(found.view(), 80).splitlines())) <= 80


def test_without_a_baseline_every_two_candidates_of_a_version_are_pairs(two_versions: Typed) -> None:
    pairs = two_versions("results quiz").pairs
    frame = pairs.to_dataframe()
    assert list(zip(frame["before"], frame["after"], frame["after_version"], strict=True)) == [
        ("steady", "worse", 2),
        ("steady", "worse", 1),
    ]


def test_the_pairs_beside_a_baseline_are_a_table_of_their_own(
    server: faults.FaultServer, kbench: Typed
) -> None:
    ran(server, ("m1", 1, GOOD), ("m1", 2, BAD), ("m2", 1, BAD), ("m2", 2, GOOD), ("m3", 2, [None] * 4))
    shown = kbench("results quiz --baseline v1").pairs.view()
    [table] = [part for part in shown.parts if isinstance(part, Table)]
    texts = [[getattr(cell, "text", cell) for cell in row] for row in table.rows]
    assert [row[4] for row in texts[:3]] == ["62.5% (47% to 76%)", "100% (91% to 100%)", "errored"]
    assert [getattr(row[5], "tone", "") for row in table.rows[:3]] == ["bad", "good", ""]


def test_repeats_of_rows_are_told_by_how_often_one_and_all_of_them_pass(
    server: faults.FaultServer, kbench: Typed
) -> None:
    ran(server, ("m1", 1, [True, True, False, False]), ("m1", 1, [True, False, True, False]))
    [table] = [
        part for part in kbench("results quiz").view().parts if "pass@k>" in getattr(part, "columns", ())
    ]
    assert [str(cell) for cell in table.rows[0]] == ["m1", "1", "4", "2", "75.0%", "25.0%", ""]


def test_what_is_said_to_compare_next_ran_on_the_same_version(
    server: faults.FaultServer, kbench: Typed
) -> None:
    ran(server, ("old", 1, GOOD), ("m1", 2, GOOD), ("m2", 2, BAD))
    assert "%kbench compare m1 m2 -t quiz" in [line for line, _ in kbench("results quiz").view().next]
    alone = kbench("results quiz -m old -m m1").view().next
    assert not [line for line, _ in alone if "compare" in line], "on one version there is but one of each"


def test_a_candidate_as_baseline_is_compared_within_each_version(two_versions: Typed) -> None:
    frame = two_versions("results quiz --baseline steady").pairs.to_dataframe()
    assert list(zip(frame["after"], frame["after_version"], frame["before_version"], strict=True)) == [
        ("worse", 2, 2),
        ("worse", 1, 1),
    ]


def test_a_baseline_that_there_is_not_is_refused_with_what_there_is(two_versions: Typed) -> None:
    with pytest.raises(UsageError, match="v7 is neither a candidate nor a version") as caught:
        two_versions("results quiz --baseline v7")
    assert "steady, worse, v2, v1" in str(caught.value.hint)


def test_errored_rows_are_said_to_be_left_out_and_drawn_as_errored(
    server: faults.FaultServer, kbench: Typed
) -> None:
    ran(server, ("m1", 1, [True, False, None, None]), ("m2", 1, [None] * 4))
    found = kbench("results quiz")
    assert cells(found, "errored") == ["2", "4"]
    assert cells(found, "passed") == ["1/2 (9% to 91%)", "errored"]
    assert "6 of 8 samples errored: they are left out of every mean and pass rate." in " ".join(
        str(found).split()
    )
    assert "✗ 2 errored" in str(found.chart)


def test_the_function_for_scripts_does_the_same_and_refuses_what_there_is_not(
    server: faults.FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    session = LoopbackSession(server)
    monkeypatch.setattr(scripts, "session", lambda: session)
    ran(server, ("m1", 1, GOOD), ("m1", 2, BAD))
    assert isinstance(scripts.compare("quiz", output=tmp_path, measure="latency"), Results)
    found = scripts.compare("quiz", "v1", "v2")
    assert isinstance(found, Comparison)
    assert len(found.worse) == 15
    assert (tmp_path / "quiz").exists(), "it takes the folder of the last comparison"
    with pytest.raises(RegressionError) as worse:
        scripts.compare("quiz", fail_if="worse than v1")
    assert isinstance(worse.value.results, Results)
    assert len(worse.value.results.pairs.pairs[0].worse) == 15
    with pytest.raises(UsageError, match="There is no measure 'pased'") as caught:
        scripts.compare("quiz", measure="pased")  # type: ignore[call-overload]
    assert "Did you mean passed?" in str(caught.value.hint)
    with pytest.raises(UsageError, match="two sides, or none"):
        scripts.compare("quiz", "v1")  # type: ignore[call-overload]


def test_compare_as_it_is_typed_names_the_samples_with_both_answers(two_versions: Typed) -> None:
    two_versions("results quiz -o there")
    found = two_versions("compare v1 v2 -t quiz")
    assert isinstance(found, Comparison)
    assert len(found.worse) == 15
    text = to_text(found.view(), 80)
    assert "Question 25?" in text
    assert "✗ {+wrong+}" in text
    assert "steady" in text, "each candidate that ran on both"


def test_compare_takes_the_folder_of_the_last_comparison(two_versions: Typed, tmp_path: Any) -> None:
    two_versions("results quiz -o there")
    two_versions("compare v1 v2 -t quiz")
    assert not (tmp_path / "quiz").exists()


def test_a_comparison_is_a_listing_as_the_others_are(
    two_versions: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    two_versions("compare v1 v2 -t quiz -m worse --format 'csv(row, change)'")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-41:][:2] == ["row,change", "25,worse"]


def test_tab_offers_the_candidates_and_versions_that_a_task_ran_on(server: faults.FaultServer) -> None:
    ran(server, ("m1", 1, GOOD), ("m2", 2, GOOD))
    session = LoopbackSession(server)
    cache = NameCache(session)
    kind = "side quiz"
    cache(kind)
    if fetching := cache._fetching.get(kind):
        assert fetching.wait(10)
    assert cache(kind) == ["m1", "m2", "v2", "v1"]
    session.pushed = "quiz"
    cache("side ")
    if fetching := cache._fetching.get("side "):
        assert fetching.wait(10)
    assert cache("side ") == cache(kind), "the task that was pushed last, where none is named"


# The regression watch


def test_a_candidate_that_is_worse_ends_in_an_error_that_names_the_samples(two_versions: Typed) -> None:
    with pytest.raises(RegressionError) as caught:
        two_versions('results quiz --fail-if "worse than v1"')
    assert "worse v2 is worse than worse v1: passed -37.5 points" in str(caught.value)
    assert "steady" not in str(caught.value)
    assert "#25  Question 25? → wrong" in str(caught.value.detail)
    assert str(caught.value.hint) == "Side by side: %kbench compare v1 v2 -t quiz"


def test_where_nothing_is_worse_the_results_are_shown_with_how_sure_that_is(
    server: faults.FaultServer, kbench: Typed
) -> None:
    ran(server, ("m1", 1, BAD), ("m1", 2, [*BAD[:-2], True, False]))
    found = kbench('results quiz --fail-if "worse than v1"')
    said = " ".join(str(found).split())
    assert "m1 v2 beside m1 v1: not significantly worse, +2.5 points" in said
    assert "40 samples mostly show a difference from about 7 points on." in said


@pytest.mark.parametrize(
    "condition", ["better than v1", "worse", "worse than", "v1", "", "worse than v1 or v2", "score < 0.5"]
)
def test_any_other_condition_is_refused_with_what_can_be_typed(condition: str) -> None:
    with pytest.raises(UsageError, match="takes 'worse than v1' or 'worse than CANDIDATE'"):
        watched(Asked(), condition)


def test_two_baselines_are_refused() -> None:
    with pytest.raises(UsageError, match="two baselines"):
        watched(Asked(baseline="v2"), "worse than v1")
    assert watched(Asked(baseline="v1"), "Worse  than v1").baseline == "v1"


def judged(samples: list[Sample], baseline: str) -> list[str]:
    sides = measured(points(samples), "passed")
    return passed_notes(Pairs.of("quiz", sides, baseline), samples)


def test_too_few_samples_to_tell_pass_and_say_what_they_would_show() -> None:
    """Four samples that all got worse: the exact test cannot get below 0.125 with four."""
    [said] = judged([*answered([True] * 4, 1), *answered([False] * 4, 2)], "v1")
    assert "not significantly worse, -100 points" in said
    assert "p 0.12" in said
    assert "Too few to tell, whatever they come to: 4 samples" in said


def test_a_single_run_beside_another_is_too_little_and_says_so() -> None:
    samples = [sample(None, 1, score=0.9), sample(None, 2, score=0.1)]
    sides = measured(points(samples), "score")
    [said] = passed_notes(Pairs.of("quiz", sides, "v1"), samples)
    assert said == "own v2 beside own v1: too little data to tell whether it is worse, which passes."


def test_more_errors_than_the_baseline_are_worse_too() -> None:
    errors = [sample(row, 2, state="ERRORED", error="OSError: gone") for row in range(12)]
    with pytest.raises(RegressionError, match="12 samples errored that did not there") as caught:
        judged([*answered([True] * 20, 1), *errors, *answered([True] * 20, 2)[12:]], "v1")
    assert "→ OSError: gone" in str(caught.value.detail)


def test_the_newest_version_alone_is_judged() -> None:
    samples = [*answered(GOOD, 1), *answered(BAD, 2), *answered(GOOD, 3)]
    assert len(judged(samples, "v1")) == 1
    with pytest.raises(UsageError, match="Nothing of version 3"):
        judged(samples, "v3")


@pytest.mark.parametrize(
    ("baseline", "hint"),
    [("v2", "push the next one"), ("own", "Run the newest version on own and on others: %kbench run")],
)
def test_where_nothing_can_be_compared_yet_it_is_said_what_lets_it_be(baseline: str, hint: str) -> None:
    with pytest.raises(UsageError, match="Nothing of version 2") as caught:
        judged([*answered(GOOD, 1), *answered(BAD, 2)], baseline)
    assert hint in (caught.value.hint or "")


def test_without_scipy_a_condition_is_refused_and_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kbench_jupyter.actions.results.regression.has_scipy", lambda: False)
    with pytest.raises(KBenchError, match="needs scipy"):
        judged([*answered(GOOD, 1), *answered(GOOD, 2)], "v1")


def test_what_is_to_be_written_is_written_before_the_watch_ends_in_an_error(two_versions: Typed) -> None:
    with pytest.raises(RegressionError):
        two_versions('results quiz --fail-if "worse than v1" --report report.html --failed --to cases.csv')
    assert "worse" in Path("report.html").read_text()
    assert len(Path("cases.csv").read_text().splitlines()) == 1 + 15


def test_a_listing_of_failures_names_its_task_in_the_next_line(two_versions: Typed) -> None:
    [(line, _)] = two_versions("results quiz --failed").view().next
    assert line == "%kbench results quiz --failed --to cases.csv"


def test_what_is_put_together_by_model_is_compared_by_candidates(
    server: faults.FaultServer, kbench: Typed
) -> None:
    for number, (config, rows) in enumerate([("m1-high", GOOD), ("m1-low", BAD)], 1):
        add_run(server.api, number, "m1", modelVersionConfigSlug=config)
        server.api.archives[number] = zipped(r_run_json=evaluated(rows, "m1"))
    [line] = [line for line, _ in kbench("results quiz --by model").view().next if "compare" in line]
    assert line == "%kbench compare m1-high m1-low -t quiz"
    assert len(kbench(line.removeprefix("%kbench ")).worse) == 15


def test_a_folder_below_home_is_the_same_for_scripts_as_for_commands(
    two_versions: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    scripts.session.cache_clear()
    try:
        assert len(scripts.compare("quiz", output="~/res").rows) == 4
    finally:
        scripts.session().close()
        scripts.session.cache_clear()
    assert (tmp_path / "home" / "res" / "quiz").is_dir()


def test_rows_without_a_dry_run_are_refused_by_scripts_as_by_the_command() -> None:
    with pytest.raises(UsageError, match="rows goes with a dry run"):
        scripts.validate("task.py", rows=3)


def test_one_sample_is_handed_on_as_its_record_whatever_it_asserts(
    two_versions: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = next(iter(two_versions("results quiz --failed").samples))
    capsys.readouterr()
    two_versions(f"results quiz --sample '{sample.id}' --format json")
    [record] = json.loads(capsys.readouterr().out)
    assert (record["id"], record["input"], record["passed"]) == (sample.id, sample.input, False)


def test_a_listing_of_samples_says_how_many_it_does_not_show(two_versions: Typed) -> None:
    [note] = two_versions("results quiz --samples").view().notes
    assert note == "and 140 more: --to samples.csv writes them all"
