"""The JupyterLab extension in a real JupyterLab: the sidebar, the status bar, the toolbar, marks while one types."""

import json
import re
import time
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ARTIFACTS, Lab
from faults import FaultServer
from loopback_session import add_run
from panel_lab import LOAD, PanelLab

from kbench_jupyter.magics.declaration import COMMANDS

pytestmark = pytest.mark.slow

ROOT = str(Path(__file__).parents[2])
QUIZ = """import kaggle_benchmarks as kbench


@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_contains_regex("4", llm.prompt("2 + 2?"), expectation="adds")


quiz.run(kbench.llm)"""


SET = """async ([name, value]) => {
    const registry = window.jupyterapp.pluginRegistry;
    const ours = registry._plugins.get("kbench-jupyter:plugin");
    const token = ours.optional.find((one) => one.name.endsWith(":ISettingRegistry"));
    await (await registry.resolveOptionalService(token)).set(ours.id, name, value);
}"""


class Presence(PanelLab):
    """A notebook in a JupyterLab that has the extension."""

    @property
    def sidebar(self):
        return self.page.locator("#kbench-sidebar")

    @property
    def panel(self):
        return self.sidebar.locator(".kbp:visible").first

    @property
    def status(self):
        return self.page.locator(".kbx-status")

    @property
    def opener(self):
        """The button in the toolbar of the notebook in front."""
        return self.lab.panel.get_by_role("button", name="Kaggle Benchmarks: check")

    def show(self):
        self.lab.command("kbench:show")
        self.expect(self.sidebar).to_be_visible()

    def says(self, *texts):
        for text in texts:
            self.expect(self.sidebar.locator(".kbx-message")).to_contain_text(text)

    def setting(self, name, value):
        """Change one of the extension's settings, as the settings editor does."""
        self.page.evaluate(SET, [name, value])

    def look(self, name):
        """Take pictures in both themes and narrow, and return what axe finds wrong with what is ours."""
        ARTIFACTS.mkdir(exist_ok=True)
        complaints = []
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            self.theme(theme)
            for ours in ("#kbench-sidebar", ".kbx-status", ".kbx-tip"):
                if self.page.locator(ours).count():
                    found = Axe().run(self.page, context=ours).response["violations"]
                    complaints += [v["id"] for v in found if v["impact"] in ("serious", "critical")]
            self.page.screenshot(path=ARTIFACTS / f"presence-{name}-{theme[11:].lower()}.png")
        self.theme("JupyterLab Light")
        self.page.set_viewport_size({"width": 800, "height": 900})
        self.page.screenshot(path=ARTIFACTS / f"presence-{name}-narrow.png")
        self.page.set_viewport_size({"width": 1400, "height": 1000})
        return complaints


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


def test_the_sidebar_shows_the_panel_of_the_notebook_in_front_and_it_is_the_one_in_the_cell(lab, jupyter):
    jupyter.as_new()
    jupyter.write("other.ipynb", "x = 1")
    here = Presence(lab, jupyter, "quiz.ipynb", LOAD, QUIZ, "%kbench")
    here.opener.click()  # nothing was typed: it is loaded because its panel is looked at
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    here.expect(here.panel).to_contain_text("quiz.ipynb")
    lab.type_at_end(1, "\nx = (")  # an edit that is not saved
    assert here.look("panel") == []

    lab.run(2)
    cell = lab.cell(2).locator(".kbp")
    cell.locator("[data-step=results]").wait_for()
    for one in (cell, here.panel):
        here.expect(one.locator("[data-step=init]")).to_have_attribute("data-state", "next")
    here.step("validate").click()
    here.button("Dry run").click()
    for one in (cell, here.panel):
        here.expect(one.get_by_role("alert").first).to_contain_text("Dry run did not work")
        here.expect(one).to_contain_text("KB101")

    lab.command("docmanager:open", path="other.ipynb", factory="Notebook")
    here.says("not loaded in this kernel", LOAD)
    here.expect(here.opener).to_have_count(0)
    lab.command("docmanager:open", path="quiz.ipynb", factory="Notebook")
    here.expect(here.panel).to_contain_text("KB101")


def test_what_was_unloaded_by_hand_stays_unloaded_until_it_is_asked_for(lab, jupyter):
    is_loaded = 'print("kbench" in get_ipython().magics_manager.magics["line"])'
    here = Presence(lab, jupyter, "unload.ipynb", QUIZ, "%unload_ext kbench_jupyter", is_loaded)
    here.show()
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    lab.run(1)
    here.says("not loaded in this kernel", LOAD)
    lab.type_at_end(0, "  # an edit")
    lab.page.wait_for_timeout(600)  # an edit is looked at 400 ms after it
    assert lab.run(2).strip() == "False"
    here.sidebar.get_by_role("button", name="Load it").click()
    here.expect(here.step("init")).to_be_visible()
    assert lab.run(2).strip() == "True"


