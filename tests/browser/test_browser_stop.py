"""Stop in the run list, in a real JupyterLab: by mouse and by keys, asked for before, in both themes and narrow."""

import pytest
from candidates import THREE, CandidateApi
from faults import FaultServer
from loopback_session import add_run
from panel_lab import PanelLab, away

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"window.pwned='img'\">\u202eeliah"


@pytest.fixture
def server():
    with FaultServer(CandidateApi()) as running:
        api = running.api
        states = ("QUEUED", "RUNNING", "COMPLETED")
        for number, (told, state) in enumerate(zip(THREE.values(), states, strict=True), 11):
            add_run(api, number, "quick-1", state, startTime="2026-11-23T07:08:09.123Z", **told)
        add_run(api, 14, "quick-1", "RUNNING", startTime="2026-11-23T07:08:09.123Z", agentSlug=HOSTILE)
        yield running


def cancels(server):
    return [seen.json for seen in server.calls("ApiCancelBenchmarkTaskRuns")]


def test_runs_are_stopped_one_by_one_and_all_together_after_a_question(lab, jupyter, server):
    panels = PanelLab(lab, jupyter, "stop.ipynb", *away(server, "%kbench status quiz --live"))
    lab.run(0)
    lab.run(1)
    keys, focused = panels.page.keyboard, panels.page.locator(":focus")
    question = panels.panel.get_by_role("group", name="Stop runs")

    def row(number):
        return panels.panel.locator(f"tr[data-run='{number}']")

    def stop_of(number):
        return row(number).get_by_role("button", name="Stop")

    panels.expect(panels.panel.get_by_role("columnheader", name="Candidate")).to_be_visible()
    panels.expect(row(12).get_by_role("rowheader")).to_contain_text("quick-1-high")
    panels.expect(stop_of(13)).to_have_count(0)  # it has ended
    # A way out: nothing is sent, and the keyboard is where it was.
    stop_of(12).focus()
    keys.press("Enter")
    panels.expect(question).to_contain_text(
        "quick-1-high (run 12, running)? What they have done so far is lost."
    )
    panels.expect(focused).to_have_text("Yes, stop it")
    keys.press("Escape")
    panels.expect(question).to_have_count(0)
    panels.expect(focused).to_have_attribute("aria-label", "Stop quick-1-high, run 12")
    stop_of(12).click()
    panels.button("No, leave it").click()
    assert cancels(server) == []
    # One run, by keys.
    stop_of(11).focus()
    keys.press("Enter")
    panels.expect(question).to_contain_text("Stop 1 run of quiz")
    keys.press("Enter")
    panels.expect(row(11)).to_contain_text("errored")
    panels.expect(panels.panel).to_contain_text("Stopped 1 run of quiz (1 queued, 0 going)")
    panels.expect(stop_of(11)).to_have_count(0)
    panels.expect(focused).to_have_attribute("aria-label", "Open the log of quick-1")
    assert cancels(server) == [{"runIds": {"ids": [11]}, "includeActive": True}]
    # All that go; what a server calls a candidate is text.
    panels.button("Stop all 2…").click()
    panels.expect(question).to_contain_text("Stop 2 runs of quiz")
    panels.expect(question).to_contain_text("<img src=x")
    panels.expect(question).to_contain_text("\\u202eeliah")
    assert panels.pictures("stop") == []
    panels.page.set_viewport_size({"width": 400, "height": 1000})
    assert question.evaluate("e => e.scrollWidth <= e.clientWidth"), "the question is cut"
    panels.page.set_viewport_size({"width": 1400, "height": 1000})
    panels.button("Yes, stop 2 runs").click()
    panels.expect(panels.panel).to_contain_text("Stopped 2 runs of quiz (0 queued, 2 going)")
    panels.expect(panels.panel.get_by_role("button", name="Stop", exact=False)).to_have_count(0)
    panels.picture("stop-stopped")
    assert cancels(server)[1:] == [{"runIds": {"ids": [12, 14]}, "includeActive": True}]
    assert panels.page.evaluate("window.pwned") is None


def test_a_server_that_cannot_stop_runs_is_said_so_and_an_ended_run_takes_its_question_along(
    lab, jupyter, server
):
    server.api.refusing["ApiCancelBenchmarkTaskRuns"] = 501
    panels = PanelLab(lab, jupyter, "no-stop.ipynb", *away(server, "%kbench status quiz --live"))
    lab.run(0)
    lab.run(1)
    question = panels.panel.get_by_role("group", name="Stop runs")
    stop = panels.panel.locator("tr[data-run='12']").get_by_role("button", name="Stop")
    stop.click()
    panels.button("Yes, stop it").click()
    alert = panels.panel.get_by_role("alert")
    panels.expect(alert).to_contain_text("Stop did not work")
    panels.expect(alert).to_contain_text("does not offer cancelling runs to this account")
    panels.picture("stop-not-offered")
    stop.click()
    panels.expect(question).to_be_visible()
    server.api.runs[1]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
    panels.expect(question).to_have_count(0, timeout=20_000)
    panels.expect(panels.button("Refresh")).to_be_focused()
