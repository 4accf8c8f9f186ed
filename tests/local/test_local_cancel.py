"""Cancelling runs: what waits and what goes ends, is counted as it was, and stays ended."""

from __future__ import annotations

import pytest
from local_server_process import ENDLESS, MODEL, plain, wait_for

pytestmark = pytest.mark.slow


def test_a_queued_and_a_running_run_end_with_their_processes_and_stay_ended_after_a_restart(make_server):
    one = make_server("--workers", "1")
    for name, code in (("endless", ENDLESS), ("waiting", ""), ("spared", "")):
        one.push(name, plain(name, code))
        assert one.creation(name) == ("COMPLETED", "")
    done = one.run_now("spared")["id"]
    before = {process.pid for process in one.family()}
    going, waiting, spared = (one.schedule(name)[0]["runId"] for name in ("endless", "waiting", "spared"))
    wait_for(lambda: one.run(going, "endless")["state"] == "RUNNING", 60, "the run to start")
    wait_for(lambda: (one.home / "runs" / str(going) / "log.jsonl").read_text(), 60, "its notebook to run")
    job = [process for process in one.family() if process.pid not in before]
    assert {process.pid for process in one.kernels()} & {process.pid for process in job}

    def cancel(**more):
        slugs = [{"taskSlug": "endless"}, {"taskSlug": "waiting"}]
        return one.call("ApiCancelBenchmarkTaskRuns", {"taskSlugs": {"slugs": slugs}, **more})

    elsewhere = {"modelVersion": {"modelVersionSlug": MODEL, "reasoningEffort": "high"}}
    assert cancel(includeActive=True, **elsewhere) == {}, "neither runs at an effort"
    assert one.run(going, "endless")["state"] == "RUNNING"
    assert cancel(includeActive=True) == {"queuedCancelledCount": 1, "activeTerminatedCount": 1}
    assert not [process for process in job if process.is_running()], "gone when the answer comes"
    assert one.ended(spared, "spared")["state"] == "COMPLETED", "the worker is free"
    assert one.cancel(going, waiting, spared, done, active=True) == {}, "asking again is safe"

    def look():
        runs = [one.run(going, "endless"), one.run(waiting, "waiting")]
        counts = one.call("ApiGetBenchmarkSchedulerStatus")
        return [(run["state"], run["errorMessage"], run["endTime"]) for run in runs], counts

    cancelled, counts = look()
    assert [run[:2] for run in cancelled] == [("ERRORED", "Cancelled.")] * 2
    assert counts["recentStateCounts"] == [{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED", "count": 2}]
    assert "stateCounts" not in counts
    one.stop()
    one.start()
    assert look() == (cancelled, counts)
    assert cancel(includeActive=True) == {}
    assert one.run_now("waiting")["state"] == "COMPLETED", "it can be scheduled again"


def test_what_is_to_be_cancelled_is_named_and_known(make_server):
    one = make_server()
    for body, code, words in (
        ({}, 400, "either"),
        ({"runIds": {"ids": [1]}, "taskSlugs": {"slugs": [{"taskSlug": "x"}]}}, 400, "either"),
        ({"runIds": {"ids": ["x"]}}, 400, "`runId`"),
        ({"runIds": {"ids": [7]}}, 404, "no run 7"),
        ({"taskSlugs": {"slugs": [{"taskSlug": "x"}]}}, 404, "no task x"),
        (
            {"runIds": {"ids": [7]}, "agentSlug": "a", "modelVersion": {"modelVersionSlug": "m"}},
            400,
            "or an agent",
        ),
    ):
        answer = one.post("ApiCancelBenchmarkTaskRuns", body)
        assert answer.status_code == code
        assert words in answer.json()["message"]
