"""The notebook mirror in a real JupyterLab: what the kernel knows of the notebook on the screen."""

import json
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

INSTALL = "from kbench_jupyter.notebook import mirror\nmirror.install(get_ipython())"
SHOW = """import json
from kbench_jupyter.notebook.current import current_notebook
c = current_notebook()
print(json.dumps({"probe": c.probe, "path": str(c.path), "notes": c.notes,
                  "cells": [cell.source for cell in c.notebook.cells]}))"""


def seen(output):
    return json.loads(output.strip().splitlines()[-1])


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_an_edit_never_saved_and_never_run_is_seen(lab, jupyter, app):
    name = f"edit-{app[:3]}.ipynb"
    path = jupyter.write(name, INSTALL, "x = 1", SHOW)
    lab.open(name, app)
    lab.run(0)
    lab.type_at_end(1, "\ny = 'typed, not saved, not run'")
    told = seen(lab.run(2))
    assert told["probe"] == "the browser"
    assert told["cells"][1] == "x = 1\ny = 'typed, not saved, not run'"
    assert told["path"] == str(path)
    assert "not saved" not in path.read_text()
    assert "widget" not in path.read_text()


def test_an_edit_made_while_the_kernel_is_busy_is_seen_by_the_cell_that_waits(lab, jupyter):
    gate = "import pathlib, time\nprint('waiting')\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    jupyter.write("busy.ipynb", INSTALL, gate, "x = 1", SHOW)
    lab.open("busy.ipynb")
    lab.run(0)
    lab.editor(1).click()
    lab.page.keyboard.press("Control+Enter")
    lab.cell(1).get_by_text("waiting", exact=True).wait_for()  # the kernel is busy until the file is there
    lab.type_at_end(2, "\ny = 'meanwhile'")
    before = lab.prompt(3)
    lab.editor(3).click()
    lab.page.keyboard.press("Control+Enter")
    (jupyter.root / "go").touch()
    assert seen(lab.result(3, before))["cells"][2] == "x = 1\ny = 'meanwhile'"


def test_the_page_listens_no_more_for_a_kernel_that_restarted_or_a_notebook_that_was_closed(lab, jupyter):
    jupyter.write("ends.ipynb", INSTALL, SHOW)
    lab.open("ends.ipynb")
    page = lab.page.context.new_cdp_session(lab.page)

    def heard():
        window = page.send("Runtime.evaluate", {"expression": "window"})["result"]["objectId"]
        listeners = page.send("DOMDebugger.getEventListeners", {"objectId": window})["listeners"]
        return sum(listener["type"] == "pointerdown" for listener in listeners)

    def act(call):
        lab.page.evaluate(f"async () => {{ await window.jupyterapp.shell.currentWidget.{call}; }}")

    before = heard()
    lab.connect(0, 1)
    assert heard() == before + 1
    act("sessionContext.restartKernel()")
    assert heard() == before
    lab.ready()
    lab.command("notebook:clear-all-cell-outputs")
    lab.connect(0, 1)
    assert heard() == before + 1
    act("dispose()")
    assert heard() == before


def test_a_renamed_notebook_answers_under_its_new_path(lab, jupyter):
    path = jupyter.write("before.ipynb", INSTALL, "x = 1", SHOW)
    lab.open("before.ipynb")
    lab.connect(0, 2)
    (jupyter.root / "folder").mkdir(exist_ok=True)
    lab.page.evaluate(
        "window.jupyterapp.serviceManager.contents.rename('before.ipynb', 'folder/after.ipynb')"
    )
    lab.page.locator(".lm-TabBar-tabLabel", has_text="after.ipynb").wait_for()
    told = seen(lab.run(2))
    assert told["probe"] == "the browser"
    assert told["path"] == str(jupyter.root / "folder" / "after.ipynb")
    assert not path.exists()


OPEN = """async ([path, kernelOf]) => {
    const app = window.jupyterapp;
    const running = [...app.serviceManager.sessions.running()].find(s => s.path === kernelOf);
    const kernel = running ? {id: running.kernel.id} : {name: 'python3'};
    await app.commands.execute('docmanager:open', {path, kernel});
}"""


def test_two_notebooks_in_one_page_do_not_mix(lab, jupyter):
    jupyter.write("one.ipynb", INSTALL, "one = 1", SHOW)
    jupyter.write("two.ipynb", INSTALL, "two = 2", SHOW)
    lab.open("one.ipynb")
    lab.run(0)
    lab.type_at_end(1, "  # edited in one")
    lab.page.evaluate(OPEN, ["two.ipynb", None])
    lab.panel.get_by_text("two = 2").wait_for()
    lab.run(0)
    lab.type_at_end(1, "  # edited in two")
    two = seen(lab.run(2))
    lab.page.locator(".lm-TabBar-tabLabel", has_text="one.ipynb").click()
    lab.panel.get_by_text("one = 1").wait_for()
    one = seen(lab.run(2))
    assert [told["probe"] for told in (one, two)] == ["the browser"] * 2
    assert [Path(told["path"]).name for told in (one, two)] == ["one.ipynb", "two.ipynb"]
    assert [told["cells"][1] for told in (one, two)] == [
        "one = 1  # edited in one",
        "two = 2  # edited in two",
    ]


