"""What `%kbench status` says comes next."""

from __future__ import annotations

import faults
import pytest
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.tasks import status


@pytest.fixture
def server():
    with faults.FaultServer() as running:
        yield running


@pytest.fixture
def session(server):
    opened = LoopbackSession(server)
    yield opened
    opened.close()


def commands(shown):
    return [command for command, _ in shown.view().next]


def test_a_task_that_has_not_been_run_is_to_be_run(server, session):
    server.api.add_task("quiz")
    assert commands(status(session, "quiz")) == ["%kbench run quiz -m MODEL"]


def test_ended_runs_are_to_be_compared_first(server, session):
    add_run(server.api, 11)
    assert commands(status(session, "me/quiz")) == [
        "%kbench results quiz",
        "%kbench log quiz",
        "%kbench download quiz",
    ]


def test_the_whole_of_an_error_is_offered_until_it_is_shown(server, session):
    add_run(server.api, 11, state="ERRORED", errorMessage="Traceback (most recent)\nValueError: no")
    shown = status(session, "quiz")
    assert commands(shown)[:2] == ["%kbench results quiz", "%kbench status quiz --errors"]
    assert "Traceback" not in str(shown)
    whole = status(session, "quiz", errors=True)
    assert "Traceback" in str(whole)
    assert "%kbench status quiz --errors" not in commands(whole)
