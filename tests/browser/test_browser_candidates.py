"""Candidates in the panels, in a real JupyterLab: an effort is chosen, and efforts and agents stand apart."""

import pytest
from candidates import THREE, CandidateApi, add_three
from faults import FaultServer
from panel_lab import PanelLab, away

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with FaultServer(CandidateApi()) as running:
        add_three(running.api)
        yield running


def test_an_effort_is_chosen_in_the_picker_and_its_run_stands_apart(lab, jupyter, server):
    panels = PanelLab(lab, jupyter, "effort.ipynb", *away(server, "%kbench run quiz"))
    lab.run(0)
    lab.run(1)
    effort = panels.panel.get_by_label("Reasoning effort")
    panels.expect(effort).to_be_hidden()
    panels.panel.get_by_role("option", name="quick-1").click()
    panels.expect(effort.locator("option")).to_have_text(["No effort named", "Effort high", "Effort low"])
    panels.panel.get_by_role("option", name="plain-1").click()
    panels.expect(effort).to_be_hidden()  # it has none
    panels.panel.get_by_role("button", name="Remove plain-1").click()
    effort.select_option("high")
    run = panels.button("Run quiz on 1 model at effort high")
    panels.expect(run).to_be_visible()
    assert panels.pictures("effort") == []
    run.click()
    panels.expect(panels.panel.locator("tr[data-run]", has_text="quick-1-high").first).to_be_visible()
    [sent] = [seen.json for seen in server.calls("BatchScheduleBenchmarkTaskRuns")]
    assert (sent["modelVersionSlugs"], sent["reasoningEffort"]) == (["quick-1"], "high")
    panels.expect(effort).to_be_hidden()


def test_results_and_chart_have_a_row_a_candidate(lab, jupyter, server):
    panels = PanelLab(lab, jupyter, "apart.ipynb", *away(server, "%kbench results quiz"))
    lab.run(0)
    lab.run(1)
    compared = panels.panel.get_by_role("region", name="Compared")
    panels.expect(compared.get_by_role("columnheader", name="Candidate")).to_be_visible()
    assert sorted(panels.panel.locator(".kbp-chart-name").all_inner_texts()) == sorted(
        f"{one} v1" for one in THREE
    )
    panels.expect(panels.panel.locator("figcaption")).to_contain_text("by candidate")
    panels.expect(panels.panel.locator("tr[data-run='12']")).to_contain_text("quick-1-high")
    assert panels.pictures("candidates") == []


def test_what_ran_last_is_chosen_by_a_click_repeated_and_foretold_meanwhile(lab, jupyter, server):
    for run in server.api.runs:
        run["startTime"], run["endTime"] = "2026-01-01T12:00:00Z", "2026-01-01T12:02:00Z"
    cells = away(server, "%kbench download quiz", "%kbench run quiz")
    panels = PanelLab(lab, jupyter, "again.ipynb", *cells)
    for cell in range(3):
        lab.run(cell)
    forecast = panels.panel.get_by_role("status", name="Forecast")
    panels.expect(forecast).to_be_hidden()
    last = panels.button("Same as last time")
    assert "helper" in last.get_attribute("title"), "an agent is named, for it cannot be chosen here"
    last.focus()
    panels.page.keyboard.press("Enter")
    panels.expect(panels.panel.locator(".kbp-chip")).to_contain_text(["quick-1"])
    panels.expect(forecast).to_contain_text("Forecast for each run: quick-1")
    panels.expect(forecast).to_contain_text("quick-1 (high) tokens unknown, cost unknown, 2 min 00 s")
    times = panels.panel.get_by_label("run each")
    times.press("Control+A")
    times.press("3")
    panels.expect(forecast).to_contain_text("All 3 runs")
    panels.expect(forecast).to_contain_text("ended in about 6 min")
    run = panels.button("Run quiz on 1 model at effort high, 3 times each")
    panels.expect(run).to_be_visible()
    assert panels.pictures("again") == []
    panels.panel.get_by_role("option", name="plain-1").click()
    panels.expect(forecast).to_contain_text("plain-1 unknown")
    panels.expect(forecast).to_contain_text("quick-1 tokens unknown")
    panels.button("Remove plain-1").click()
    last.click()
    panels.button("Run quiz on 1 model at effort high, 3 times each").click()
    panels.expect(panels.panel.locator("tr[data-run]", has_text="queued")).to_have_count(3)
    sent = [seen.json for seen in server.calls("BatchScheduleBenchmarkTaskRuns")]
    assert [(one["modelVersionSlugs"], one["reasoningEffort"]) for one in sent] == [(["quick-1"], "high")] * 3
    panels.expect(panels.panel.locator(".kbp-repeat")).to_be_hidden()
