"""`run --repeat`: several runs of a candidate, one after the other where the server lets one go at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import faults
import pytest
from candidates import CandidateApi
from IPython.utils.capture import capture_output
from loopback_session import LoopbackSession, add_run
from watch_doubles import Said

from kbench_jupyter.actions.run import run
from kbench_jupyter.errors import ApiError, RunsFailedError, UsageError, WatchTimeoutError
from kbench_jupyter.session.interrupted import Interrupted

STATE = "BENCHMARK_TASK_RUN_STATE_"


class OneAtATime(CandidateApi):
    """Skips a candidate of which a run goes, as servers do; a run goes for as many looks as `looks` says."""

    looks = 1
    #: Candidates whose runs never end.
    endless: frozenset[str] = frozenset()
    ending = "COMPLETED"
    most_at_once = 0

    def ListBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        listed = super().ListBenchmarkTaskRuns(body)
        going = [run for run in self.runs if run["state"].endswith(("QUEUED", "RUNNING"))]
        self.most_at_once = max(self.most_at_once, len(going))
        listed = {**listed, "runs": [dict(run) for run in listed["runs"]]}
        for one in going:
            one["seen"] = one.get("seen", 0) + 1
            if one["seen"] > self.looks and one["modelVersionSlug"] not in self.endless:
                now = datetime.now(UTC).isoformat()
                one.update(state=STATE + self.ending, startTime=now, endTime=now)
        return listed

    def BatchScheduleBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any] | faults.Handled:
        results = []
        for model in body.get("modelVersionSlugs", []):
            going = any(
                run["modelVersionSlug"] == model and run["state"].endswith(("QUEUED", "RUNNING"))
                for run in self.runs
            )
            if going:
                results.append({"runSkippedReason": "one is going already"})
                continue
            answer = super().BatchScheduleBenchmarkTaskRuns({**body, "modelVersionSlugs": [model]})
            if isinstance(answer, tuple):
                return answer
            results += answer["results"]
        return {"results": results}


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(OneAtATime()) as running:
        running.api.add_task("quiz")
        yield running


def ran(server: faults.FaultServer) -> list[str]:
    return [run["modelVersionSlug"] for run in server.api.runs]


def test_each_candidate_runs_so_many_times_one_after_the_other(
    server: faults.FaultServer, kbench: Any
) -> None:
    with capture_output() as shown:
        found = kbench("run quiz -m quick-1 -m plain-1 --repeat 3 --wait --poll-interval 0.01")
    assert sorted(ran(server)) == ["plain-1"] * 3 + ["quick-1"] * 3
    assert server.api.most_at_once == 2
    assert [run.state for run in found.runs] == ["COMPLETED"] * 6
    assert "6 runs of quiz (version 1) ended" in str(found)
    for number in range(1000, 1006):
        assert shown.stdout.count(f"(run {number}): completed") == 1, "each end is said once"


def test_a_server_that_takes_them_all_gets_them_at_once(session: LoopbackSession, server: Any) -> None:
    server.api.__class__ = CandidateApi
    begun: list[int] = []
    found = run(session, "quiz", ["quick-1"], repeat=3, on_begun=lambda results: begun.append(len(results)))
    assert ran(server) == ["quick-1"] * 3
    assert found.run_ids == (1000, 1001, 1002)
    assert begun == [1, 2, 3]
    assert "Scheduled 3 runs" in str(found)


def test_an_agent_and_an_effort_are_repeated_as_they_are(session: LoopbackSession, server: Any) -> None:
    server.api.__class__ = CandidateApi
    run(session, "quiz", ["quick-1"], effort="high", repeat=2)
    run(session, "quiz", [], agents=["helper"], repeat=2)
    sent = [seen.json for seen in server.calls("BatchScheduleBenchmarkTaskRuns")]
    assert [one.get("reasoningEffort") for one in sent] == ["high", "high", None, None]
    assert [one.get("agentSlugs") for one in sent] == [None, None, ["helper"], ["helper"]]


def test_a_run_that_goes_already_is_waited_for_and_not_counted(
    session: LoopbackSession, server: faults.FaultServer
) -> None:
    add_run(server.api, 7, "quick-1", "RUNNING")
    found = run(session, "quiz", ["quick-1"], repeat=2, poll_interval=0.01)
    assert found.run_ids == (1001, 1002)
    assert not any(result.skipped_reason for result in found.scheduled)


def test_one_run_is_skipped_as_ever_where_one_goes_already(
    session: LoopbackSession, server: faults.FaultServer
) -> None:
    add_run(server.api, 7, "quick-1", "RUNNING")
    found = run(session, "quiz", ["quick-1"])
    assert "one is going already" in str(found)
    assert len(server.api.runs) == 1


def test_stopping_ends_only_the_waiting_and_says_how_many_were_not_begun(
    session: LoopbackSession, server: faults.FaultServer, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.api.endless = frozenset({"quick-1"})

    def interrupt(text: str, *_: Any) -> None:
        if "of 8 runs begun" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr(said, "progress", interrupt)
    with pytest.raises(Interrupted) as stopped:
        run(session, "quiz", ["quick-1", "plain-1"], repeat=4, poll_interval=0.01)
    assert "Stopped waiting: 6 of 8 runs of quiz were not begun: 3 of quick-1, 3 of plain-1." in str(
        stopped.value
    )
    assert "Those that were begun go on." in str(stopped.value)
    assert "%kbench run quiz -m quick-1 -m plain-1 --repeat 3" in stopped.value.hint
    assert not server.calls("ApiCancelBenchmarkTaskRuns")


def test_a_time_limit_covers_all_of_it(session: LoopbackSession, server: faults.FaultServer) -> None:
    server.api.endless = frozenset({"quick-1"})
    with pytest.raises(WatchTimeoutError, match="1 of 2 runs of quiz was not begun: 1 of quick-1"):
        run(session, "quiz", ["quick-1"], repeat=2, wait=0.3, poll_interval=0.01)


def test_runs_that_error_do_not_end_the_series_and_are_said_at_its_end(
    session: LoopbackSession, server: faults.FaultServer
) -> None:
    server.api.ending = "ERRORED"
    with pytest.raises(RunsFailedError, match="2 of 2 runs of quiz failed"):
        run(session, "quiz", ["quick-1"], repeat=2, wait=0, poll_interval=0.01)
    assert len(server.api.runs) == 2


def test_a_refusal_in_the_middle_says_how_far_it_came(
    session: LoopbackSession, server: faults.FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server.api.BatchScheduleBenchmarkTaskRuns

    def once(body: dict[str, Any]) -> Any:
        return server.api.error(403, "The quota is used up") if server.api.runs else first(body)

    monkeypatch.setattr(server.api, "BatchScheduleBenchmarkTaskRuns", once)
    with pytest.raises(ApiError, match="quota is used up") as refused:
        run(session, "quiz", ["quick-1"], repeat=3, poll_interval=0.01)
    assert "2 of 3 runs of quiz were not begun" in (refused.value.detail or "")


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "x"])
def test_a_number_of_repeats_that_is_none_is_refused(
    kbench: Any, server: faults.FaultServer, number: str
) -> None:
    with pytest.raises(UsageError, match="--repeat"):
        kbench(f"run quiz -m quick-1 --repeat {number}")
    with pytest.raises(UsageError, match="none"):
        run(LoopbackSession(server), "quiz", ["quick-1"], repeat=0)
    assert not server.api.runs


def test_what_was_not_begun_is_named_as_it_was_asked_for() -> None:
    with faults.FaultServer(OneAtATime()) as server:
        server.api.add_task("quiz")
        server.api.endless = frozenset({"quick-1"})
        session = LoopbackSession(server, Said())
        with pytest.raises(WatchTimeoutError) as late:
            run(session, "quiz", ["quick-1"], effort="high", repeat=3, wait=0.3)
        session.close()
    line = str(late.value.hint).splitlines()[0]
    assert line.endswith("%kbench run quiz -m quick-1 --reasoning-effort high --repeat 2")


def test_of_candidates_that_lack_more_or_fewer_runs_each_is_named_with_its_own_number() -> None:
    with faults.FaultServer(OneAtATime()) as server:
        server.api.add_task("quiz")
        server.api.endless = frozenset({"quick-1"})
        server.api.models.append({**server.api.models[1], "version": {**server.api.models[1]["version"]}})
        session = LoopbackSession(server, Said())
        with pytest.raises(WatchTimeoutError) as late:
            run(session, "quiz", ["quick-1", "plain-1"], repeat=3, wait=1.0)
        session.close()
    lines = str(late.value.hint).splitlines()
    assert lines[0].endswith("%kbench run quiz -m quick-1 --repeat 2")
    assert "plain-1" not in str(late.value.hint)  # all of its runs were begun
