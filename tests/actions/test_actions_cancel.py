"""What `%kbench cancel` stops, what it asks before, and what it says of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faults
import pytest
from candidates import CandidateApi, add_three
from loopback_session import LoopbackSession, add_run
from watch_doubles import FakeClient, FakeClock, Said, run

from kbench_jupyter.actions.cancel import cancel
from kbench_jupyter.errors import NotFoundError, NotOfferedError, UsageError
from kbench_jupyter.following.watch import wait_for_runs
from kbench_jupyter.session.interrupted import Interrupted


class Asked(Said):
    """Keeps the question and answers it."""

    answer = True

    def confirm(self, question: str) -> bool:
        self.lines.append(question)
        return self.answer


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


@pytest.fixture
def said() -> Asked:
    return Asked()


def cancels(server: faults.FaultServer) -> list[dict[str, Any]]:
    return [seen.json for seen in server.calls("ApiCancelBenchmarkTaskRuns")]


def mixed(api: faults.FakeApi) -> None:
    for number, state in enumerate(["QUEUED", "RUNNING", "COMPLETED", "QUEUED"], 11):
        add_run(api, number, f"m{number}", state)


def test_queued_runs_are_stopped_and_going_ones_are_said_to_go_on(
    server: faults.FaultServer, kbench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed(server.api)
    shown = kbench("cancel quiz -y")
    assert cancels(server) == [{"runIds": {"ids": [11, 14]}}]
    text = str(shown)
    assert "Stopped 2 runs of quiz (2 queued, 0 going)" in text
    assert "1 run had begun and goes on. To stop it too: %kbench" in text
    assert "%kbench cancel quiz --running" in text
    assert [one["run"] for one in shown.records()] == [11, 14]


def test_with_running_it_asks_again_until_none_is_left(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    mixed(server.api)
    server.api.unreachable = 2
    clock = FakeClock()
    found = cancel(session, "quiz", running=True, clock=clock)
    assert len(cancels(server)) == 3
    assert cancels(server)[0] == {"runIds": {"ids": [11, 12, 14]}, "includeActive": True}
    assert cancels(server)[1] == {"runIds": {"ids": [12]}, "includeActive": True}
    assert (found.queued, found.active, found.left) == (2, 1, ())
    assert all(wait > 0 for wait in clock.waits)


def test_one_that_cannot_be_reached_is_named_after_a_minute(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    mixed(server.api)
    server.api.unreachable = 10**6
    found = cancel(session, "quiz", running=True, clock=FakeClock())
    assert [run.id for run in found.left] == [12]
    assert "Still going: m12 (run 12, running)" in str(found)
    assert "Stopped 2 runs" in str(found)


@pytest.mark.parametrize(
    "answer",
    [faults.reset_after, lambda exchange: (exchange.process(), exchange.answer(200, faults.JSON, b"{}"))],
    ids=["its answer is lost", "its answer confirms nothing"],
)
def test_runs_that_are_gone_count_as_ended_also_where_the_server_confirms_none(
    server: faults.FaultServer, session: LoopbackSession, answer: faults.Fault
) -> None:
    mixed(server.api)
    server.inject("ApiCancelBenchmarkTaskRuns", answer)
    found = str(cancel(session, "quiz", clock=FakeClock()))
    assert "2 runs of quiz have ended" in found
    assert "The server says that it stopped 0 of them" in found


def test_an_answer_that_confirms_nothing_where_nothing_was_stopped_is_no_success(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    mixed(server.api)
    nothing = faults.status(200)
    server.inject("ApiCancelBenchmarkTaskRuns", *[nothing] * 99)
    found = cancel(session, "quiz", clock=FakeClock())
    assert [run.id for run in found.spared] == [12], "what is queued is not said to have begun"
    assert [run.id for run in found.left] == [11, 14]
    assert "Stopped 0 runs" in str(found)
    assert "Still going: m11 (run 11, queued), m14 (run 14, queued)" in str(found)


def test_the_question_names_what_would_be_stopped_and_no_stops_nothing(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    add_three(server.api)
    for one in server.api.runs:
        one["state"] = "BENCHMARK_TASK_RUN_STATE_RUNNING"
    session.reporter.answer = False
    with pytest.raises(UsageError, match="Nothing was stopped") as refused:
        cancel(session, "quiz", models=["*-high", "helper"], running=True)
    [question] = session.reporter.lines
    assert "Stop 2 runs of quiz" in question
    assert "quick-1-high (run 12, running), helper (run 13, running)" in question
    assert "cancel quiz -m '*-high' -m helper --running -y" in (refused.value.hint or ""), "and nothing else"
    assert not cancels(server)


def test_a_run_is_named_by_its_id_and_another_tasks_is_refused(
    server: faults.FaultServer, kbench: Any
) -> None:
    mixed(server.api)
    kbench("cancel quiz --run 14 -y")
    assert cancels(server) == [{"runIds": {"ids": [14]}}]
    with pytest.raises(NotFoundError, match="quiz has no run 99; nothing was stopped"):
        kbench("cancel quiz --run 14 --run 99 -y")
    with pytest.raises(UsageError, match="'m14' is no run's id"):
        kbench("cancel quiz --run m14 -y")
    assert len(cancels(server)) == 1


def test_where_nothing_is_queued_nothing_is_asked(
    server: faults.FaultServer, session: LoopbackSession
) -> None:
    add_run(server.api, 11, state="RUNNING")
    assert "No run of quiz is queued" in str(cancel(session, "quiz"))
    server.api.runs.clear()
    add_run(server.api, 12)
    assert "No run of quiz is queued or going" in str(cancel(session, "quiz"))
    assert not cancels(server)
    assert not session.reporter.lines


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_server_that_cannot_stop_runs_is_one_plain_line(
    server: faults.FaultServer, session: LoopbackSession, code: int
) -> None:
    mixed(server.api)
    server.api.refusing["ApiCancelBenchmarkTaskRuns"] = code
    with pytest.raises(NotOfferedError, match="does not offer cancelling runs to this account"):
        cancel(session, "quiz", confirmed=True)


def test_ctrl_c_while_waiting_stops_only_the_waiting_and_says_how_to_cancel() -> None:
    def pressed() -> Any:
        raise KeyboardInterrupt

    client = FakeClient([run(7)], pressed)
    with pytest.raises(Interrupted) as stopped:
        wait_for_runs(client, "quiz", [7], clock=FakeClock())
    assert "What runs goes on" in stopped.value.message
    assert "%kbench cancel quiz --running" in stopped.value.hint
