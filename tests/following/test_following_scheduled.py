"""What `run --wait` follows when the list of runs lags behind the schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import faults
import pytest
from loopback_session import LoopbackSession
from watch_doubles import FakeClient, FakeClock, Said, run

from kbench_jupyter.actions.run import run as schedule
from kbench_jupyter.api import ScheduleResult
from kbench_jupyter.errors import RunsFailedError, TransportError, UsageError
from kbench_jupyter.following.scheduled import find_scheduled
from kbench_jupyter.session.interrupted import Interrupted


def ids(client, models=("m1", "m2"), before=(), **options):
    scheduled = [ScheduleResult(model, scheduled=True) for model in models]
    found = find_scheduled(client, "quiz", scheduled, before, clock=FakeClock(), **options)
    return [item.run_id for item in found if item.run_id is not None]


def test_runs_that_the_list_does_not_show_yet_are_looked_for_again():
    client = FakeClient([], TransportError("cut"), [run(7)], [run(8, model="m2"), run(7)])
    assert ids(client) == [7, 8]
    assert client.asked == [("m1", "m2"), (), (), ()]


def test_the_first_look_is_mostly_the_only_one():
    client = FakeClient([run(8, model="m2"), run(7)])
    assert ids(client) == [7, 8]
    assert len(client.asked) == 1


def test_older_runs_never_count_and_the_newest_does():
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    hidden = run(3, "COMPLETED", start_time=ended, end_time=ended)
    client = FakeClient([run(5)], [hidden, run(5), run(7), run(6)])
    assert ids(client, ["m1"], before={5}) == [7]
    assert ids(FakeClient([run(5)], [hidden, run(5)]), ["m1"], before={5}, timeout=3) == []
    # One that was begun by somebody else since the filter hid nothing: its end is of this moment.
    ended = datetime.now(UTC)
    assert ids(FakeClient([], [run(7, "COMPLETED", start_time=ended, end_time=ended)]), ["m1"]) == [7]


def test_ctrl_c_while_looking_says_that_the_runs_go_on():
    with pytest.raises(Interrupted, match=r"\(2 runs of quiz\). What runs goes on") as stopped:
        ids(FakeClient(KeyboardInterrupt()))
    assert "%kbench cancel quiz" in str(stopped.value.hint)


def test_what_never_appears_is_left_out_after_a_minute_or_the_time_out():
    client = FakeClient([run(7)])
    assert ids(client) == [7]
    patient = len(client.asked)
    assert ids(client, timeout=3) == [7]
    assert len(client.asked) - patient < patient


def test_what_the_answer_named_is_not_looked_for():
    client = FakeClient([])
    told = [ScheduleResult("m1", scheduled=True, run_id=7), ScheduleResult("m2", skipped_reason="has one")]
    assert find_scheduled(client, "quiz", told, (), clock=FakeClock()) == tuple(told)
    assert client.asked == []


def test_runs_of_one_model_are_told_apart_by_effort_and_agent():
    client = FakeClient(
        [run(7, agent="code"), run(8, config="m1-high"), run(9), run(6, model="code", agent="code")]
    )
    asked = [ScheduleResult("m1"), ScheduleResult("m1", "high"), ScheduleResult(agent="code")]
    scheduled = [replace(one, scheduled=True) for one in asked]
    found = find_scheduled(client, "quiz", scheduled, {6}, clock=FakeClock())
    assert [one.run_id for one in found] == [9, 8, 7]
    assert client.asked == [()], "no filter names an agent"


def test_without_waiting_there_is_one_look_and_a_failed_one_is_no_error():
    for look in ([], TransportError("cut")):
        client = FakeClient(look)
        assert ids(client, timeout=0) == []
        assert len(client.asked) == 1


@pytest.fixture
def naming():
    """A server whose answers name the runs, and a session at it; every run has ended when it is listed."""
    with faults.FaultServer() as server:
        server.api.add_task("quiz")
        server.api.names_runs = True
        session = LoopbackSession(server, Said())
        yield server, session
        session.close()


def test_run_says_the_ids_that_the_answer_names_and_lists_nothing_after_it(naming):
    server, session = naming
    done = schedule(session, "quiz", ["m1", "m2"])
    assert done.run_ids == (1000, 1001)
    assert [(row["model"], row["run"]) for row in done.records()] == [("m1", 1000), ("m2", 1001)]
    assert server.requests[-1].method == "BatchScheduleBenchmarkTaskRuns"


def test_run_says_that_an_id_is_not_known_where_neither_answer_nor_list_has_it(naming):
    server, session = naming
    server.api.names_runs = False
    server.inject("ListBenchmarkTaskRuns", faults.slow(0), *[faults.status(500)] * 99)
    done = schedule(session, "quiz", ["m1"])
    assert done.run_ids == ()
    assert done.view().notes == ["The id of 1 run is not known yet: the server's list did not show it."]


def test_run_and_wait_follows_the_runs_of_the_answer_and_no_newer_one(naming):
    server, session = naming

    def newer(exchange):
        exchange.answer(*exchange.process())
        server.api.BatchScheduleBenchmarkTaskRuns(exchange.seen.json)  # somebody schedules the same
        server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
        server.api.runs[1]["state"] = "BENCHMARK_TASK_RUN_STATE_ERRORED"

    server.inject("BatchScheduleBenchmarkTaskRuns", newer)
    done = schedule(session, "quiz", ["m1"], wait=30)
    assert (done.run_ids, [run.state for run in done.runs]) == ((1000,), ["COMPLETED"])


def test_run_and_wait_waits_though_the_list_lags():
    with faults.FaultServer() as server:
        server.api.add_task("quiz")

        def empty(exchange):
            exchange.process()
            for listed in server.api.runs:
                listed["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
            exchange.answer(200, dict(faults.JSON), b"{}")

        session = LoopbackSession(server, Said())
        server.inject("ListBenchmarkTaskRuns", empty, empty)  # before the schedule, and right after it
        done = schedule(session, "quiz", ["m1", "m2"], wait=30)
        session.close()
    assert done.ended
    assert len(done.run_ids) == 2


def test_run_and_wait_names_the_runs_that_never_appear():
    with faults.FaultServer() as server:
        server.api.add_task("quiz")

        def one_only(exchange):
            exchange.process()
            server.api.runs[1:] = []
            for listed in server.api.runs:
                listed["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
            exchange.answer(*exchange.process())

        session = LoopbackSession(server, Said())
        server.inject("ListBenchmarkTaskRuns", *[one_only] * 9)
        with pytest.raises(RunsFailedError, match="1 run of quiz cannot be followed: scheduled on m2"):
            schedule(session, "quiz", ["m1", "m2"], wait=0.5)
        session.close()


@pytest.mark.parametrize(("models", "words"), [([""], "'' names no model"), (["m1", "lab/"], "'lab/' names")])
def test_a_model_without_a_name_is_refused_before_anything_is_said_to_be_scheduled(models, words):
    with faults.FaultServer() as server:
        server.api.add_task("quiz")
        said = Said()
        session = LoopbackSession(server, said)
        with pytest.raises(UsageError, match=words):
            schedule(session, "quiz", models)
        session.close()
    assert not said.lines
