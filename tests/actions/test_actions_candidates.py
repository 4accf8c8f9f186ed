"""What a run ran on: a model, a model at an effort, or an agent; never taken for one another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from candidates import THREE, CandidateApi, add_three
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.download import download
from kbench_jupyter.actions.leaderboard import LeaderboardShown
from kbench_jupyter.actions.log import log
from kbench_jupyter.actions.results import Results, results
from kbench_jupyter.actions.run import run
from kbench_jupyter.actions.status import status
from kbench_jupyter.api import Leaderboard
from kbench_jupyter.errors import NotFoundError, UsageError
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import task_watch


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


def scheduled(server: faults.FaultServer) -> list[dict[str, Any]]:
    return [seen.json for seen in server.calls("BatchScheduleBenchmarkTaskRuns")]


def test_three_runs_of_one_model_are_three_rows_wherever_runs_are_listed(
    server: faults.FaultServer, kbench: Any, session: LoopbackSession
) -> None:
    add_three(server.api)
    for line in ("status quiz", "log quiz --no-follow", "download quiz", "results quiz"):
        with capture_output():
            shown = kbench(line)
        assert sorted(record["candidate"] for record in shown.records()) == sorted(THREE), line
        assert {record["model"] for record in shown.records()} == {"quick-1"}
        assert all(name in str(shown) for name in THREE), line
    assert [group.candidate for group in shown.groups] == sorted(THREE)
    assert [group.score for group in shown.groups] == [0.13, 0.11, 0.12]
    panel = ResultsPart(session, Results(shown.task, shown.rows))
    assert [one["model"] for one in panel.get("groups")] == sorted(THREE)
    watch = task_watch(session, "quiz")
    watch.refresh()
    assert [row["model"] for row in RunStatusPart(session, watch).rows] == list(THREE)


def test_downloads_lie_under_their_candidates_and_one_that_lay_under_its_model_counts_once(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    add_three(server.api)
    done = download(session, "quiz", output=tmp_path)
    assert [one.folder.relative_to(tmp_path).as_posix() for one in done.runs] == [
        f"quiz/1/{candidate}/{number}" for number, candidate in enumerate(THREE, 11)
    ]
    assert [(one.folder / "name.txt").read_text() for one in done.runs] == list(THREE)
    before = done.runs[2].folder
    (tmp_path / "quiz/1/quick-1/13").mkdir()
    for file in before.iterdir():
        (tmp_path / "quiz/1/quick-1/13" / file.name).write_bytes(file.read_bytes())
    found = results(session, "quiz", output=tmp_path)
    assert sorted(row.run_id for row in found.rows) == [11, 12, 13]
    assert [group.candidate for group in found.groups] == sorted(THREE)


def test_a_leaderboard_has_a_row_for_each_candidate() -> None:
    result = [{"benchmarkTaskSlug": "t", "result": {"numericResult": {"value": 1}}}]
    rows = [
        {"modelVersionSlug": "quick-1", "modelVersionName": "Quick 1", "taskResults": result, **told}
        for told in (
            {},
            {"modelVersionConfigSlug": "quick-1-high", "modelVersionConfigName": "Quick 1 (high)"},
            {"modelVersionConfigSlug": "quick-1-high", "agentSlug": "helper", "agentName": "Helper"},
        )
    ]
    shown = LeaderboardShown("me/board", Leaderboard.from_wire({"rows": rows}))
    records = shown.records()
    assert [one["candidate"] for one in records] == ["Quick 1", "Quick 1 (high)", "Helper"]
    assert [one["model"] for one in records] == ["Quick 1"] * 3
    assert "3 candidates" in str(shown)
    bare = LeaderboardShown("me/board", Leaderboard.from_wire({"rows": rows[:1]}))
    assert "1 model\n" in str(bare)
    assert "candidate" not in str(bare)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [("quick-1", [11, 12, 13]), ("quick-1-high", [12]), ("help*", [13]), ("*-high", [12])],
)
def test_a_pattern_finds_runs_by_model_or_candidate(
    server: faults.FaultServer, session: LoopbackSession, wanted: str, ids: list[int]
) -> None:
    add_three(server.api)
    assert [one.id for one in status(session, "quiz", models=[wanted]).runs] == ids
    assert [one.run.id for one in log(session, "quiz", models=[wanted]).runs] == ids


def test_a_status_shows_the_score_the_listing_carries(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    for number, value in enumerate([0.84312, 0.84347], 11):
        add_run(server.api, number, f"m{number}", result={"numericResult": {"value": value}})
    add_run(server.api, 13, "m13", result={"booleanResult": True})
    add_run(server.api, 14, "m14", "QUEUED")
    shown = status(session, "quiz")
    assert [one["score"] for one in shown.records()] == [0.84312, 0.84347, True, None]
    assert "0.84312" in str(shown)
    assert "0.84347" in str(shown)


def test_what_errored_runs_again_as_it_was_and_one_that_cannot_stops_no_other(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    add_three(server.api, state="ERRORED")
    add_run(server.api, 14, "old-1", "ERRORED")
    add_run(server.api, 15, "quick-1", "ERRORED", modelVersionConfigSlug="quick-1-forgotten")
    server.api.gone = {"old-1"}
    found = run(session, "quiz", [], retry_errored=True)
    assert scheduled(server) == [
        {"taskSlugs": [{"taskSlug": "quiz"}], "modelVersionSlugs": ["quick-1", "old-1"]},
        {"taskSlugs": [{"taskSlug": "quiz"}], "modelVersionSlugs": ["quick-1"]},
        {"taskSlugs": [{"taskSlug": "quiz"}], "modelVersionSlugs": ["old-1"]},
        {
            "taskSlugs": [{"taskSlug": "quiz"}],
            "modelVersionSlugs": ["quick-1"],
            "reasoningEffort": "high",
        },
        {"taskSlugs": [{"taskSlug": "quiz"}], "agentSlugs": ["helper"]},
    ]
    assert {one.candidate for one in found.scheduled if one.scheduled} == {
        "quick-1",
        "quick-1 (high)",
        "helper",
    }
    skipped = [one for one in found.scheduled if not one.scheduled]
    assert [one.model for one in skipped] == ["old-1", "quick-1"]
    assert "quick-1-forgotten" in str(found)
    assert len(found.records()) == 5


def test_where_nothing_can_be_retried_the_server_says_why(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    add_run(server.api, 14, "old-1", "ERRORED")
    server.api.gone = {"old-1"}
    with pytest.raises(NotFoundError):
        run(session, "quiz", [], retry_errored=True)


def test_an_effort_and_an_agent_are_scheduled_and_followed_by_their_run_ids(
    server: faults.FaultServer, kbench: Any
) -> None:
    add_run(server.api, 1, "quick-1", "ERRORED")
    with capture_output():
        high = kbench("run quiz -m quick-1 --reasoning-effort high")
        agent = kbench("run quiz --agent helper --agent other")
        listed = kbench("status quiz")
    assert [one["candidate"] for one in high.records()] == ["quick-1-high"]
    assert [one.candidate for one in high.runs] == ["quick-1-high"], "never the bare model"
    assert [one["candidate"] for one in agent.records()] == ["helper", "other"]
    assert [one["candidate"] for one in listed.records()] == ["quick-1", "quick-1-high", "helper", "other"]
    assert [one["run"] for one in agent.records()] == [1002, 1003]
    assert [body.get("reasoningEffort") for body in scheduled(server)] == ["high", None]
    assert [body.get("agentSlugs") for body in scheduled(server)] == [None, ["helper", "other"]]


@pytest.mark.parametrize("names_runs", [True, False])
def test_a_wait_follows_the_candidate_and_says_its_score(
    server: faults.FaultServer, session: LoopbackSession, names_runs: bool
) -> None:
    server.api.names_runs = names_runs
    schedule = server.api.BatchScheduleBenchmarkTaskRuns

    def at_once(body: dict[str, Any]) -> Any:
        answer = schedule(body)
        for one in server.api.runs:
            one.update(state="BENCHMARK_TASK_RUN_STATE_COMPLETED", result={"numericResult": {"value": 0.5}})
        return answer

    server.api.BatchScheduleBenchmarkTaskRuns = at_once
    found = run(session, "quiz", ["quick-1"], effort="low", wait=20)
    assert [(one.candidate, one.score and one.score.value) for one in found.runs] == [("quick-1-low", 0.5)]
    assert "quick-1-low (run 1000): completed, score 0.5" in session.reporter.lines
    assert found.records()[0]["score"] == 0.5


@pytest.mark.parametrize(
    ("models", "effort", "told"),
    [
        (["quick-1"], "hihg", "quick-1: it has high, low"),
        (["plain-1"], "high", "plain-1: it has none to choose"),
        (["quick-1", "plain-1"], "high", "plain-1"),
    ],
)
def test_a_model_without_that_effort_is_refused_by_name_before_anything_is_sent(
    server: faults.FaultServer, session: LoopbackSession, models: list[str], effort: str, told: str
) -> None:
    with pytest.raises(UsageError, match="Nothing was scheduled") as refused:
        run(session, "quiz", models, effort=effort)
    assert told in str(refused.value)
    assert "--reasoning-effort high" in (refused.value.hint or "") or effort == "high"
    assert not scheduled(server)


def test_a_cell_run_at_an_effort_asks_once_what_there_is(
    server: faults.FaultServer, kbench: Any, shell: InteractiveShell
) -> None:
    cell = (
        "import kaggle_benchmarks as kbench\n@kbench.task(name='Quiz')\ndef quiz(llm):\n    llm.prompt('?')\n"
        "quiz.run(kbench.llm)"
    )
    with capture_output():
        found = shell.run_cell_magic("kbench", "run -m quick* --reasoning-effort high", cell)
    assert [one.candidate for one in found.runs] == ["quick-1-high"]
    for method in ("ListBenchmarkModels", "ListBenchmarkModelVersionConfigs"):
        assert len(server.calls(method)) == 1, method


@pytest.mark.parametrize(("models", "agents"), [([], []), ([], ["helper"]), (["quick-1"], ["helper"])])
def test_an_effort_goes_with_models_alone(
    server: faults.FaultServer, session: LoopbackSession, models: list[str], agents: list[str]
) -> None:
    with pytest.raises(UsageError, match="goes with models"):
        run(session, "quiz", models, effort="high", agents=agents)
    assert not scheduled(server)


@pytest.mark.parametrize("code", [403, 404, 501])
def test_where_efforts_are_not_listed_one_line_says_so_and_the_server_decides(
    server: faults.FaultServer, session: LoopbackSession, code: int
) -> None:
    server.api.refusing["ListBenchmarkModelVersionConfigs"] = code
    found = run(session, "quiz", ["quick-1"], effort="high")
    assert [one["candidate"] for one in found.records()] == ["quick-1 (high)"]
    assert [one.candidate for one in found.runs] == ["quick-1 (high)"]
    [line] = [line for line in session.reporter.lines if line.startswith("!")]
    assert "does not offer a list of reasoning efforts" in line


def board_of(*tasks: tuple[str, str, float]) -> LeaderboardShown:
    results = [
        {"benchmarkTaskName": name, "benchmarkTaskSlug": slug, "result": {"numericResult": {"value": value}}}
        for name, slug, value in tasks
    ]
    rows = [{"modelVersionSlug": "m1", "taskResults": results}]
    return LeaderboardShown("me/board", Leaderboard.from_wire({"rows": rows}))


def test_a_leaderboard_keeps_tasks_of_one_name_apart_in_table_and_records() -> None:
    shown = board_of(("Sums", "sums", 1.0), ("Sums", "sums-2", 2.0), ("model", "a-model", 3.0))
    [record] = shown.records()
    assert record == {
        "model": "m1",
        "candidate": "m1",
        "Sums (sums)": 1.0,
        "Sums (sums-2)": 2.0,
        "model (a-model)": 3.0,
    }


def test_a_leaderboard_keeps_tasks_of_one_slug_that_two_owners_have_apart() -> None:
    [record] = board_of(("Sums", "sums", 1.0), ("Adding", "sums", 2.0)).records()
    assert record == {"model": "m1", "candidate": "m1", "Sums": 1.0, "Adding": 2.0}
    [record] = board_of(("Sums", "sums", 1.0), ("Sums", "sums", 2.0)).records()
    assert record == {"model": "m1", "candidate": "m1", "Sums (sums, 1)": 1.0, "Sums (sums, 2)": 2.0}
