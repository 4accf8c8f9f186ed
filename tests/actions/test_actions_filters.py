"""A filter that matches nothing says what there is, and a server that refuses a part is asked for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import faults
import pytest
from candidates import CandidateApi, add_three, model
from IPython.utils.capture import capture_output
from loopback_session import add_run

from kbench_jupyter.errors import (
    DownloadError,
    KBenchError,
    NotOfferedError,
    PermissionDeniedError,
    UsageError,
)


class Filtering(CandidateApi):
    """Filters tasks by name, as the real server does."""

    def ListBenchmarkTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        pattern, state = body.get("regexFilter", ""), body.get("statusFilter", "")
        tasks = [versions[-1] for versions in self.tasks.values()]
        fitting = [task for task in tasks if re.search(pattern, task["slug"]["taskSlug"]) and not state]
        return self._paged(fitting, body, "tasks")


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(Filtering()) as running:
        for task in ("quiz", "sums"):
            running.api.add_task(task)
        add_three(running.api)
        yield running


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list --regex ^zz", "Without the filter: quiz (completed), sums (completed)"),
        ("list --status errored", "Without the filter: quiz (completed), sums (completed)"),
        ("models --search zz", "Without the filter: 2 models"),
        ("models --modality video", "Without the filter: 2 models"),
        ("status quiz -m zz*", "It has runs on: helper, quick-1, quick-1-high"),
    ],
)
def test_a_listing_that_nothing_fits_says_what_there_is(kbench: Any, line: str, said: str) -> None:
    shown = str(kbench(line))
    assert said in shown
    assert "%kbench push" not in shown, "there is no lack of tasks"


@pytest.mark.parametrize("command", ["log", "results", "download", "cancel"])
def test_a_command_that_no_run_fits_says_on_what_there_are_runs(kbench: Any, command: str) -> None:
    with pytest.raises(KBenchError, match="has no run on zz") as refused:
        kbench(f"{command} quiz -m zz*")
    assert "helper, quick-1, quick-1-high" in str(refused.value.hint)


@pytest.mark.parametrize("beside", ["", "-m quick-1 "])
@pytest.mark.parametrize(
    "line",
    [
        "run quiz -m {}",
        "status quiz -m {}",
        "log quiz -m {}",
        "results quiz -m {}",
        "download quiz -m {}",
        "cancel quiz -m {}",
    ],
)
def test_a_part_of_a_models_name_is_told_the_whole_wherever_it_is_typed(
    server: faults.FaultServer, kbench: Any, line: str, beside: str
) -> None:
    name = "smollm2-135m-instruct"
    server.api.models.append(model(name, 73))
    server.api.gone = {"smollm2"}
    add_run(server.api, 9, name)
    with capture_output() as printed:
        try:
            said = str(kbench(line.replace("-m", f"{beside}-m").format("smollm2")))
        except KBenchError as refused:
            said = str(refused.hint)
    said = " ".join(f"{printed.stdout} {said}".split())
    assert f"Did you mean -m {name}?" in said


def test_a_pattern_that_no_model_fits_names_the_models_there_are(kbench: Any) -> None:
    with pytest.raises(UsageError, match="fits 'zz") as refused:
        kbench("run quiz -m zz*")
    assert "There are: quick-1, plain-1 " in str(refused.value.hint)


@pytest.mark.parametrize("command", ["run", "status", "log", "results", "download", "cancel"])
@pytest.mark.parametrize("words", ["-m m1 m2", "-m m1,m2", "-m 'm1 m2'"])
def test_several_names_after_one_flag_are_told_to_repeat_it(
    server: faults.FaultServer, kbench: Any, command: str, words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        kbench(f"{command} quiz {words}")
    assert "-m m1 -m m2" in str(refused.value.hint)
    assert not server.calls("BatchScheduleBenchmarkTaskRuns")


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_quota_that_the_server_does_not_tell_keeps_no_other_back(
    server: faults.FaultServer, kbench: Any, code: int
) -> None:
    server.api.refusing = {"GetModelProxyQuotas": code}
    shown = kbench("quota")
    assert [row["for"] for row in shown.records()] == ["benchmark runs"]
    [note] = shown.notes
    assert note.startswith("Quota for model proxy: not known.")
    server.api.refusing["GetBenchmarkTaskQuota"] = code
    with pytest.raises(KBenchError) as refused:
        kbench("quota")
    assert "%kbench list" not in str(refused.value.hint), "no task is what is missing"


def test_a_call_that_is_not_there_is_said_so_and_one_that_is_not_allowed_names_the_task_alone(
    server: faults.FaultServer, kbench: Any
) -> None:
    server.api.refusing = {"BatchScheduleBenchmarkTaskRuns": 501}
    with pytest.raises(NotOfferedError, match="does not offer BatchSchedule"), capture_output():
        kbench("run quiz --agent helper")
    server.api.refusing = {"BatchScheduleBenchmarkTaskRuns": 403}
    with pytest.raises(PermissionDeniedError, match=r"not allowed for task 'quiz' \(403\)"), capture_output():
        kbench("run quiz --agent helper")


def test_scores_are_to_be_had_where_files_are_not(server: faults.FaultServer, kbench: Any) -> None:
    server.api.refusing = {"DownloadBenchmarkTaskRunOutput": 403}
    with pytest.raises(DownloadError) as refused, capture_output():
        kbench("results quiz")
    assert str(refused.value.hint).endswith("The scores alone, without the files: %kbench status quiz")
    assert [row["score"] for row in kbench("status quiz").records()] == [0.11, 0.12, 0.13]


def test_a_benchmark_that_is_not_there_is_looked_for_by_its_address(
    server: faults.FaultServer, kbench: Any
) -> None:
    for method, line in (
        ("ListBenchmarkTasks", "benchmark show me/nope"),
        ("GetBenchmarkLeaderboard", "leaderboard me/nope"),
    ):
        server.api.refusing = {method: 404}
        with pytest.raises(KBenchError, match="no benchmark 'me/nope'") as refused:
            kbench(line)
        assert "kaggle.com/benchmarks/OWNER/BENCHMARK" in str(refused.value.hint)