def test_where_there_is_no_panel_the_sidebar_says_why_in_one_line_and_what_to_type(lab, jupyter, request):
    hidden = f"import sys  # so that kbench cannot be found\nsys.path[:] = set(sys.path) - {{{ROOT!r}, ''}}"
    old = f"{LOAD}\nget_ipython().kernel.comm_manager.targets.pop('kbench_jupyter') and None"
    here = Presence(lab, jupyter, "why.ipynb", hidden, old, QUIZ)
    here.setting("load", False)
    request.addfinalizer(lambda: here.setting("load", True))  # it is kept for the tests that follow
    here.show()
    here.says("not loaded in this kernel", LOAD)
    assert here.look("not-loaded") == []
    lab.run(0)
    here.says("not installed where this kernel runs", "%pip install kbench-jupyter")
    here.kernel("restartKernel()")
    here.says("not loaded in this kernel", LOAD)
    lab.run(1)
    here.says("knows no sidebar", "%pip install -U kbench-jupyter")
    here.kernel("restartKernel()")
    here.says("not loaded in this kernel")
    here.sidebar.get_by_role("button", name="Load it").click()
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    here.kernel("restartKernel()")
    here.says("not loaded in this kernel")  # and no panel of a kernel that is gone
    here.setting("load", True)  # for a notebook with a task whose panel is looked at
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    here.kernel("shutdown()")
    here.says("has no kernel")


def without_starting(socket):
    """Pass on what a kernel says, but that it starts: a page may hear it again only after that."""
    server = socket.connect_to_server()

    def hear(message):
        said = message if isinstance(message, bytes) else message.encode()
        if b'"execution_state": "starting"' not in said:
            socket.send(message)

    server.on_message(hear)


def test_the_panel_of_a_kernel_that_another_window_restarts_gives_way_to_a_new_one(lab, browser, jupyter):
    lab.start_anew()
    lab.page.route_web_socket(re.compile("/channels"), without_starting)
    here = Presence(lab, jupyter, "restarted.ipynb", LOAD, QUIZ)
    here.show()
    here.step("validate").click()
    here.button("Dry run").wait_for()
    second = Lab(browser.new_page(), jupyter).open("restarted.ipynb")
    second.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => null)"
    )
    here.page.bring_to_front()
    here.expect(here.button("Dry run")).to_have_count(0)  # of the panel that is gone
    here.expect(here.step("init")).to_be_visible()
    here.step("validate").click()
    here.expect(here.button("Dry run")).to_be_visible()  # it answers


def test_a_notebook_that_becomes_a_task_while_its_kernel_is_busy_is_loaded_when_that_answers(lab, jupyter):
    go = jupyter.root / "go-on"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    here = Presence(lab, jupyter, "becomes.ipynb", "x = 1")
    # By no cell: one that has run is a change of the notebook.
    asked = json.dumps({"code": waits, "silent": True})
    here.kernel(f"session.kernel.requestExecute({asked}) && null")
    here.show()
    here.says("The kernel is busy")
    lab.editor(0).click()
    here.page.keyboard.press("Control+A")
    here.page.keyboard.insert_text(QUIZ)
    here.expect(here.opener).to_be_visible()
    go.touch()
    here.expect(here.step("init")).to_be_visible(timeout=30_000)


def test_findings_are_marked_while_one_types_and_one_click_fixes_them(lab, jupyter):
    task = QUIZ.removesuffix("quiz.run(kbench.llm)").rstrip()
    here = Presence(lab, jupyter, "marks.ipynb", LOAD, task + "\n\n\nquiz.run(kbench.llm)", "import os")
    lab.run(0)
    here.expect(here.page.locator(".kbx-gutter")).to_have_count(3, timeout=30_000)
    here.expect(here.page.locator(".kbx-gutter").first).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    signs = here.page.locator(".kbx-sign")
    here.expect(signs).to_have_count(0)
    lab.editor(1).click()
    here.page.keyboard.press("Control+End")
    for _ in range(len("quiz.run(kbench.llm)")):
        here.page.keyboard.press("Backspace")
    here.expect(signs).to_have_count(1)
    here.expect(here.status).to_have_text("kbench: 1 finding")
    here.page.keyboard.type("\n")
    signs.click()
    tip = here.page.locator(".kbx-tip")
    here.expect(tip).to_contain_text("error KB103 quiz is never run")
    assert here.look("marks") == []
    tip.get_by_role("button", name="Fix: add quiz.run(kbench.llm)").click()
    here.expect(lab.editor(2)).to_contain_text("quiz.run(kbench.llm)")  # at the end, as a person would
    here.expect(signs).to_have_count(0)
    here.expect(tip).to_have_count(0)
    lab.editor(2).click()
    here.page.keyboard.press("Control+z")  # it is an edit like any other
    here.expect(signs).to_have_count(1)
    lab.editor(2).click()
    here.page.keyboard.press("Alt+F8")
    here.expect(here.page.locator("#kbx-said")).to_contain_text("Cell 2, line 5: error KB103")
    here.expect(tip).to_be_visible()
    here.page.keyboard.press("Escape")
    here.expect(tip).to_have_count(0)
    here.page.keyboard.press("Alt+Shift+F8")
    here.expect(lab.editor(2)).to_contain_text("quiz.run(kbench.llm)")
    here.expect(signs).to_have_count(0)

    here.setting("marks", False)
    here.expect(here.page.locator(".kbx-gutter")).to_have_count(0)
    lab.type_at_end(1, "\nquiz.rum(kbench.llm)")
    lab.ready()
    here.setting("marks", True)
    here.expect(here.page.locator(".kbx-gutter")).to_have_count(3)


