"""The samples of a results panel in a real JupyterLab: the grid by keys and clicks, transcripts, charts."""

import re

import evaluation_files
import pytest
from faults import FaultServer
from loopback_session import add_run
from panel_lab import PanelLab, away

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"window.pwned='img'\"><script>window.pwned=1</script>\u202eeliah"
ROWS = 300
ELSEWHERE = "https://image.example/a.png"


def rows(model):
    made = []
    for n in range(ROWS):
        good = n % 3 != 1 if model == "model-a" else n % 4 != 1
        answer = f"The sum of {n} and {7 * n} is {8 * n if good else 8 * n + 1}, I think."
        error = f"Traceback (most recent call last):\n  line 1\nValueError: {HOSTILE}" if n == 6 else ""
        asked = HOSTILE if n == 9 else f"What is {n} plus {7 * n}? Reply with the number alone."
        one = evaluation_files.row(
            n,
            model,
            asked,
            "" if error else answer,
            good=good,
            error=error,
            thought="First this, then that. " * 30 if n == 4 else "",
            before=(evaluation_files.said("system", "You add numbers."),),
            cost=0.002 if model == "model-a" else None,
        )
        if n == 4:
            one["conversations"][0]["requests"][0]["contents"][1]["parts"] += [
                {"inlineData": {"mimeType": "image/png", "data": evaluation_files.PIXEL}},
                {"fileData": {"mimeType": "image/png", "fileUri": ELSEWHERE}},
            ]
        made.append(one)
    return made


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    for run_id, model in ((1, "model-a"), (2, "model-b")):
        evaluation_files.store(
            folder, f"quiz/1/{model}/{run_id}", evaluation_files.evaluation(model, rows(model))
        )
    return folder


@pytest.fixture
def samples(lab, jupyter, downloads):
    with FaultServer() as server:
        for run_id, model in ((1, "model-a"), (2, "model-b")):
            add_run(server.api, run_id, model)
        panels = PanelLab(
            lab, jupyter, "samples.ipynb", *away(server, f"%kbench results quiz -o {downloads}")
        )
        lab.run(0)
        lab.run(1)
        yield panels


def row(panels, number):
    """A row of the grid by its place, from 0."""
    return panels.panel.locator(f".kbs-row[aria-rowindex='{number + 2}']")


def place(panels):
    return panels.panel.locator(".kbs-place")


def test_samples_are_found_read_and_compared_by_clicks_and_keys(samples):
    panels, page, expect = samples, samples.page, samples.expect
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    count = panels.panel.locator(".kbs-count")
    expect(count).to_have_text("300 samples")
    panels.picture("samples-grid")
    panels.button("Differing").click()
    expect(count).to_have_text("125 of 300 samples")
    row(panels, 0).get_by_role("gridcell").nth(1).click()
    expect(place(panels)).to_have_text("solve #4")
    row(panels, 0).get_by_role("gridcell").nth(2).click(modifiers=["Shift"])
    body = panels.panel.locator(".kbs-pane-body")
    expect(body.locator(".kbs-unlike mark")).to_have_text(["33", "32"])
    expect(body.locator(".kbs-same")).to_have_count(2)  # what both were told stands once
    expect(body.locator(".kbs-media img")).to_have_js_property("naturalWidth", 10)
    expect(body.get_by_role("link", name=ELSEWHERE)).to_have_attribute("rel", "noopener noreferrer")
    body.locator("summary", has_text="Reasoning").first.click()
    expect(body.locator(".kbs-reasoning").first).to_contain_text("First this, then that.")
    assert panels.pictures("samples-pair") == []

    page.keyboard.press("Escape")
    expect(place(panels)).to_be_hidden()
    cells = panels.lab.panel.locator(".jp-Cell").count()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(place(panels)).to_have_text("solve #5")
    page.keyboard.press("k")
    expect(place(panels)).to_have_text("solve #4")
    page.keyboard.press("j")
    expect(place(panels)).to_have_text("solve #5")
    page.keyboard.press("/")
    page.keyboard.type("<IMG")
    expect(count).to_have_text("1 of 300 samples")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(body.locator(".kbs-by-user")).to_contain_text("\\u202eeliah")
    assert page.evaluate("window.pwned") is None
    assert not [url for url in asked if "image.example" in url]
    assert panels.lab.panel.locator(".jp-Cell").count() == cells, "no key went through to the notebook"

    panels.saved(1, "2 runs compared")
    panels.lab.open(panels.path.name)  # the page is loaded again
    expect(place(panels)).to_have_text("solve #9")
    expect(count).to_have_text("1 of 300 samples")
    expect(panels.button("Differing")).to_have_attribute("aria-pressed", "true")


def test_charts_show_cost_latency_and_which_assertions_failed(samples):
    panels, expect = samples, samples.expect
    panels.button("Cost", exact=True).first.click()
    charts = panels.panel.locator(".kbp-charts")
    expect(charts).to_contain_text("What they cost is not known: model-b")
    expect(charts.locator("circle")).to_have_count(1)
    panels.picture("samples-cost")
    charts.get_by_role("button", name="Latency").click()
    expect(charts.locator("circle")).to_have_count(2)
    charts.get_by_role("button", name="Assertions").click()
    assert panels.pictures("samples-assertions") == []
    expect(charts.get_by_role("row").nth(2)).to_contain_text("100 of 300")
    charts.get_by_role("button", name="The task errored").click()
    expect(panels.panel.locator(".kbs-count")).to_have_text("1 of 300 samples")
    row(panels, 0).get_by_role("gridcell").nth(1).click()
    expect(panels.panel.locator(".kbs-error pre")).to_contain_text("ValueError: <img src=x")
    panels.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panels.button("Copy link").click()
    expect(panels.panel.locator(".kbs-told")).to_contain_text(re.compile(r"%kbench results quiz --sample"))
    copied = panels.page.evaluate("navigator.clipboard.readText()")
    assert copied == '%kbench results quiz --sample "1/model-a/1/6"'
