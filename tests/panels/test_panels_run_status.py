"""The list of runs without a browser: a run is stopped by a click, once the panel has asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import faults
import pytest
from candidates import CandidateApi
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import task_watch


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        for number, state in enumerate(["RUNNING", "RUNNING", "COMPLETED"], 11):
            add_run(running.api, number, f"m{number}", state)
        yield running


@pytest.fixture
def part(server: faults.FaultServer) -> Iterator[RunStatusPart]:
    session = LoopbackSession(server)
    watch = task_watch(session, "quiz")
    watch.refresh()
    made = RunStatusPart(session, watch)
    made.awake()
    yield made
    made.asleep()
    made.close()
    session.close()


def click(part: RunStatusPart, **message: Any) -> None:
    part.receive({"do": "cancel", **message})
    end = time.monotonic() + 20
    while part.get("busy"):
        assert time.monotonic() < end, part.get("busy")
        time.sleep(0.01)


def test_a_click_stops_that_run_alone_and_the_list_shows_it(
    server: faults.FaultServer, part: RunStatusPart
) -> None:
    click(part, run=12, confirmed=True)
    [sent] = server.calls("ApiCancelBenchmarkTaskRuns")
    assert sent.json == {"runIds": {"ids": [12]}, "includeActive": True}
    assert [(row["id"], row["word"]) for row in part.rows] == [
        (11, "running"),
        (12, "errored"),
        (13, "completed"),
    ]
    assert part.get("note") == "Stopped 1 run of quiz (0 queued, 1 going)"


@pytest.mark.parametrize("message", [{"run": 12}, {"run": "12", "confirmed": True}, {"confirmed": True}])
def test_what_was_not_agreed_to_or_names_no_run_stops_nothing(
    server: faults.FaultServer, part: RunStatusPart, message: dict[str, Any]
) -> None:
    click(part, **message)
    assert not server.calls("ApiCancelBenchmarkTaskRuns")


def test_a_server_that_cannot_stop_runs_is_said_in_the_panel(
    server: faults.FaultServer, part: RunStatusPart
) -> None:
    server.api.refusing["ApiCancelBenchmarkTaskRuns"] = 501
    click(part, run=11, confirmed=True)
    assert "does not offer cancelling runs" in " ".join(part.get("problem"))
