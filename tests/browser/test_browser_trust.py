"""What a user can rely on in the panel and in outputs: where results open, what is counted, what is remembered."""

import json
import re

import pytest
from candidates import model
from conftest import ARTIFACTS
from faults import FaultServer
from loopback_session import add_run, zipped
from panel_lab import PanelLab, away

pytestmark = pytest.mark.slow

TASK = """import kaggle_benchmarks as kbench


@kbench.task(name="Trusted")
def trusted(llm):
    kbench.assertions.assert_contains_regex("4", llm.prompt("2 + 2?"), expectation="adds")


trusted.run(kbench.llm)"""
ENV = (
    "MODEL_PROXY_URL=https://proxy.example\nMODEL_PROXY_API_KEY=k\nLLM_DEFAULT=m\n"
    "MODEL_PROXY_EXPIRY_TIME=2999-01-01T00:00:00Z\n"
)
RUN_FILE = {
    "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
    "startTime": "2026-11-23T07:08:10Z",
    "endTime": "2026-11-23T07:08:12Z",
    "results": [{"booleanResult": True}],
}
STOPPED = """from kbench_jupyter.session.interrupted import Interrupted
raise Interrupted('Stopped.', hint='Where things stand: %kbench')"""
TIMES = {"startTime": "2026-11-23T07:08:00Z", "endTime": "2026-11-23T07:08:22Z"}


@pytest.fixture
def server():
    with FaultServer() as running:
        running.api.models = [model(name, number) for number, name in enumerate(("plain-1", "quick-1"), 1)]
        yield running


def completed(api, state="COMPLETED"):
    for run in api.runs:
        run |= {"state": f"BENCHMARK_TASK_RUN_STATE_{state}", **TIMES}
        api.archives[run["id"]] = zipped(trusted_run_json=json.dumps(RUN_FILE))


def test_results_open_in_their_step_and_the_panel_remembers_what_was_open_and_chosen(
    lab, jupyter, server, tmp_path
):
    known = tmp_path / "known.env"
    known.write_text(ENV)
    begin, *cells = away(server, TASK, "%kbench")
    begin = f"%env KBENCH_ENV_FILE={known}\n{begin}"
    panels = PanelLab(lab, jupyter, "trusted.ipynb", begin, *cells)
    primary = panels.panel.locator(".kbp-primary:visible")
    lab.run(0)
    lab.run(2)
    panels.stands("validate", "next")
    panels.step("push").click()
    panels.button("Push").click()
    panels.button("Push all the same").click()
    panels.stands("run", "next")
    panels.panel.get_by_role("option", name="quick-1").click()
    panels.button("Run on 1 model").click()
    panels.stands("watch", "going")
    row = panels.panel.locator(".kbp-status tr[data-run]")
    panels.expect(row).to_contain_text("waits for its turn")
    panels.expect(row.locator(".kbp-a-time")).to_have_text("")
    completed(server.api)
    panels.stands("watch", "done")
    panels.expect(row.locator(".kbp-a-time")).to_have_text("22 stask took 2.0 s")  # two lines
    panels.expect(panels.step("results")).to_have_attribute("aria-pressed", "true")
    panels.button("Fetch and compare").click()
    panels.stands("results", "done")
    results = panels.panel.locator(".kbp-step .kbp-results")
    panels.expect(results).to_be_visible()  # in their step, which stays
    panels.expect(panels.step("results")).to_have_attribute("aria-pressed", "true")
    panels.expect(panels.button("Publish…")).to_be_visible()
    panels.expect(primary).to_have_count(0)  # nothing is urged once all is done
    assert panels.pictures("trust-results") == []
    panels.button("Publish…").click()
    panels.expect(panels.panel.get_by_role("group", name="Confirm")).to_contain_text("everybody")
    panels.button("Cancel").click()
    panels.expect(results).to_be_hidden()  # they are of another step
    panels.step("run").click()
    panels.expect(panels.button("Run on 1 model")).to_be_enabled()
    panels.expect(panels.panel).to_contain_text("1 chosen, as last time")

    for again in ("reload", "restart"):
        lab.command("docmanager:save")
        panels.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        if again == "reload":
            lab.open(panels.path.name)
        else:
            panels.kernel("restartKernel()")
            lab.command("notebook:clear-all-cell-outputs")
            lab.run(0)
            lab.run(2)
        panels.expect(panels.step("run")).to_have_attribute("aria-pressed", "true")
        panels.expect(panels.panel.locator(".kbp-chip")).to_contain_text("quick-1")
        panels.expect(panels.button("Run on 1 model")).to_be_enabled()
    panels.picture("trust-remembered")


