"""The run list's Stop: what it asks before, which runs it stops, and what it says of those that go on."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from candidates import THREE, CandidateApi, add_three
from loopback_session import LoopbackSession, add_run, zipped
from panel_kernel import Kernel, opened

from kbench_jupyter.actions.choose_runs import Which
from kbench_jupyter.actions.results import results
from kbench_jupyter.display.text import to_text
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.following.runs import RunChange
from kbench_jupyter.following.status import Ending, RunStatus
from kbench_jupyter.panels.log.source import EVERY, log_source
from kbench_jupyter.panels.panel import Panel
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import refresh_shown, task_watch
from kbench_jupyter.session.session import Session


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


@pytest.fixture
def session(server: faults.FaultServer) -> Iterator[LoopbackSession]:
    made = LoopbackSession(server)
    yield made
    made.close()


class Clicked(RunStatusPart):
    """The run list, whose answers stay here."""

    def __init__(self, session: LoopbackSession, *models: str) -> None:
        watch = task_watch(session, "quiz")
        watch.refresh()
        super().__init__(session, watch, models)
        self.answers: list[dict[str, Any]] = []
        self.awake()  # somebody looks

    def reply(self, _message: Any, **answer: Any) -> None:
        self.answers.append(answer)

    def ask(self, **more: Any) -> dict[str, Any]:
        self.receive({"do": "question", "ask": "q", **more})
        return self.answers[-1]

    def agree(self, runs: list[int]) -> None:
        """Click on yes, and wait until it is done."""
        self.receive({"do": "cancel", "runs": runs, "confirmed": True})
        self.until_idle()

    def until_idle(self) -> None:
        end = time.monotonic() + 20
        while self.get("busy"):
            assert time.monotonic() < end, self.get("busy")
            time.sleep(0.01)

    def words(self) -> dict[int, str]:
        return {row["id"]: row["word"] for row in self.rows}


def three(api: faults.FakeApi, *states: str) -> None:
    """Put a run of each candidate of one model into a recorder, 11 to 13."""
    for number, (told, state) in enumerate(zip(THREE.values(), states, strict=True), 11):
        add_run(api, number, "quick-1", state, **told)


def cancels(server: faults.FaultServer) -> list[dict[str, Any]]:
    return [seen.json for seen in server.calls("ApiCancelBenchmarkTaskRuns")]


def test_one_run_is_asked_about_by_name_and_nothing_is_stopped_before_a_yes(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "QUEUED", "RUNNING", "COMPLETED")
    part = Clicked(session)
    assert [row["stops"] for row in part.rows] == [True, True, False]
    place = server.url.removeprefix("http://")
    assert part.ask(run=11) == {
        "runs": [11],
        "text": f"Stop 1 run of quiz on {place}: quick-1 (run 11, queued)?",
    }
    lost = (
        f"Stop 1 run of quiz on {place}: quick-1-high (run 12, running)? What they have done so far is lost."
    )
    assert part.ask(run=12)["text"] == lost
    part.receive({"do": "cancel", "runs": [12]})
    part.receive({"do": "cancel", "runs": [], "confirmed": True})
    part.receive({"do": "cancel", "runs": "all", "confirmed": True})
    assert (part.get("busy"), cancels(server)) == ("", [])
    part.agree([12])
    assert cancels(server) == [{"runIds": {"ids": [12]}, "includeActive": True}]
    assert part.get("note") == "Stopped 1 run of quiz (0 queued, 1 going)"
    assert part.words() == {11: "queued", 12: "errored", 13: "completed"}
    assert [row["stops"] for row in part.rows] == [True, False, False]


def test_all_that_go_are_stopped_and_how_many_is_said(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "QUEUED", "RUNNING", "COMPLETED")
    part = Clicked(session)
    asked = part.ask()
    assert asked["runs"] == [11, 12]
    assert "quick-1 (run 11, queued), quick-1-high (run 12, running)?" in asked["text"]
    add_run(server.api, 14, "plain-1", "RUNNING")  # begun since, so nobody was asked about it
    part.agree(asked["runs"])
    assert part.get("note") == "Stopped 2 runs of quiz (1 queued, 1 going)"
    assert part.words()[14] == "running"
    part.agree([11, 12])
    assert part.get("note") == "No run of quiz is queued or going"


def test_a_server_that_cannot_stop_runs_is_said_so_and_the_list_stays(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "QUEUED", "RUNNING", "COMPLETED")
    server.api.refusing["ApiCancelBenchmarkTaskRuns"] = 501
    part = Clicked(session)
    part.agree([11])
    assert "does not offer cancelling runs to this account" in part.get("problem")[0]
    assert part.get("failed") == "cancel"
    assert part.words() == {11: "queued", 12: "running", 13: "completed"}


def test_asking_for_a_run_that_cannot_be_reached_ends_with_a_stop(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "QUEUED", "RUNNING", "RUNNING")
    server.api.unreachable = 10**6
    part = Clicked(session)
    part.receive({"do": "cancel", "runs": [11, 12], "confirmed": True})
    end = time.monotonic() + 20
    while server.api.runs[0]["state"].endswith("QUEUED"):
        assert time.monotonic() < end
        time.sleep(0.01)
    part.receive({"do": "stop"})
    part.until_idle()
    assert "1 of the runs of quiz were stopped; the others may go on" in part.get("stopped")
    assert part.get("problem") == []


def test_nothing_is_stopped_at_a_target_that_the_list_is_not_of(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "QUEUED", "RUNNING", "COMPLETED")
    part = Clicked(session)
    part.session.environ["KBENCH_API_URL"] = "http://127.0.0.1:9"
    part.agree([11])
    assert "the target is 127.0.0.1:9 now: nothing was done" in part.get("problem")[0]
    assert cancels(server) == []
    part.receive({"do": "retry"})
    part.until_idle()
    assert "the target is 127.0.0.1:9 now: nothing was done" in part.get("problem")[0]
    assert server.calls("BatchScheduleBenchmarkTaskRuns") == []


def test_runs_of_another_server_are_never_put_among_those_that_are_shown(
    server: faults.FaultServer,
) -> None:
    add_run(server.api, 11, "here-1")
    with faults.FaultServer() as elsewhere:
        add_run(elsewhere.api, 12, "there-1")
        session = Session(None, None, {"KBENCH_API_URL": server.url, "KAGGLE_API_TOKEN": "t"})
        part = Clicked(session)
        session.environ["KBENCH_API_URL"] = elsewhere.url  # type: ignore[index]
        refresh_shown(session, "quiz")  # as after a run there
        part.receive({"do": "refresh"})
        part.until_idle()
        assert "the target is" in part.get("problem")[0]
        part.asleep()
        part.awake()
        assert [row["model"] for row in part.rows] == ["here-1"]
        session.close()
    assert elsewhere.calls("ListBenchmarkTaskRuns") == []


def test_a_list_of_some_models_shows_stops_and_retries_the_runs_of_these_alone(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    for number, (model, state) in enumerate(
        [("m1", "ERRORED"), ("m2", "ERRORED"), ("m1", "RUNNING"), ("m2", "RUNNING")], 11
    ):
        add_run(server.api, number, model, state)
    part = Clicked(session, "m1")
    assert [row["id"] for row in part.rows] == [11, 13]
    assert "m2" not in to_text(part.view())
    assert part.ask()["runs"] == [13]
    server.api.runs = server.api.runs[:2]
    part.receive({"do": "retry"})
    part.until_idle()
    assert part.get("problem") == []
    assert [call.json["modelVersionSlugs"] for call in server.calls("BatchScheduleBenchmarkTaskRuns")] == [
        ["m1"]
    ]


def test_runs_of_a_server_that_was_reset_are_those_it_has_now(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    three(server.api, "COMPLETED", "COMPLETED", "COMPLETED")
    part = Clicked(session)
    server.api.runs = server.api.runs[:1]
    server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_RUNNING"
    part.receive({"do": "refresh"})
    part.until_idle()
    assert part.words() == {11: "running"}


def test_candidates_of_one_model_are_told_apart_in_runs_logs_results_and_chart(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path
) -> None:
    add_three(server.api)
    part = Clicked(session)
    assert part.get("who") == "candidate"
    assert {row["model"] for row in part.rows} == set(THREE)
    source = log_source(session, "quiz")
    assert [log.model for log in source.runs.values() if log.run_id != EVERY] == list(THREE)
    source.release()
    of_one = log_source(session, "quiz", Which(candidate="quick-1"))
    assert list(of_one.runs) == [11]
    of_one.release()
    with pytest.raises(NotFoundError, match="has no run on quick-\\* any more"):
        log_source(session, "quiz", Which(candidate="quick-*"))  # what a server calls one is no pattern
    compared = ResultsPart(session, results(session, "quiz", output=tmp_path), output=tmp_path)
    assert compared.get("who") == "candidate"
    assert {group["model"]: group["value"] for group in compared.get("groups")} == {
        "quick-1": 0.11,
        "quick-1-high": 0.12,
        "helper": 0.13,
    }
    assert {row["model"] for row in compared.rows} == set(THREE)


def test_models_alone_are_called_models(server: faults.FaultServer, session: LoopbackSession) -> None:
    add_run(server.api, 11, "quick-1", "RUNNING")
    assert Clicked(session).get("who") == "model"


@pytest.mark.slow
@pytest.mark.usefixtures("jupyter_kernels_forked")
def test_in_a_kernel_a_stop_is_asked_for_and_changes_the_rows(
    server: faults.FaultServer, tmp_path: Path
) -> None:
    three(server.api, "QUEUED", "RUNNING", "COMPLETED")
    kernel = Kernel(tmp_path, server)
    try:
        comm, _ = opened(kernel.cell("%kbench status quiz --live"))
        kernel.tell(comm, hello="v1")
        [*_, first] = kernel.heard(comm, lambda m: m.get("rows"))
        kernel.tell(comm, part=first["part"], do="question", ask="q")
        [*_, answer] = kernel.heard(comm, lambda m: m.get("reply") == "q")
        assert answer["runs"] == [11, 12]
        for _ in range(3):  # impatient clicks
            kernel.tell(comm, part=first["part"], do="cancel", runs=answer["runs"], confirmed=True)
        came = kernel.heard(comm, lambda m: (m.get("set") or {}).get("note"))
        notes = [message["set"].get("note") for message in came if message.get("set")]
        assert "Stopped 2 runs of quiz (1 queued, 1 going)" in notes  # a click that came late finds none
        seen = {row["id"]: row for message in came for row in message.get("rows", [])}
        while not {11, 12} <= {one for one, row in seen.items() if row["ended"]}:
            for message in kernel.heard(comm, lambda m: m.get("rows")):
                seen |= {row["id"]: row for row in message.get("rows", [])}
        assert not any(row["stops"] for row in seen.values())
        assert len(cancels(server)) == 1
    finally:
        kernel.close()


def test_a_panel_that_rehearses_has_the_kernel_that_waits_for_the_notebook(session: LoopbackSession) -> None:
    part = Clicked(session)
    assert part.session.next_kernel is session.next_kernel


def test_what_was_being_fetched_when_the_kernel_let_go_of_its_panels_is_removed(
    server: faults.FaultServer, session: LoopbackSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asked, go_on = threading.Event(), threading.Event()

    def slow(exchange: faults.Exchange) -> None:
        asked.set()
        go_on.wait(10)
        exchange.answer(*exchange.process())

    add_run(server.api, 11)
    server.api.archives[11] = zipped(r_run_json="{}")
    server.inject("DownloadBenchmarkTaskRunOutput", slow)
    others = set(threading.enumerate())
    part = Clicked(session)
    assert asked.wait(10)
    assert list(tmp_path.glob("kbench-panel-*"))
    [thread] = [one for one in set(threading.enumerate()) - others if one.name == "kbench-outcomes"]
    part.watch.close()
    go_on.set()
    thread.join(20)
    assert list(tmp_path.glob("kbench-panel-*")) == []


def test_a_run_that_vanishes_before_it_is_followed_keeps_its_candidate_and_version(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    add_run(server.api, 11, "m1", "RUNNING")
    part = Clicked(session)
    part.watch._changed(RunChange(RunStatus(11, None, Ending.VANISHED), None))
    [row] = part.rows
    assert (row["word"], row["model"], row["version"]) == ("vanished", "m1", 1)


def test_what_was_closed_again_is_kept_no_longer_and_its_logs_neither(
    session: LoopbackSession, server: faults.FaultServer
) -> None:
    add_run(server.api, 1)
    shown = Clicked(session)
    panel = Panel(session, shown)
    seen = []
    for _ in range(2):
        shown._open_log(None)
        assert shown._log is not None
        seen.append(weakref.ref(shown._log))
    panel.close()
    gc.collect()
    assert [view() for view in seen] == [None, None]
    seen = [weakref.ref(panel)]
    del panel, shown
    gc.collect()
    assert seen[0]() is None
