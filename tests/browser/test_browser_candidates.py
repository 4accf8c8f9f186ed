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
