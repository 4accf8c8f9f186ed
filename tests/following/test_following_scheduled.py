"""What `run --wait` follows when the list of runs lags behind the schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import faults
import pytest
from loopback_session import LoopbackSession
from watch_doubles import FakeClient, FakeClock, Said, run

from kbench_jupyter.actions.run import run as schedule
from kbench_jupyter.api import ScheduleResult
from kbench_jupyter.errors import RunsFailedError, TransportError, UsageError
from kbench_jupyter.following.scheduled import await_scheduled


def ids(client, models=("m1", "m2"), before=(), **options):
    scheduled = [ScheduleResult(model, scheduled=True) for model in models]
    found = await_scheduled(client, "quiz", scheduled, before, clock=FakeClock(), **options)
    return [item.id for item in found]


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


def test_what_never_appears_is_left_out_after_a_minute_or_the_time_out():
    client = FakeClient([run(7)])
    assert ids(client) == [7]
    patient = len(client.asked)
    assert ids(client, timeout=3) == [7]
    assert len(client.asked) - patient < patient


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