def test_a_mark_outlives_edits_around_it_and_its_fix_still_works(lab, jupyter):
    task = QUIZ.removesuffix("quiz.run(kbench.llm)").rstrip()
    here = Presence(lab, jupyter, "outlives.ipynb", LOAD, task, "import os")
    lab.run(0)
    sign = lab.cell(1).locator(".kbx-sign")
    here.expect(sign).to_have_count(1, timeout=30_000)
    # As a formatter does: all of the text is replaced, and what is found in it is the same.
    here.page.evaluate(
        "text => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setSource(text)",
        task + "  # formatted",
    )
    here.expect(lab.editor(1)).to_contain_text("# formatted")
    here.expect(sign).to_have_count(1)
    lab.type_at_end(2, "\nx = (")  # in another cell, there is another finding
    here.expect(lab.cell(2).locator(".kbx-sign")).to_have_count(1)
    for _ in "\nx = (":
        here.page.keyboard.press("Backspace")
    here.expect(lab.cell(2).locator(".kbx-sign")).to_have_count(0)
    sign.click()
    here.page.locator(".kbx-tip").get_by_role("button", name="Fix: add quiz.run(kbench.llm)").click()
    here.expect(lab.editor(2)).to_contain_text("quiz.run(kbench.llm)")


def test_the_status_bar_counts_runs_opens_them_and_tells_when_they_have_ended(lab, jupyter, server):
    for number, state in ((1, "RUNNING"), (2, "RUNNING"), (3, "ERRORED")):
        add_run(server.api, number, f"openai/{number}", state)
    with jupyter.kernels_with({"KBENCH_API_URL": server.url, "KAGGLE_API_TOKEN": "t"}):
        here = Presence(lab, jupyter, "runs.ipynb", LOAD, "%kbench list", QUIZ)
    lab.run(0)
    here.expect(here.status).to_have_text("kbench")  # nobody has asked for runs yet
    lab.run(1)
    here.expect(here.status).to_have_text("kbench: 2 running, 1 failed", timeout=30_000)
    lab.command("docmanager:clone")  # a second view of the same document
    here.status.click()
    here.expect(here.sidebar.locator(".kbp-status tr[data-run]")).to_have_count(3, timeout=60_000)
    assert here.look("runs") == []
    for run in server.api.runs[:2]:
        run["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
    here.expect(here.status).to_have_text("kbench: 1 failed", timeout=40_000)
    lab.command("apputils:display-notifications")
    ended = here.page.locator(".jp-Notification-List").get_by_text("quiz: 3 runs ended, 1 of them failed")
    here.expect(ended).to_have_count(1)


def test_a_card_begins_a_new_task_and_the_palette_types_every_command(lab, jupyter):
    here = Presence(lab, jupyter, "start.ipynb", LOAD)
    lab.command("kbench:new-task", pattern="structured-output")
    here.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.context?.path === 'structured-output.ipynb'"
    )
    here.expect(here.step("validate")).to_be_visible(timeout=90_000)
    made = nbformat.read(jupyter.root / "structured-output.ipynb", 4)
    nbformat.validate(made)
    assert [cell.cell_type for cell in made.cells] == ["markdown", "code", "code", "markdown"]
    assert made.cells[1].source == LOAD
    here.expect(here.page.locator(".kbx-sign")).to_have_count(0)

    lab.command("kbench:command", name="show")
    here.page.wait_for_function(
        "() => [...window.jupyterapp.shell.currentWidget.content.widgets].some("
        "c => c.model.sharedModel.getSource() === '%kbench show' && c.model.executionCount)"
    )
    labels = here.page.evaluate(
        "names => names.map(name => window.jupyterapp.commands.label('kbench:command', { name }))",
        [command.name for command in COMMANDS],
    )
    assert labels == [f"{command.name}: {command.summary}" for command in COMMANDS]
    here.page.get_by_role("menuitem", name="Benchmarks").click()
    items = here.page.locator(".lm-Menu-item")
    items.filter(has_text="Put a Pattern Below").hover()
    items.filter(has_text=re.compile("^judge: ")).click()
    here.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource().includes('judge')"
    )
    lab.command("launcher:create")
    card = here.page.locator(".jp-LauncherCard:visible", has_text="New Benchmark Task")
    here.expect(card.locator("img, svg").first).to_be_visible()
    card.click()
    here.expect(here.page.get_by_role("dialog")).to_contain_text("Begin from")
    here.expect(here.page.get_by_role("combobox", name="Begin from")).to_be_visible()
    found = Axe().run(here.page, context=".jp-Dialog-content").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    here.page.keyboard.press("Escape")


