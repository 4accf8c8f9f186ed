"""The model picker without a browser: what it says of models that are missing, and the efforts it offers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
from candidates import CandidateApi
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.run import run
from kbench_jupyter.display.view import forms
from kbench_jupyter.panels import picker_panel
from kbench_jupyter.panels.model_picker import ModelPicker
from kbench_jupyter.session import local_server
from kbench_jupyter.session.session import Session

pytestmark = pytest.mark.slow

DEAD = "http://127.0.0.1:9/v1"
PROBLEM = f"The model endpoint at {DEAD} does not list its models: connection failed."


@pytest.fixture
def picker(tmp_path: Path) -> Iterator[ModelPicker]:
    session = Session(environ={"KBENCH_TARGET": "local", "KBENCH_HOME": str(tmp_path)})
    yield ModelPicker(session)
    session.close()
    local_server.stop(tmp_path)


def test_why_models_are_missing_is_said_beside_those_there_are(
    picker: ModelPicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", DEAD.replace("//", "//ada:hush@"))
    picker.load()
    assert [row["id"] for row in picker.rows] == ["smollm2-135m-instruct"]
    assert picker.get("notes") == [PROBLEM]
    saved = forms(picker.view())
    assert all(PROBLEM in " ".join(saved[form].split()) for form in ("text/html", "text/plain"))
    assert "hush" not in str(saved)


def test_where_no_model_is_missing_there_is_no_note(picker: ModelPicker) -> None:
    picker.load()
    assert picker.get("notes") == []
    assert not picker.view().notes


@pytest.fixture
def candidates() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


def test_an_effort_is_offered_where_every_chosen_model_has_it_and_is_run_at(
    candidates: faults.FaultServer,
) -> None:
    told: list[tuple[str, ...]] = []
    session = LoopbackSession(candidates)
    picker = ModelPicker(session, "quiz", on_select=told.append)
    try:
        picker.load()
        picker.receive({"do": "select", "slugs": ["quick-1"]})
        assert picker.get("efforts") == ["high", "low"]
        picker.receive({"do": "effort", "effort": "no-such"})
        assert picker.effort == ""
        picker.receive({"do": "effort", "effort": "high"})
        assert told == [("quick-1",), ("quick-1 (high)",)]
        assert "Chosen: quick-1 (high)" in forms(picker.view())["text/plain"]
        # Another model that has none takes the effort away, in sight.
        picker.receive({"do": "select", "slugs": ["quick-1", "plain-1"]})
        assert (picker.get("efforts"), picker.names) == ([], ("quick-1", "plain-1"))
        picker.receive({"do": "select", "slugs": ["quick-1"]})
        picker.receive({"do": "effort", "effort": "high"})
        picker.receive({"do": "run"})
        end = time.monotonic() + 20
        while picker.get("busy"):
            assert time.monotonic() < end
            time.sleep(0.01)
        [sent] = [seen.json for seen in candidates.calls("BatchScheduleBenchmarkTaskRuns")]
        assert (sent["modelVersionSlugs"], sent["reasoningEffort"]) == (["quick-1"], "high")
        assert [row["model"] for row in picker.parts["status"].rows] == ["quick-1-high"]
        assert (picker.selected, picker.effort) == ((), "")
    finally:
        picker.close()
        session.close()


def test_where_the_server_lists_no_efforts_none_is_offered(candidates: faults.FaultServer) -> None:
    candidates.api.refusing["ListBenchmarkModelVersionConfigs"] = 404
    session = LoopbackSession(candidates)
    picker = ModelPicker(session, "quiz")
    try:
        picker.load()
        picker.select(["quick-1"], "high")
        assert (picker.get("efforts"), picker.names) == ([], ("quick-1",))
    finally:
        picker.close()
        session.close()


def test_last_time_is_what_this_session_ran_else_what_the_server_lists_of_the_newest_version(
    candidates: faults.FaultServer,
) -> None:
    add_run(candidates.api, 11, "plain-1", version=1)
    add_run(candidates.api, 12, "quick-1", version=2)
    add_run(candidates.api, 13, "quick-1", version=2, modelVersionConfigSlug="quick-1-high")
    session = LoopbackSession(candidates)
    try:
        listed = ModelPicker(session, "quiz")
        listed.load()
        assert listed.get("last") == {"names": ["quick-1 (high)", "quick-1"], "left": ["quick-1"]}
        assert listed.names == ()  # it was not run from here: that may be hundreds
        listed.receive({"do": "last"})
        assert listed.names == ("quick-1 (high)",)
        run(session, "quiz", ["plain-1", "quick-1"])
        known = ModelPicker(session, "quiz")
        known.load()
        assert (known.names, known.own, known.get("recalled")) == (("plain-1", "quick-1"), False, True)
        known.receive({"do": "select", "slugs": []})  # somebody wants none of them
        known.load()
        assert known.names == ()
        known.receive({"do": "last"})
        assert (known.names, known.own) == (("plain-1", "quick-1"), True)
    finally:
        session.close()


def test_a_number_of_runs_that_was_typed_is_taken_as_it_is(candidates: faults.FaultServer) -> None:
    session = LoopbackSession(candidates)
    panel = picker_panel(session, "quiz", repeat=200)
    try:
        assert panel.part.repeat == 200
    finally:
        panel.close()
        session.close()


def test_the_forecast_follows_the_choice_and_the_number_of_runs(candidates: faults.FaultServer) -> None:
    times = {"startTime": "2026-01-01T12:00:00Z", "endTime": "2026-01-01T12:00:40Z"}
    add_run(candidates.api, 11, "plain-1", **times)
    session = LoopbackSession(candidates)
    picker = ModelPicker(session, "quiz")
    try:
        picker.load()
        assert picker.get("forecast") == []
        assert picker.get("quota") == "Today's quota: $1.50 of $10.00 used"
        picker.receive({"do": "select", "slugs": ["plain-1"]})
        assert "plain-1 tokens unknown, cost unknown, 40.0 s" in picker.get("forecast")[0]
        picker.receive({"do": "repeat", "repeat": 3})
        assert "ended in about 2 min 00 s" in picker.get("forecast")[1]
        picker.receive({"do": "repeat", "repeat": 10**9})
        assert picker.repeat == 100
        for odd in (0, -1, "3", None, True, 2.5):
            picker.receive({"do": "repeat", "repeat": odd})
            assert isinstance(picker.repeat, int)
            assert picker.repeat >= 1
    finally:
        session.close()


def test_a_command_does_not_wait_for_a_quota_that_is_long_in_coming_and_the_panel_says_it_then(
    candidates: faults.FaultServer,
) -> None:
    go_on = threading.Event()

    def late(exchange: faults.Exchange) -> None:
        go_on.wait(20)
        exchange.answer(*exchange.process())

    candidates.inject("GetBenchmarkTaskQuota", late)
    session = LoopbackSession(candidates)
    panel = picker_panel(session, "quiz")
    try:
        assert panel.part.rows
        assert panel.part.get("quota") == ""
        go_on.set()
        [thread] = [one for one in threading.enumerate() if one.name == "kbench-forecast"]
        thread.join(20)
        assert panel.part.get("quota") == "Today's quota: $1.50 of $10.00 used"
    finally:
        panel.close()
        session.close()
