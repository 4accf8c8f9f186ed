"""What `push --wait` may rely on."""

from __future__ import annotations

import pytest
from watch_doubles import FakeClient, FakeClock, Said

from kbench_jupyter.api import CreationState, Task, TaskSlug
from kbench_jupyter.errors import NotFoundError, TaskNotReadyError, TransportError, WatchTimeoutError
from kbench_jupyter.following.creation import watch_creation
from kbench_jupyter.session.interrupted import Interrupted


def task(state, version=3, **fields):
    return Task(TaskSlug("quiz", version=version), CreationState(state), **fields)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.mark.parametrize(
    "state", ["COMPLETED", "ERRORED", "KERNEL_WITHOUT_RUN", "VALIDATION_FAILED", "NO_MODEL_SPECIFIED"]
)
def test_every_end_of_a_creation_is_an_end(clock, state):
    client = FakeClient(task("QUEUED"), task("RUNNING"), task(state))
    assert watch_creation(client, "quiz", 3, clock=clock).creation_state == state
    assert client.asked == [TaskSlug("quiz", version=3)] * 3


def test_changes_make_it_look_sooner_again(clock):
    client = FakeClient(*[task("QUEUED")] * 8, task("RUNNING"), task("COMPLETED"))
    watch_creation(client, "quiz", 3, clock=clock)
    assert clock.waits == [0.25, 0.375, 0.562, 0.844, 1.266, 1.898, 2.848, 4.271, 2.0]


def test_a_version_the_server_has_not_heard_of_yet_is_waited_for(clock):
    client = FakeClient(NotFoundError("No such task."), task("COMPLETED"))
    assert watch_creation(client, "quiz", 3, clock=clock).version == 3


def test_a_task_that_stays_unknown_is_an_error_after_a_minute(clock):
    with pytest.raises(NotFoundError):
        watch_creation(FakeClient(NotFoundError("No such task.")), "quiz", 3, clock=clock)
    assert 60 <= clock.time < 91


def test_an_answer_about_the_version_before_is_not_taken_for_this_one(clock):
    client = FakeClient(task("COMPLETED", version=2), task("COMPLETED", version=3))
    assert watch_creation(client, "quiz", 3, clock=clock).version == 3


def test_a_newer_version_pushed_meanwhile_is_said(clock):
    with pytest.raises(TaskNotReadyError, match="Version 4 of quiz was pushed"):
        watch_creation(FakeClient(task("RUNNING"), task("RUNNING", version=4)), "quiz", 3, clock=clock)


def test_a_time_out_says_that_the_server_goes_on(clock):
    with pytest.raises(WatchTimeoutError, match="quiz, version 3: running") as caught:
        watch_creation(FakeClient(task("RUNNING")), "quiz", 3, timeout=20, clock=clock)
    assert clock.time == 20
    assert "%kbench status quiz" in caught.value.hint


def test_a_state_this_version_does_not_know_is_waited_through(clock):
    client = FakeClient(task("POLISHING"), task("COMPLETED"))
    assert watch_creation(client, "quiz", 3, clock=clock).creation_state == "COMPLETED"


@pytest.mark.parametrize("state", ["POLISHING", "UNSPECIFIED"])
def test_a_state_that_never_says_more_is_an_error_that_names_it(clock, state):
    with pytest.raises(TaskNotReadyError, match=state):
        watch_creation(FakeClient(task(state)), "quiz", 3, clock=clock)


def test_a_passing_failure_is_said_and_survived(clock):
    said = Said()
    client = FakeClient(task("RUNNING"), TransportError("No answer."), task("COMPLETED"))
    watch_creation(client, "quiz", 3, reporter=said, clock=clock)
    assert said.lines == ["No answer; looking again"]
    assert said.progressed[0][0].startswith("Creating quiz, version 3: running")
    assert said.closed == 1


def test_ctrl_c_says_that_the_server_goes_on(clock):
    client = FakeClient(task("RUNNING"), KeyboardInterrupt())
    with pytest.raises(Interrupted, match="The server goes on"):
        watch_creation(client, "quiz", 3, clock=clock)