def test_a_new_task_that_cannot_be_made_says_why(lab, jupyter):
    here = Presence(lab, jupyter, "denied.ipynb", LOAD)
    refusal = {"status": 403, "json": {"message": "Permission denied: Untitled.ipynb"}}
    here.page.route(
        "**/api/contents*",
        lambda route: route.fulfill(**refusal) if route.request.method == "POST" else route.continue_(),
    )
    here.page.get_by_role("menuitem", name="Benchmarks").click()
    items = here.page.locator(".lm-Menu-item")
    items.filter(has_text="New Task").hover()
    items.filter(has_text="minimal: ").first.click()
    dialog = here.page.get_by_role("dialog")
    here.expect(dialog).to_contain_text("The new task could not be made")
    here.expect(dialog).to_contain_text("Permission denied: Untitled.ipynb")
    here.page.keyboard.press("Escape")


def test_the_sidebar_is_in_notebook_7_too(lab, jupyter):
    jupyter.write("seven.ipynb", LOAD, QUIZ)
    lab.open("seven.ipynb", "notebooks")
    lab.page.get_by_role("button", name="Kaggle Benchmarks: check").click()
    lab.expect(lab.page.locator("#kbench-sidebar [data-step=init]")).to_be_visible(timeout=90_000)
    ARTIFACTS.mkdir(exist_ok=True)
    lab.page.screenshot(path=ARTIFACTS / "presence-notebook-7.png")


def test_a_mark_is_there_within_a_moment_of_the_last_key(lab, jupyter):
    """The kernel has the text within 150 ms of an edit, and a rest to check it: 300 ms on a quiet machine."""
    here = Presence(lab, jupyter, "moment.ipynb", LOAD, QUIZ, "import os")
    lab.run(0)
    here.expect(here.page.locator(".kbx-gutter")).to_have_count(3, timeout=30_000)
    lab.editor(2).click()
    here.page.keyboard.press("Control+End")
    took = []
    for _ in range(5):
        here.page.keyboard.type("\nx = (")
        began = time.monotonic()
        here.page.wait_for_function("() => document.querySelector('.kbx-sign')", polling=10)
        took.append(time.monotonic() - began)
        for _ in range(6):
            here.page.keyboard.press("Backspace")
        here.page.wait_for_function("() => !document.querySelector('.kbx-sign')")
    print("seconds:", sorted(took))
    assert min(took) < 1.0


def test_a_notebook_that_is_closed_takes_leave_of_the_kernel_that_goes_on(lab, jupyter):
    count = """from kbench_jupyter.panels.presence import _DOORS
[page] = _DOORS[get_ipython()]._pages
print(len(page._newest.panel._views))"""
    here = Presence(lab, jupyter, "leave.ipynb", QUIZ, count)
    here.show()
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    lab.command("docmanager:save")
    here.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
    lab.command("docmanager:open", path="leave.ipynb", factory="Notebook")
    lab.ready()
    here.expect(here.step("init")).to_be_visible(timeout=60_000)
    assert lab.run(1).strip() == "1"


def test_an_upgrade_is_there_with_the_next_reload(lab, jupyter):
    here = Presence(lab, jupyter, "upgrade.ipynb", LOAD)
    kept = here.page.evaluate("""async () => {
        const ours = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/kbench-jupyter/"));
        const answers = await Promise.all(ours.map(({ name }) => fetch(name, { cache: "no-store" })));
        return answers.map(({ headers }) => headers.get("Cache-Control"));
    }""")
    assert set(kept) == {"no-cache"}, "without a question, browsers go on with what they have"
