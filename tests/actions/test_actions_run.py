"""What is refused before anything is scheduled, and what is scheduled and waited for, as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faults
import pytest
from candidates import CandidateApi
from loopback_session import add_run

from kbench_jupyter.errors import NotFoundError, TaskNotReadyError

Typed = Callable[[str], Any]
STATE = "BENCHMARK_TASK_VERSION_CREATION_STATE_"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("RUNNING", "still being created"),
        ("ERRORED", "cannot be run: the notebook failed"),
        ("KERNEL_WITHOUT_RUN", "recorded no run"),
    ],
)
def test_a_version_that_cannot_be_run_is_refused_before_anything_is_scheduled(
    state: str, why: str, server: faults.FaultServer, kbench: Typed
) -> None:
    server.api.add_task("quiz", creationState=STATE + state)
    with pytest.raises(TaskNotReadyError, match=why):
        kbench("run quiz -m quick-1")
    assert not server.api.schedules


def test_a_model_that_the_server_refuses_is_named_with_the_one_that_may_be_meant(
    server: faults.FaultServer, kbench: Typed
) -> None:
    server.api.add_task("quiz")
    server.api.models, server.api.known_models = CandidateApi().models, {"quick-1"}
    with pytest.raises(NotFoundError, match="knows no model 'quick-2'; nothing was scheduled") as caught:
        kbench("run quiz -m quick-2")
    assert "quick-1" in str(caught.value.hint)


def test_an_agent_whose_run_errored_goes_again_alone(server: faults.FaultServer, kbench: Typed) -> None:
    server.api.add_task("quiz")
    add_run(server.api, 11, "quick-1", agentSlug="helper", state="ERRORED")
    kbench("run quiz --retry-errored")
    assert server.api.schedules == {"helper": 1}


def test_a_run_that_the_list_shows_late_is_followed_all_the_same(
    server: faults.FaultServer, kbench: Typed
) -> None:
    server.api.add_task("quiz")
    listed = server.api.ListBenchmarkTaskRuns
    looks = 0

    def late(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal looks
        looks += bool(server.api.schedules)
        for one in server.api.runs:
            one["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
        return listed(body) if looks > 1 else {"runs": []}

    server.api.ListBenchmarkTaskRuns = late
    found = kbench("run quiz -m quick-1 --wait")
    assert [(run.id, run.state) for run in found.runs] == [(1000, "COMPLETED")]
