"""The tasks of a benchmark, and of other people: listed, added, removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faults
import pytest
from candidates import CandidateApi

from kbench_jupyter.errors import NotFoundError, NotOfferedError, UsageError
from kbench_jupyter.magics.completion import complete_line


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        for task in ("quiz", "sums", "odd"):
            running.api.add_task(task)
        yield running


def test_tasks_are_added_shown_and_removed_and_those_there_already_are_said_to_be(
    server: faults.FaultServer, kbench: Any
) -> None:
    added = kbench("benchmark add me/board quiz sums")
    assert server.calls("AddTasksToBenchmark")[0].json == {
        "benchmarkSlug": "board",
        "taskSlugs": [{"taskSlug": "quiz"}, {"taskSlug": "sums"}],
    }
    assert "Added 2 tasks to me/board" in str(added)
    again = kbench("benchmark add me/board quiz odd")
    assert [(one["task"], one["changed"]) for one in again.records()] == [("odd", True), ("quiz", False)]
    assert "was in it already" in str(again)
    assert [one["task"] for one in kbench("benchmark show me/board").records()] == [
        "me/quiz",
        "me/sums",
        "me/odd",
    ]
    removed = kbench("benchmark remove me/board quiz odd")
    assert "Removed 2 tasks from me/board" in str(removed)
    listed = kbench("list --benchmark me/board")
    assert [one["task"] for one in listed.records()] == ["me/sums"]
    assert "1 task of me/board" in str(listed)
    assert "Nothing was removed" in str(kbench("benchmark remove me/board quiz"))


def test_another_owners_tasks_are_asked_for(server: faults.FaultServer, kbench: Any) -> None:
    server.api.add_task("theirs")["slug"] = {"ownerSlug": "other", "taskSlug": "theirs"}
    assert [one["task"] for one in kbench("list --owner other").records()] == ["other/theirs"]
    assert server.calls("ListBenchmarkTasks")[-1].json["ownerSlug"] == "other"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("benchmark add board quiz", "'board' is not OWNER/BENCHMARK"),
        ("benchmark add me/board", "Which tasks"),
        ("benchmark add other/board quiz", "other's, and only a benchmark of your own"),
        ("benchmark show me/board quiz", "show takes no tasks"),
        ("list --benchmark me/board --owner me", "--benchmark names the owner"),
        ("benchmark change me/board quiz", "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_changed(
    server: faults.FaultServer, kbench: Any, line: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        kbench(line)
    assert said in str(refused.value)
    assert not server.calls("AddTasksToBenchmark")


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_server_that_changes_no_benchmarks_is_told_from_a_task_that_is_not_there(
    server: faults.FaultServer, kbench: Any, code: int
) -> None:
    server.api.refusing["AddTasksToBenchmark"] = code
    with pytest.raises(NotOfferedError, match="adding tasks to a benchmark"):
        kbench("benchmark add me/board quiz")
    if code != 501:
        with pytest.raises(NotFoundError, match="nope"):
            kbench("benchmark add me/board nope")


def test_each_place_of_a_line_is_completed_with_what_stands_there() -> None:
    def names(kind: str) -> list[str]:
        return ["quiz", "sums"] if kind == "task" else []

    def offered(line: str) -> list[str]:
        found = complete_line(line, names)
        return [] if found is None else [text for text, _ in found.choices]

    assert offered("%kbench benchmark a") == ["add"]
    assert offered("%kbench benchmark add me/board ") == ["quiz", "sums"]
    assert offered("%kbench benchmark add me/board quiz s") == ["sums"]
    assert offered("%kbench status q") == ["quiz"]
    assert "--errors" in offered("%kbench status quiz ")