def test_the_table_counts_one_version_and_older_ones_are_chosen(lab, jupyter, server):
    for number in (1, 2, 3):
        add_run(server.api, number, f"plain-{number}", task="trusted", **TIMES)
    server.api.add_task("trusted")
    server.api.add_task("trusted")
    add_run(server.api, 4, "plain-1", "RUNNING", 2, "trusted", startTime=TIMES["startTime"])
    message = "Traceback (most recent call last):\n  line 1\nValueError: it broke"
    add_run(server.api, 5, "quick-1", "ERRORED", 2, "trusted", errorMessage=message, **TIMES)
    server.api.tasks["trusted"].pop()  # version 2 is the newest
    for run in server.api.runs:
        server.api.archives[run["id"]] = zipped(trusted_run_json=json.dumps(RUN_FILE))
    panels = PanelLab(lab, jupyter, "versions.ipynb", *away(server, "%kbench status trusted --live"))
    lab.run(0)
    lab.run(1)
    rows = panels.panel.locator("tr[data-run]:visible")
    panels.expect(rows).to_have_count(2)
    panels.expect(panels.panel.locator("h3")).to_have_text("Runs of trusted, version 2")
    panels.expect(panels.panel.locator(".kbp-counts")).to_contain_text("1 running")
    panels.expect(panels.panel.locator("tr[data-run='4']")).to_contain_text("may still be starting")
    versions = panels.panel.get_by_label("Task version")
    versions.select_option("All versions")
    panels.expect(rows).to_have_count(5)
    panels.expect(panels.panel.locator("tr[data-run='1']")).to_contain_text("task took 2.0 s")
    errored = panels.panel.locator("tr[data-run='5']")
    panels.expect(errored).to_contain_text("ValueError: it broke")  # though what it left was fetched, too
    assert panels.pictures("trust-versions") == []
    versions.select_option("Version 1")
    panels.expect(rows).to_have_count(3)
    panels.expect(panels.panel.locator(".kbp-counts")).to_have_text(re.compile("3 completed"))


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_what_comes_next_and_what_was_meant_are_buttons_that_put_it_into_the_next_cell(
    lab, jupyter, server, app
):
    add_run(server.api, 1, "plain-1", task="trusted", **TIMES)
    cells = away(server, "%kbench status trusted", "%kbench statsu", "", STOPPED)
    jupyter.write("puts.ipynb", *cells)
    lab.open("puts.ipynb", app)
    lab.run(0)
    lab.run(1)
    button = lab.cell(1).get_by_role("button", name="%kbench results trusted: put it into the next cell")
    button.focus()
    lab.page.keyboard.press("Enter")
    lab.expect(lab.editor(2)).to_have_text(
        "%kbench results trusted"
    )  # a new cell: the next one was not empty
    lab.page.keyboard.type(" -o here")  # where the cursor is
    lab.expect(lab.editor(2)).to_have_text("%kbench results trusted -o here")
    lab.run(3)
    meant = lab.cell(3).get_by_role("button", name="%kbench status: put it into the next cell")
    meant.click()
    lab.expect(lab.editor(4)).to_have_text("%kbench status")  # the empty one that was there
    lab.run(5)
    output = lab.cell(5).locator(".jp-OutputArea-output.kbx-interrupted")
    lab.expect(output.get_by_role("button")).to_have_text("%kbench")
    assert output.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"  # not red
    ARTIFACTS.mkdir(exist_ok=True)
    lab.page.screenshot(path=ARTIFACTS / f"trust-puts-{app}.png")


