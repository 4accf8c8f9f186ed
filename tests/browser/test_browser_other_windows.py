"""Several windows on one kernel: each is told its own text, and none that of a window which is gone."""

import json

import pytest
from candidates import CandidateApi
from conftest import ARTIFACTS, Lab
from faults import FaultServer
from jupyter_client import BlockingKernelClient
from panel_lab import away

pytestmark = pytest.mark.slow

LOAD = "%load_ext kbench_jupyter"
SHOW = """import json
from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.current import current_notebook
try:
    c = current_notebook()
    print(json.dumps({"probe": c.probe, "cells": [cell.source for cell in c.notebook.cells], "notes": c.notes}))
except NotebookError as error:
    print(json.dumps({"refused": f"{error}", "hint": error.hint}))"""
PROBE = "from kbench_jupyter.notebook.current import current_notebook\nprint(current_notebook().probe)"


def seen(output):
    return json.loads(output.strip().splitlines()[-1])


@pytest.fixture
def second(lab, browser, jupyter):
    """Another tab of the same browser."""
    return Lab(browser.new_page(), jupyter)


class Classic:
    """A page of nbclassic with one notebook open, and what a person does in it."""

    def __init__(self, page, jupyter):
        self.page = page
        self.page.set_default_timeout(60_000)
        self.jupyter = jupyter

    def open(self, name):
        self.page.goto(self.jupyter.url(name, "nbclassic/notebooks"))
        self.page.wait_for_function("() => window.Jupyter?.notebook?.kernel?.is_connected()")
        return self

    def cell(self, index):
        return self.page.locator(".cell").nth(index)

    def rewrite(self, index, text):
        self.cell(index).locator(".CodeMirror-lines").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def run(self, index):
        prompt = self.cell(index).locator(".input_prompt")
        before = prompt.inner_text()
        self.cell(index).locator(".CodeMirror-lines").click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(
            "([index, before]) => { const prompt = document.querySelectorAll('.cell')[index]"
            ".querySelector('.input_prompt').innerText; return prompt !== before && /\\d/.test(prompt); }",
            arg=[index, before],
        )
        return "\n".join(self.cell(index).locator(".output_subarea").all_inner_texts())

    def save(self):
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function("() => !Jupyter.notebook.dirty")


@pytest.fixture
def classic(lab, browser, jupyter):
    return Classic(browser.new_page(), jupyter)


def save(lab):
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")


def test_a_kernel_that_jupyterlab_left_shows_nbclassic_its_own_text(lab, classic, jupyter):
    jupyter.write("left.ipynb", LOAD, "x = 'ORIGINAL'", SHOW, PROBE)
    lab.open("left.ipynb")
    lab.connect(0, 3)
    lab.type_at_end(1, "\nx = 'OLD'")
    lab.run(1)
    assert "x = 'OLD'" in seen(lab.run(2))["cells"][1]
    save(lab)
    lab.page.close()
    classic.open("left.ipynb")
    classic.rewrite(1, "x = 'NEW'")
    classic.run(1)
    unsaved = seen(classic.run(2))
    assert "left.ipynb is older than what was run" in unsaved["refused"]
    assert "Save the notebook (Ctrl+S), then run this again" in unsaved["hint"]
    classic.save()
    told = seen(classic.run(2))
    assert told["cells"][1] == "x = 'NEW'"
    assert told["probe"] == "the Jupyter server"


def test_nbclassic_draws_panels_whose_clicks_are_answered_and_saves_their_static_form(lab, classic, jupyter):
    with FaultServer(CandidateApi()) as server:
        server.api.add_task("quiz")
        path = jupyter.write("classic.ipynb", *away(server, "%kbench run quiz"))
        classic.open("classic.ipynb")
        classic.run(0)
        classic.run(1)
        page, panel, run = classic.page, classic.page.locator(".kbp"), classic.page.locator("tr[data-run]")
        panel.get_by_role("option", name="quick-1").click()
        panel.get_by_role("button", name="Run quiz on 1 model").click()
        lab.expect(run).to_contain_text("quick-1")
        run.get_by_text("Log", exact=True).click()
        lab.expect(panel.locator(".kbl")).to_be_visible()
        classic.cell(0).locator(".CodeMirror-lines").click()  # nbclassic's keys are not a widget's
        classic.save()
        [output] = json.loads(path.read_text())["cells"][1]["outputs"]
        assert sorted(output["data"]) == ["text/html", "text/plain"]

        classic.open("classic.ipynb")  # the kernel is there still, and so is the panel
        lab.expect(run).to_contain_text("quick-1")
        lab.expect(panel).to_contain_text("$1.50 of $10.00")  # which MathJax would take for a formula
        page.screenshot(path=ARTIFACTS / "panel-nbclassic.png")
        jupyter.end_kernels()
        page.get_by_role("button", name="Don't Restart").click()
        lab.expect(page.locator(".kbench-view")).to_contain_text("2 models")
        lab.expect(panel).to_have_count(0)


