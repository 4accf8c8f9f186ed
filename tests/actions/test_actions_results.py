"""What a comparison shows: its tables, its notes, and its chart where a front end draws one but no panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from loopback_session import LoopbackSession, add_run, zipped

from kbench_jupyter.actions.log import LoggedRun, LogResult
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.results import ChartedResults, Results, results
from kbench_jupyter.actions.results.tables import costs
from kbench_jupyter.actions.run_errors import errors_of_runs
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.actions.status import status
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Table, forms
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.results.chart import MIME_TYPE
from kbench_jupyter.results.samples import SampleIndex


@pytest.fixture
def charted(tmp_path: Path) -> ChartedResults:
    folder = tmp_path / "quiz/1/m/7"
    folder.mkdir(parents=True)
    run = {
        "taskVersion": {"name": "quiz"},
        "modelVersion": {"slug": "org/m"},
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "results": [{"numericResult": {"value": 0.5}}],
    }
    (folder / "quiz.run.json").write_text(json.dumps(run), encoding="utf-8")
    return ChartedResults("quiz", tuple(SampleIndex.open(tmp_path, "quiz").rows()))


def test_the_chart_comes_with_the_table_and_only_where_the_table_is_shown(
    charted: ChartedResults, shell: InteractiveShell
) -> None:
    shell.user_ns["charted"] = charted
    with capture_output() as silent:
        shell.run_cell("kept = charted")
    assert [output.data.keys() for output in silent.outputs] == []
    with capture_output() as shown:
        shell.run_cell("kept")
    chart, table = [output.data for output in shown.outputs]
    assert MIME_TYPE in chart
    assert "quiz: 1 run compared" in table["text/plain"]
    assert "text/html" in table


def test_what_was_left_out_is_said_where_a_chart_is_shown(charted: ChartedResults, tmp_path: Path) -> None:
    from types import SimpleNamespace

    from kbench_jupyter.magics.result_commands import drawn

    found = Results(charted.task, charted.rows, ("left out: a damaged file",))
    headless = SimpleNamespace(shell=SimpleNamespace(kernel=SimpleNamespace(get_parent=dict)))
    shown = drawn(headless, found, (), tmp_path)
    assert isinstance(shown, ChartedResults)
    assert "left out: a damaged file" in str(shown)


COSTS = {"inputTokensCostNanodollars": "0"}


def record(
    place: Path,
    *,
    error: str = "",
    score: float | None = None,
    interval: float | None = None,
    metrics: dict[str, Any] | None = None,
    **assertions: bool,
) -> None:
    """Put a run file where a download would have left it."""
    place.mkdir(parents=True)
    status = "BENCHMARK_TASK_RUN_ASSERTION_STATUS_"
    run = {
        "state": "BENCHMARK_TASK_RUN_STATE_" + ("ERRORED" if error else "COMPLETED"),
        "errorMessage": error,
        "results": []
        if score is None
        else [{"numericResult": {"value": score, "confidenceInterval": interval}}],
        "conversations": [{"metrics": metrics or {}}],
        "assertions": [
            {"expectation": text, "status": status + ("PASSED" if passed else "FAILED")}
            for text, passed in assertions.items()
        ],
    }
    (place / "quiz.run.json").write_text(json.dumps(run), encoding="utf-8")


def compared(folder: Path) -> Results:
    return Results("quiz", tuple(SampleIndex.open(folder, "quiz").rows()))


def tables(found: Results) -> list[Table]:
    return [part for part in found.view().parts if isinstance(part, Table)]


def drawn(table: Table) -> list[list[str]]:
    return [[getattr(cell, "text", cell) or "" for cell in row] for row in table.rows]


def test_how_an_errored_run_counts_is_said_where_it_is_counted(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/m/1", score=1, fits=True)
    record(tmp_path / "quiz/1/m/2", error="Traceback\nOSError: gone")
    record(tmp_path / "quiz/1/m/3", score=1, fits=True)
    found = compared(tmp_path)
    [row] = found.groups
    assert (row.passed, row.errored, row.assertions) == (2, 1, (2, 2))
    table = tables(found)[0]
    cells = dict(zip(table.columns, drawn(table)[0], strict=True))
    assert (cells["errored>"], cells["passed"].partition(" ")[0], cells["checks>"]) == ("1", "2/2", "2/2")
    [said] = found.remarks
    assert said == ("1 of 3 samples errored: it is left out of every mean and pass rate.")
    assert found.view().next == (("%kbench status quiz --errors", "the whole of each error"),)
    record(tmp_path / "quiz/0/m/4", error="Traceback\nValueError: of an older version")
    [errors] = [table for table in tables(compared(tmp_path)) if table.columns[-1] == "error"]
    assert drawn(errors) == [["m", "2", "OSError: gone"]]


def test_of_runs_whose_time_nobody_told_the_others_have_a_mean_all_the_same(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/m/1", metrics={"outputTokens": 3})
    [row] = compared(tmp_path).groups
    assert row.latency is None
    record(tmp_path / "quiz/1/m/2", metrics={"outputTokens": 3, "totalBackendLatencyMs": 500})
    [row] = compared(tmp_path).groups
    assert row.latency == 0.5


def test_where_nothing_errored_nothing_is_said_of_errors(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/m/1", score=1)
    found = compared(tmp_path)
    assert (found.remarks, found.view().next) == ((), ())
    assert "errored" not in str(found)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ([1], [0], "1 run each"),
        ([1, 1, 1], [0], "1 to 3 runs each"),
        ([1, 0, 1], [0, 1, 0], "3 runs each"),
        ([1, 1, 1, 1], [0, 0], "Some have 2 runs only"),
        ([1, 1, 1, 1], [0, 0, 0, 0], ""),
        ([1], [1], ""),
        ([1], [], ""),
    ],
)
def test_a_difference_between_few_runs_is_said_to_be_perhaps_chance_and_how_to_add_runs(
    tmp_path: Path, one: list[float], other: list[float], said: str
) -> None:
    for model, scores in (("a", one), ("b", other)):
        for number, score in enumerate(scores):
            record(tmp_path / f"quiz/1/{model}/{number}", score=score)
    line = f"{said}: a difference may be chance. To add runs: %kbench run quiz -m MODEL"
    assert compared(tmp_path).remarks == ((line,) if said else ())


def test_scores_whose_runs_tell_how_sure_they_are_need_no_more_runs(tmp_path: Path) -> None:
    for model, score in (("a", 0.9), ("b", 0.1)):
        record(tmp_path / f"unsure/quiz/1/{model}/1", score=score)
        record(tmp_path / f"sure/quiz/1/{model}/1", score=score, interval=0.02)
    assert compared(tmp_path / "unsure").remarks
    assert not compared(tmp_path / "sure").remarks


def test_equal_scores_are_shown_without_a_spread_in_every_form(tmp_path: Path) -> None:
    for run in range(3):
        record(tmp_path / f"quiz/1/m/{run}", score=1)
    found = compared(tmp_path)
    assert "±" not in str(found) + forms(found.view())["text/html"]
    assert str(found.chart).splitlines()[0] == "score"
    assert "[" not in str(found.chart)


def test_assertions_of_the_newest_version_stand_in_rows_with_a_column_a_model(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/a/1", old=True)
    record(tmp_path / "quiz/2/a/2", fits=True, short=False)
    record(tmp_path / "quiz/2/a/3", fits=True, short=False)
    record(tmp_path / "quiz/2/b/4", fits=True)
    record(tmp_path / "quiz/2/b/5", fits=False)
    found = compared(tmp_path)
    table = tables(found)[1]
    assert table.columns == ["assertion", "a", "b"]
    assert drawn(table) == [["fits", "2/2", "1/2"], ["short", "0/2", ""]]
    text = str(found)
    assert "Assertions of version 2" in text
    assert all(one in text for one in ("✓ 2/2", "! 1/2", "✗ 0/2"))
    assert "old" not in text


def test_models_too_many_for_columns_get_a_row_for_each_assertion(tmp_path: Path) -> None:
    for number, model in enumerate("abcdef"):
        record(tmp_path / f"quiz/1/{model * 12}/{number}", **{"says what it is about in a few words": True})
    found = compared(tmp_path)
    table = tables(found)[1]
    assert table.columns == ["model", "passed", "assertion"]
    assert drawn(table)[0] == ["a" * 12, "1/1", "says what it is about in a few words"]
    part = replace(found.view(), parts=[table])
    assert max(map(len, to_text(part, 80).splitlines())) <= 80


def test_a_cost_nobody_told_is_unknown_beside_one_that_is_and_left_out_where_none_is(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/own/1")
    assert "cost" not in str(compared(tmp_path))
    record(tmp_path / "quiz/1/small/2", metrics=COSTS)
    assert costs(compared(tmp_path).groups) == ["unknown", "$0.00"]


def test_a_table_of_runs_is_as_plain_as_ever(tmp_path: Path) -> None:
    record(tmp_path / "quiz/1/m/1", score=1, fits=True, short=False)
    [row] = compared(tmp_path).records()
    assert (row["run"], row["assertions_passed"], row["assertions"]) == (1, 1, 2)


# Against a server


@pytest.fixture
def session(server: faults.FaultServer) -> Iterator[LoopbackSession]:
    opened = LoopbackSession(server)
    yield opened
    opened.close()


def test_a_run_that_left_nothing_is_named_with_its_error(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    add_run(server.api, 9)
    add_run(server.api, 10, "calc-7b", "ERRORED", errorMessage="Traceback\nThe server was stopped.\n")
    server.api.archives |= {
        9: zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}'),
        10: zipped(log="x"),
    }
    found = results(session, "quiz", output=tmp_path)
    assert [row.run_id for row in found.rows] == [9]
    assert found.notes == (
        "1 run left nothing to compare: run 10 (calc-7b) errored: The server was stopped.",
    )
    assert found.notes[0] in " ".join(str(found).split())


def test_a_run_that_was_killed_before_it_had_an_output_does_not_stop_the_comparison(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    add_run(server.api, 9)
    add_run(server.api, 10, "calc-7b", "ERRORED", errorMessage="The server ended.")
    server.api.archives[9] = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}')
    found = results(session, "quiz", output=tmp_path)
    assert [row.run_id for row in found.rows] == [9]
    assert found.notes == ("1 run left nothing to compare: run 10 (calc-7b) errored: The server ended.",)


def test_where_no_run_left_anything_the_whole_error_is_pointed_to(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    add_run(server.api, 10, "calc-7b", "ERRORED", errorMessage="Traceback\nOSError: gone")
    server.api.archives[10] = zipped(log="x")
    with pytest.raises(NotFoundError) as caught:
        results(session, "quiz", output=tmp_path)
    assert "run 10 (calc-7b) errored: OSError: gone" in str(caught.value.detail)
    assert "%kbench status quiz --errors" in str(caught.value.hint)


def test_a_damaged_file_is_left_out_and_not_called_nothing(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    for run in (1, 2):
        add_run(server.api, run)
    server.api.archives |= {
        1: zipped(r_run_json="{"),
        2: zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}'),
    }
    [note] = results(session, "quiz", output=tmp_path).notes
    assert note.startswith("left out: ")


def test_the_panel_says_what_the_table_says(tmp_path: Path, session: LoopbackSession) -> None:
    from kbench_jupyter.panels.results import ResultsPart

    record(tmp_path / "quiz/1/own/1", error="Traceback\nOSError: gone")
    record(tmp_path / "quiz/1/small/2", metrics=COSTS)
    found = replace(compared(tmp_path), notes=("1 run left nothing to compare: run 3",))
    part = ResultsPart(session, found)
    assert part.get("notes") == list(found.remarks)
    assert len(found.remarks) == 3  # the errored run, so few runs, and the note
    assert [(g["errored"], g["costText"]) for g in part.get("groups")] == [(1, "unknown"), (0, "$0.00")]


def test_a_pattern_of_models_compares_the_runs_it_fits_and_one_that_fits_none_says_what_there_is(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    for run, model in enumerate(["clever-1", "clever-2", "quick-1"], 1):
        add_run(server.api, run, model)
        server.api.archives[run] = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}')
    found = results(session, "quiz", models=["clever*"], output=tmp_path)
    assert sorted(row.run_id or 0 for row in found.rows) == [1, 2]
    with pytest.raises(NotFoundError) as caught:
        results(session, "quiz", models=["slow*"], output=tmp_path)
    assert "no run on slow* (3 runs on other models)" in str(caught.value)


def test_errors_of_the_version_that_was_pushed_here_have_their_place_in_the_notebook(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    text = '%kbench status\n@kbench.task(name="quiz")\ndef quiz(llm):\n    int(llm.prompt("2 + 2?"))\n\nquiz.run('
    text += "kbench.llm)"
    source = task_source(
        [{"cell_type": "code", "source": cell} for cell in ("import kaggle_benchmarks as kbench", text)],
        origin="a.ipynb",
    )
    session.environ = {**session.environ, "KBENCH_HOME": str(tmp_path / "home")}
    chosen = ChosenTask(source, "quiz")
    push(session, chosen)
    frame = '  File "/tmp/ipykernel_1/2.py", line 3, in quiz\n    int(llm.prompt("2 + 2?"))\n'
    error = f"Traceback (most recent call last):\n{frame}ValueError: no number"
    for run, version in ((1, 1), (2, 0)):
        add_run(server.api, run, "m1", "ERRORED", version=version, errorMessage=error)
        record = {"state": "BENCHMARK_TASK_RUN_STATE_ERRORED", "errorMessage": error}
        server.api.archives[run] = zipped(r_run_json=json.dumps(record))
    shown = " ".join(str(results(session, "quiz", output=tmp_path)).split())
    assert "ValueError: no number (cell 2, line 4)" in shown
    runs = tuple(LoggedRun(run, 7) for run in session.client().list_runs("quiz"))
    explained = errors_of_runs(session, session.target(), "quiz", errored=True)
    logged = " ".join(str(LogResult("quiz", runs, 0, explained())).split())
    assert logged.count("ValueError: no number") == 2
    assert logged.count("(cell 2, line 4)") == 1, "an older version's source is not known"
    assert "Cell 2, line 4, in quiz" in str(status(session, "quiz", errors=True))
    # An older version's source is not known.
    assert "A cell of the notebook, line 3, in quiz" in str(status(session, "quiz", errors=True))