def test_two_notebooks_on_one_kernel_do_not_mix(lab, jupyter):
    jupyter.write("first.ipynb", INSTALL, "one = 1", SHOW)
    jupyter.write("second.ipynb", "two = 2", SHOW)
    lab.open("first.ipynb")
    lab.connect(0, 2)
    lab.page.evaluate(OPEN, ["second.ipynb", "first.ipynb"])
    lab.panel.get_by_text("two = 2").wait_for()
    # JupyterLab gives widgets to the first of them only, so this is read from the file, and said.
    told = seen(lab.run(1))
    assert told["path"] == str(jupyter.root / "second.ipynb")
    assert told["probe"] == "the Jupyter server"
    assert "Ctrl+S" in told["notes"][0]


def test_after_a_reload_of_the_page_edits_are_seen_again(lab, jupyter):
    jupyter.write("reload.ipynb", INSTALL, "x = 1", SHOW)
    lab.open("reload.ipynb")
    lab.connect(0, 2)
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.open("reload.ipynb")
    lab.type_at_end(1, "\ny = 'after the reload'")
    told = seen(lab.run(2))
    assert told["probe"] == "the browser"
    assert told["cells"][1] == "x = 1\ny = 'after the reload'"


def test_without_the_mirror_what_cannot_be_seen_is_said(lab, jupyter):
    uninstall = (
        "mirror.uninstall(get_ipython())\nmirror._LINKS[get_ipython()] = link = mirror.Link(get_ipython())"
    )
    path = jupyter.write("blind.ipynb", INSTALL, uninstall + "\nlink.executed.start()", "x = 1", SHOW)
    lab.open("blind.ipynb")
    lab.run(0)
    lab.run(
        1
    )  # as with an ipykernel the mirror does not work with: executions are known, the document is not
    lab.type_at_end(2, "\nran = True")
    lab.run(2)
    told = seen(lab.run(3))
    assert (told["probe"], told["path"]) == ("the Jupyter server", str(path))
    assert told["cells"][2] == "x = 1\nran = True"
    assert "Ctrl+S" in told["notes"][0]
    lab.page.keyboard.press("Escape")
    lab.page.keyboard.press("b")
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.insert_text(SHOW + "\nz = 'in a new cell'")
    refused = lab.run_focused(4)
    assert "The saved blind.ipynb is older than what was run" in refused
    assert "Save the notebook (Ctrl+S), then run this again" in refused


def test_run_all_right_after_opening_loses_no_edit_of_a_cell_that_ran(lab, jupyter):
    jupyter.write("all.ipynb", "%load_ext kbench_jupyter", "x = 1", SHOW, "z = 3")
    lab.open("all.ipynb")
    lab.page.wait_for_function(
        "() => { const kernel = window.jupyterapp.shell.currentWidget?.sessionContext.session?.kernel;"
        " return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }"
    )
    lab.type_at_end(1, "\ny = 'typed, not saved'")
    before = lab.prompt(2)
    lab.command("notebook:run-all-cells")
    told = seen(lab.result(2, before))
    assert told["cells"][1] == "x = 1\ny = 'typed, not saved'"
    # Nothing waits between the cells, so the browser may not have told anything yet; then this is said.
    assert told["probe"] == "the browser" or "Ctrl+S" in told["notes"][0]
    lab.type_at_end(3, "  # typed later")
    told = seen(lab.run(2))
    assert (told["probe"], told["cells"][3]) == ("the browser", "z = 3  # typed later")


def test_unloading_takes_the_mirror_away(lab, jupyter):
    widgets = "from ipywidgets.widgets import widget\nprint(len(widget._instances))"
    jupyter.write(
        "unload.ipynb", "%load_ext kbench_jupyter", widgets, "%unload_ext kbench_jupyter", widgets, SHOW
    )
    lab.open("unload.ipynb")
    lab.run(0)
    assert int(lab.run(1)) > 0
    lab.run(2)
    assert int(lab.run(3)) == 0
    told = seen(lab.run(4))
    assert told["probe"] == "the Jupyter server"
    assert "Ctrl+S" in told["notes"][0]


def test_a_widget_that_another_front_end_saved_gives_way_to_its_static_form(lab, jupyter):
    widget = {"version_major": 2, "version_minor": 0, "model_id": "of-a-kernel-long-gone"}
    forms = {"text/html": '<div class="kbench-view">what it was</div>', "text/plain": "what it was"}
    dead = nbformat.v4.new_output(
        "display_data", {"application/vnd.jupyter.widget-view+json": widget, **forms}
    )
    cell = nbformat.v4.new_code_cell("%kbench", outputs=[dead])
    jupyter.write("dead.ipynb", "%load_ext kbench_jupyter", cell)
    jupyter.trust("dead.ipynb")
    lab.open("dead.ipynb")
    lab.expect(lab.cell(1)).to_contain_text("model not found")
    lab.run(0)
    lab.expect(lab.cell(1).locator(".kbench-view")).to_have_text("what it was")