def test_a_text_that_a_closed_tab_ran_and_never_saved_is_not_told_to_another_window(lab, classic, jupyter):
    jupyter.write("lost.ipynb", LOAD, "x = 'SAVED'", SHOW, PROBE)
    lab.open("lost.ipynb")
    lab.connect(0, 3)
    save(lab)
    lab.type_at_end(1, "\nx = 'NEVER SAVED'")
    lab.run(1)
    lab.page.close()
    told = seen(classic.open("lost.ipynb").run(2))
    assert "another text of one of its cells was run since it was saved" in told["refused"]
    classic.save()
    assert seen(classic.run(2))["cells"][1] == "x = 'SAVED'"


def test_two_tabs_are_each_told_their_own_text_and_a_save_by_the_other_is_noticed(lab, second, jupyter):
    jupyter.write("twice.ipynb", LOAD, "x = 1", SHOW, PROBE)
    lab.open("twice.ipynb")
    lab.connect(0, 3)
    save(lab)
    second.open("twice.ipynb")
    second.connect(0, 3)
    lab.type_at_end(1, "  # in the first tab")
    second.type_at_end(1, "  # in the second tab")
    for tab, text in ((lab, "x = 1  # in the first tab"), (second, "x = 1  # in the second tab")):
        told = seen(tab.run(2))
        assert (told["probe"], told["cells"][1]) == ("the browser", text)
    save(lab)
    assert seen(lab.run(2))["cells"][1] == "x = 1  # in the first tab"
    told = seen(second.run(2))
    assert "There are two versions of twice.ipynb" in told["refused"]
    assert "Reload Notebook from Disk" in told["hint"]


def test_a_notebook_that_is_opened_again_is_told_its_new_text(lab, second, jupyter):
    path = jupyter.write("again.ipynb", LOAD, "x = 1", SHOW, PROBE)
    lab.open("again.ipynb")
    lab.connect(0, 3)
    save(lab)
    lab.type_at_end(1, "  # never saved")
    assert "never saved" in seen(lab.run(2))["cells"][1]
    lab.page.close()
    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    second.open("again.ipynb")
    assert seen(second.run(2))["cells"][1] == "x = 2"
    second.connect(0, 3)
    second.type_at_end(1, "  # live")
    assert seen(second.run(2))["cells"][1] == "x = 2  # live"


def test_a_console_on_the_same_kernel_is_told_what_was_saved(lab, jupyter):
    jupyter.write("console.ipynb", LOAD, "x = 1", SHOW, PROBE)
    lab.open("console.ipynb")
    lab.connect(0, 3)
    save(lab)
    lab.type_at_end(1, "  # on the screen only")
    kernel = json.loads(jupyter.ask("kernels"))[0]["id"]
    client = BlockingKernelClient()
    client.load_connection_file(str(jupyter.log.parent / "runtime" / f"kernel-{kernel}.json"))
    client.start_channels()
    try:
        said = []

        def hook(message):
            content = message["content"]
            said.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        client.execute_interactive("%kbench show", timeout=30, output_hook=hook)
        told = "".join(said)
        assert "x = 1\n" in told
        assert "on the screen only" not in told
        assert "Read from the saved console.ipynb" in told
        client.execute_interactive("x = 2", timeout=30)
        said.clear()
        reply = client.execute_interactive("%kbench show", timeout=30, output_hook=hook)
        assert "console.ipynb is older than what was run" in reply["content"]["evalue"]
    finally:
        client.stop_channels()