#: Labels that are cut, or stand beyond their panel's edge.
CUT = """() => [...document.querySelectorAll('.kbp, .kbl')].filter(e => e.offsetParent).flatMap(panel => {
    const edge = panel.getBoundingClientRect().right + 1;
    const labels = panel.querySelectorAll('button, select, dt, dd, h3, h4, label, a, .kbp-mark, .kbp-step-name, p');
    return [...labels].filter(e => e.offsetParent && !e.closest('.kbp-scroll, .kbs-grid, .kbl-tabs, .kbs-pane')).filter(
        e => e.getBoundingClientRect().right > edge || (e.tagName !== 'SELECT' && e.scrollWidth > e.clientWidth + 1
            && getComputedStyle(e).display !== 'inline')
    ).map(e => `${panel.className}: ${e.tagName} ${e.textContent.slice(0, 40)}`);
})"""


#: What shows words that its accessible name does not hold: who says what they see moves nothing then.
UNNAMED = """() => [...document.querySelectorAll('.kbp [aria-label], .kbl [aria-label], .kbx-put')].filter(
    e => e.offsetParent && e.matches('button, a, select, [role=tab], [role=option], [role=gridcell]')
).filter(e => {
    const seen = e.cloneNode(true);
    for (const hidden of seen.querySelectorAll('[aria-hidden=true]')) hidden.remove();
    const walker = document.createTreeWalker(seen, NodeFilter.SHOW_TEXT);
    const words = [];
    while (e.tagName !== 'SELECT' && walker.nextNode()) words.push(walker.currentNode.data.trim().toLowerCase());
    const name = e.getAttribute('aria-label').toLowerCase();
    return words.some(word => /[a-z0-9]/.test(word) && !name.includes(word));
}).map(e => `${e.textContent}: ${e.getAttribute('aria-label')}`)"""


def test_beside_the_file_browser_at_500_pixels_no_label_is_cut(lab, jupyter, server, tmp_path):
    for number, name in enumerate(("a-model-with-a-rather-long-name-20260101", "plain-1"), 1):
        add_run(server.api, number, name, task="trusted", **TIMES)
    add_run(server.api, 3, "quick-1", "ERRORED", task="trusted", errorMessage="ValueError: no", **TIMES)
    completed(server.api)
    server.api.runs[2]["state"] = "BENCHMARK_TASK_RUN_STATE_ERRORED"
    known = tmp_path / "known.env"
    known.write_text(ENV)
    begin, *cells = away(
        server,
        TASK,
        "%kbench",
        "%kbench results trusted",
        "%kbench run trusted",
        "%kbench log trusted --live",
    )
    panels = PanelLab(lab, jupyter, "narrow.ipynb", f"%env KBENCH_ENV_FILE={known}\n{begin}", *cells)
    lab.run(0)
    for cell in (2, 3, 4, 5):
        lab.run(cell)
    lab.page.locator(".kbl").wait_for()
    lab.command("application:toggle-left-area")
    panels.page.set_viewport_size({"width": 500, "height": 1000})
    cut = []
    for name, cell in (("way", 2), ("results", 3), ("picker", 4), ("log", 5)):
        lab.cell(cell).locator(".kbp, .kbl").first.scroll_into_view_if_needed()
        cut += lab.page.evaluate(CUT)
        ARTIFACTS.mkdir(exist_ok=True)
        lab.cell(cell).locator(".kbp, .kbl").first.screenshot(path=ARTIFACTS / f"trust-500-{name}.png")
        lab.page.screenshot(path=ARTIFACTS / f"trust-500-page-{name}.png")
    assert sorted(set(cut)) == [], "\n".join(sorted(set(cut)))
    assert lab.page.evaluate(UNNAMED) == []
