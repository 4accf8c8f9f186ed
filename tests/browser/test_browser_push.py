"""``%kbench`` lines in a real JupyterLab: what a push sends is what is on the screen, or the user is told.

A server on loopback records what arrives; nothing is asserted about inner workings.
"""

import re

import nbformat
import pytest

pytestmark = pytest.mark.slow

LOAD = "%load_ext kbench_jupyter"
TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="{name}")
def my_task(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hello"), expectation="Answers")


my_task.run(kbench.llm)"""


def code_cells(recorder, slug, told):
    """Return the code cells of the last push of a task; `told` is what the push showed."""
    sent = [seen.json for seen in recorder.calls("CreateBenchmarkTask") if seen.json["slug"] == slug]
    assert sent, f"nothing was pushed as {slug}:\n{told}"
    return [cell["source"] for cell in nbformat.reads(sent[-1]["text"], 4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_a_push_sends_an_edit_that_was_neither_saved_nor_run(lab, jupyter, recorder, recorded, app):
    task = TASK.format(name=f"Unsaved {app}")
    path = jupyter.write(f"unsaved-{app}.ipynb", LOAD, task, "%kbench push")
    lab.open(path.name, app)
    lab.run(0)
    lab.type_at_end(1, "\nprint('typed, not saved, not run')")
    told = lab.run(2)
    [pushed] = code_cells(recorder, f"unsaved-{app}", told)
    assert pushed == task + "\nprint('typed, not saved, not run')"
    assert "typed" not in path.read_text()
    assert lab.prompt(1) == "[ ]:", "the edited cell never ran"
    assert f"Pushed unsaved-{app}, version 1" in told
    assert "Ctrl+S" not in told


def test_a_renamed_notebook_pushes_under_its_new_name(lab, jupyter, recorder, recorded):
    jupyter.write("old-name.ipynb", LOAD, TASK.format(name="Renamed"), "%kbench push")
    lab.open("old-name.ipynb")
    lab.run(0)
    (jupyter.root / "sub").mkdir(exist_ok=True)
    lab.page.evaluate(
        "window.jupyterapp.serviceManager.contents.rename('old-name.ipynb', 'sub/new-name.ipynb')"
    )
    lab.page.locator(".lm-TabBar-tabLabel", has_text="new-name.ipynb").wait_for()
    lab.type_at_end(1, "\nprint('after the rename')")
    told = lab.run(2)
    assert "Pushing renamed from new-name.ipynb" in told
    assert "old-name" not in told
    assert "print('after the rename')" in code_cells(recorder, "renamed", told)[0]


def test_two_notebooks_in_one_server_do_not_push_each_other(lab, jupyter, recorder, recorded):
    for name in ("left", "right"):
        jupyter.write(f"{name}.ipynb", LOAD, TASK.format(name=name), "%kbench push")
    lab.open("left.ipynb")
    lab.run(0)
    lab.command("docmanager:open", path="right.ipynb")
    lab.panel.get_by_text('"right"').wait_for()
    lab.run(0)
    lab.type_at_end(1, "\nprint('edited in right')")
    lab.page.locator(".lm-TabBar-tabLabel", has_text="left.ipynb").click()
    lab.panel.get_by_text('"left"').wait_for()
    lab.type_at_end(1, "\nprint('edited in left')")
    told = {"left": lab.run(2)}
    assert "from left.ipynb" in told["left"]
    lab.page.locator(".lm-TabBar-tabLabel", has_text="right.ipynb").click()
    lab.panel.get_by_text('"right"').wait_for()
    told["right"] = lab.run(2)
    assert "from right.ipynb" in told["right"]
    for name in ("left", "right"):
        [pushed] = code_cells(recorder, name, told[name])
        assert pushed == TASK.format(name=name) + f"\nprint('edited in {name}')"


@pytest.fixture
def no_anywidget(tmp_path):
    """A folder whose place in PYTHONPATH makes the mirror fail in the kernel."""
    (tmp_path / "anywidget.py").write_text("raise ImportError('anywidget is not installed here')")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("missing", ["in the kernel", "in the browser"])
def test_without_the_mirror_a_push_sends_what_was_saved_or_run_and_says_so(
    lab, jupyter, recorder, target, no_anywidget, missing
):
    if missing == "in the browser":
        lab.start_anew()  # an earlier test's page has it loaded
        lab.page.route("**/extensions/anywidget/**", lambda route: route.abort())
    with jupyter.kernels_with(target | (no_anywidget if missing == "in the kernel" else {})):
        push_without_the_mirror(lab, jupyter, recorder, missing)


def push_without_the_mirror(lab, jupyter, recorder, missing):
    name = f"blind-{missing[-7:].strip()}"
    task = TASK.format(name=name)
    path = jupyter.write(f"{name}.ipynb", LOAD, task, "ran = 1", "saved = 1", "%kbench push")
    lab.open(path.name)
    lab.run(0)
    lab.type_at_end(2, " + 1")
    lab.run(2)
    lab.type_at_end(3, " + 1  # neither saved nor run")
    told = lab.run(4)
    assert code_cells(recorder, name, told) == [task, "ran = 1 + 1", "saved = 1"]
    assert f"Read from the saved {name}.ipynb" in told
    assert "edits neither saved (Ctrl+S) nor run are not included" in told
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    told = lab.run(4)
    assert code_cells(recorder, name, told)[2] == "saved = 1 + 1  # neither saved nor run"


def test_a_failing_line_is_one_readable_block_and_run_all_stops_there(lab, jupyter, recorder, recorded):
    silent = TASK.format(name="Silent").replace("\n\n\nmy_task.run(kbench.llm)", "")
    heading = nbformat.v4.new_markdown_cell("# Findings name cells as a reader counts them, this one first")
    jupyter.write(
        "failing.ipynb",
        heading,
        LOAD,
        silent,
        "%kbench validate --static",
        "print('went on')",
    )
    lab.open("failing.ipynb")
    before = lab.prompt(1)
    lab.run(1)
    lab.command("notebook:run-all-below")  # from the cell selected
    shown = lab.result(3, "[ ]:")
    assert before == "[ ]:"
    assert "Traceback" not in shown
    assert "KB103 error in cell 3" in shown
    assert "%kbench validate" in shown or ".run(kbench.llm)" in shown
    assert lab.cell(3).locator(".jp-OutputArea-output").count() == 1, "one block"
    error = lab.cell(3).locator(
        '[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type*="error"]'
    )
    assert error.count() == 1, "marked as an error, not as text"
    lab.ready()
    assert lab.prompt(4) == "[ ]:"
    assert "went on" not in lab.panel.inner_text().replace("print('went on')", "")


def test_tab_completes_a_kbench_line(lab, jupyter, recorded):
    jupyter.write("complete.ipynb", LOAD, "%kbench")
    lab.open("complete.ipynb")
    lab.run(0)
    lab.type_at_end(1, " pu")
    lab.page.keyboard.press("Tab")
    offered = lab.page.locator(".jp-Completer-item .jp-Completer-match")
    offered.first.wait_for()
    texts = [re.sub(r"\s+", "", text) for text in offered.all_inner_texts()]
    assert sorted(texts) == ["publish", "pull", "push"]  # JupyterLab has an order of its own
    offered.nth(texts.index("push")).click()
    lab.expect(lab.editor(1)).to_have_text("%kbench push")
