"""The log view in a real JupyterLab, with a server on loopback whose runs write what a test says."""

import json
from pathlib import Path

import pytest
from live_logs import LogServer

pytestmark = pytest.mark.slow

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
HOSTILE = [
    "<img src=x onerror=\"window.pwned='img'\">",
    "<script>window.pwned='script'</script>",
    "</span></div><svg onload=\"window.pwned='svg'\">",
    "\x1b]0;owned title\x07after the title",
    "\x1b]8;;javascript:window.pwned='link'\x1b\\a link\x1b]8;;\x1b\\ text",
    "\u202eesrever\u202c and \u2066isolated\u2069",
    "nul \x00 bell \x07 line\u2028separator",
    "\x1b[38;5;999999;1mcolours\x1b[38;2;1e9;;m that do not exist\x1b[999Z",
    "lone \ud800 surrogate",
    "long " + "x" * 1_000_000,
]
MANY = 20_000
#: Saves a document that holds a text, again where it was changed meanwhile.
SAVED = """async (text) => {
    const { model } = window.jupyterapp.shell.currentWidget.context;
    if (!JSON.stringify(model.toJSON()).includes(text)) return false;
    await window.jupyterapp.commands.execute("docmanager:save");
    return !model.dirty;
}"""


@pytest.fixture
def server():
    with LogServer() as running:
        yield running


class LogLab:
    """A notebook whose second cell shows the log view of a task."""

    def __init__(self, lab, jupyter, server, *cells, app="lab"):
        self.lab, self.expect = lab, lab.expect
        self.path = jupyter.write(
            f"log-{id(self)}.ipynb",
            f"import os\nos.environ |= {{'KBENCH_API_URL': '{server.url}', 'KAGGLE_API_TOKEN': 't'}}\n"
            "%load_ext kbench_jupyter",
            "%kbench log quiz --live",
            *cells,
        )
        self.app = app
        lab.open(self.path.name, app)
        self.page = lab.page
        lab.run(0)
        lab.run(1)

    @property
    def view(self):
        return self.page.locator(".kbl")

    @property
    def scroller(self):
        return self.view.get_by_role("tabpanel")

    def row(self, text):
        return self.view.locator(".kbl-row:not([hidden])", has_text=text)

    def tab(self, name):
        return self.page.get_by_role("tab", name=name)

    def sees(self, text):
        self.expect(self.row(text).first).to_be_visible()

    def save(self, text=""):
        """Save as a person does once `text` is to be saved, and return the outputs of the cell with the view."""
        self.page.wait_for_function(SAVED, arg=text, polling=50)
        return json.loads(self.path.read_text())["cells"][1]["outputs"]


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_all_runs_are_live_at_once_also_while_the_kernel_is_busy(lab, jupyter, server, app):
    one, two = server.add(1, "m1"), server.add(2, "m2")
    gate = f"import pathlib, time\nwhile not pathlib.Path('go-{app}').exists(): time.sleep(0.02)"
    logs = LogLab(lab, jupyter, server, gate, app=app)
    lab.editor(2).click()
    lab.page.keyboard.press("Control+Enter")  # the kernel is busy until the file is there
    one.write("first of one\n").write("careful\n", "stderr").write("\r 10%|#").write("\r 90%|#########")
    two.write("first of two\n")
    logs.sees("first of one")
    logs.expect(logs.row("careful").locator(".kbl-tag")).to_have_text("err")
    logs.sees("90%|#########")
    logs.expect(logs.row("10%")).to_have_count(0)
    logs.expect(logs.tab("m2")).to_have_accessible_name("m2 v1, run #2: running, 1 line")
    logs.tab("m2").click()
    logs.sees("first of two")
    two.write("second of two\n")
    logs.sees("second of two")
    (jupyter.root / f"go-{app}").touch()
    lab.ready()


def test_a_reload_in_the_middle_of_a_stream_shows_everything_again(lab, jupyter, server):
    run = server.add(1)
    for number in range(MANY):
        run.write(f"line {number}\n")
    logs = LogLab(lab, jupyter, server)
    logs.sees(f"line {MANY - 1}")
    outputs = logs.save()
    assert [set(output["data"]) for output in outputs] == [{"text/html", "text/plain"}]
    assert "widgets" not in json.loads(logs.path.read_text())["metadata"]
    run.write("written before the reload\n")
    lab.open(logs.path.name)
    run.write("written during the reload\n")
    logs.sees("written during the reload")
    logs.sees("written before the reload")
    logs.expect(logs.page.locator(".kbl-state")).to_contain_text(f"{MANY + 2:,} lines")
    logs.scroller.focus()
    lab.page.keyboard.press("Home")  # far away: fetched from the kernel
    logs.sees("line 0")
    run.write("written after it\n")
    logs.view.get_by_role("button", name="Follow").click()
    logs.sees("written after it")


def test_after_a_kernel_restart_a_static_tail_remains_and_is_saved(lab, jupyter, server):
    run = server.add(1).write("<b>kept</b> \x1b[31mred\x1b[0m\n").write("the last line\n")
    logs = LogLab(lab, jupyter, server)
    logs.sees("the last line")
    run.write("written after the cell ran\n")
    logs.sees("written after the cell ran")
    lab.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    static = lab.cell(1).locator("pre", has_text="written after the cell ran")
    logs.expect(static).to_contain_text("<b>kept</b> red")
    (output,) = logs.save()
    assert set(output["data"]) == {"text/html", "text/plain"}
    assert "written after the cell ran" in "".join(output["data"]["text/plain"])
    lab.open(logs.path.name)
    logs.expect(static).to_be_visible()


def test_when_the_runs_have_ended_the_saved_static_form_has_their_last_lines(lab, jupyter, server):
    run = server.add(1).write("first\n")
    logs = LogLab(lab, jupyter, server)
    logs.sees("first")
    run.write("<i>last</i>\n").end()
    server.set_state(1, "COMPLETED")
    logs.expect(logs.tab("m1")).to_have_accessible_name("m1 v1, run #1: completed, 2 lines")
    handle = logs.view.element_handle()
    (output,) = logs.save("&lt;i&gt;last")
    assert "&lt;i&gt;last&lt;/i&gt;" in "".join(output["data"]["text/html"])
    assert set(output["data"]) == {"text/html", "text/plain"}
    logs.sees("<i>last</i>")
    assert handle.evaluate("view => view.isConnected")  # nothing was drawn anew for that
    lab.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    logs.expect(lab.cell(1).locator("pre", has_text="<i>last</i>")).to_be_visible(timeout=2_000)
    logs.expect(logs.view).to_have_count(0)


def test_hostile_lines_do_nothing_but_appear(lab, jupyter, server):
    run = server.add(1, "m<img onerror=1>")
    for line in HOSTILE:
        run.write(line + "\n")
    run.write("the end\n")
    title = lab.page.title
    logs = LogLab(lab, jupyter, server)
    logs.sees("the end")
    rows = logs.view.locator(".kbl-row:not([hidden]) .kbl-text").all_inner_texts()
    for line in HOSTILE[:3]:
        assert line in rows
    assert "after the title" in rows
    assert "a link text" in rows
    assert "\\u202eesrever\\u202c and \\u2066isolated\\u2069" in rows
    assert "nul \\x00 bell \\x07 line\\u2028separator" in rows
    assert any("lone" in row and "surrogate" in row for row in rows)
    (long,) = [row for row in rows if row.startswith("long x")]
    assert len(long) < 3000
    assert "1,000,005 characters" in long
    assert lab.page.evaluate("window.pwned") is None
    assert "owned" not in title()
    assert logs.view.locator("img, script, svg, a, iframe").count() == 0


def test_keyboard_alone_searches_pauses_changes_tabs_and_saves(lab, jupyter, server):
    run = server.add(1, "m1")
    for number in range(3000):
        run.write(f"line {number} {'needle' if number % 1000 == 0 else ''}\n")
    server.add(2, "m2", "COMPLETED").write("the other\n").write("needle there\n", "stderr")
    logs = LogLab(lab, jupyter, server)
    press, expect = lab.page.keyboard.press, logs.expect
    logs.sees("line 2999")
    logs.scroller.focus()
    press("PageUp")
    follow = logs.view.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "false")
    run.write("unseen\n")
    expect(follow).to_contain_text("1 new")
    press("Control+f")
    lab.page.keyboard.type("NEEDLE")
    found = lab.page.locator(".kbl-found")
    expect(found).to_have_text("1 of 3 lines")
    press("Enter")
    expect(found).to_have_text("2 of 3 lines")
    expect(logs.view.locator(".kbl-current mark")).to_have_text("needle")
    logs.sees("line 1000")
    press("Shift+Enter")
    logs.sees("line 0 needle")
    lab.cell(1).locator(".kbl-scroller").focus()
    press("End")
    logs.sees("unseen")
    expect(follow).to_have_attribute("aria-pressed", "true")
    logs.tab("m1").focus()
    press("ArrowRight")
    expect(logs.tab("m2")).to_be_focused()
    logs.sees("needle there")
    expect(found).to_have_text("1 of 1 line")
    logs.view.get_by_role("button", name="Save").focus()
    press("Enter")
    expect(lab.page.locator(".kbl-note")).to_have_text("Saved 2 lines to quiz-m2-2.log")
    assert (jupyter.root / "quiz-m2-2.log").read_text() == "the other\nneedle there\n"
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    logs.view.get_by_role("button", name="Copy").focus()
    press("Enter")
    expect(lab.page.locator(".kbl-note")).to_have_text("Copied 2 lines.")
    assert lab.page.evaluate("navigator.clipboard.readText()") == "the other\nneedle there"
    expect(lab.panel.locator(".jp-Cell")).to_have_count(2)  # no key reached the notebook's shortcuts


def test_a_button_steps_through_the_errors_of_a_long_log_and_narrows_a_search_to_them(lab, jupyter, server):
    run = server.add(1, "m1", "COMPLETED")
    for number in range(3000):
        run.write(f"line {number}\n")
        if number in (700, 2100):
            run.write(f"Traceback at line {number}\n", "stderr")
    server.add(2, "m2", "COMPLETED").write("all went well\n")
    logs = LogLab(lab, jupyter, server)
    logs.sees("line 2999")
    errors, found = (
        logs.view.get_by_role("button", name="Search stderr only"),
        lab.page.locator(".kbl-found"),
    )
    current = logs.view.locator(".kbl-current")
    errors.click()
    logs.expect(errors).to_have_attribute("aria-pressed", "true")
    logs.expect(found).to_have_text("1 of 2 lines")
    logs.expect(current).to_contain_text("Traceback at line 700")
    logs.view.get_by_role("button", name="Next match").click()
    logs.expect(current).to_contain_text("Traceback at line 2100")
    lab.page.get_by_role("searchbox").fill("line 700")
    logs.expect(found).to_have_text("1 of 1 line")
    logs.expect(current).to_contain_text("Traceback at line 700")
    errors.click()
    logs.expect(found).to_have_text("1 of 2 lines")  # "line 700" itself, too
    lab.page.get_by_role("searchbox").fill("")
    errors.click()
    logs.tab("m2").click()
    logs.expect(found).to_have_text("nothing in stderr")


def test_it_is_accessible_and_looks_right_in_light_and_dark_narrow_and_wide(lab, jupyter, server):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    run = server.add(1, "gemini-2.5-pro")
    for number in range(400):
        run.write(
            f"question {number}: \x1b[{31 + number % 7}mcoloured\x1b[0m \x1b[2mdim\x1b[0m \x1b[1mbold\x1b[0m\n"
        )
    run.write("UserWarning: temperature has no effect\n", "stderr").write("\r 40%|####      |")
    server.add(2, "claude-sonnet-4-5", "ERRORED").write("Traceback (most recent call last):\n", "stderr")
    for number in range(3, 9):
        server.add(number, f"model-{number}", "QUEUED" if number % 2 else "COMPLETED")
    logs = LogLab(lab, jupyter, server)
    logs.sees("40%")
    lab.page.get_by_role("searchbox").fill("question 39")
    logs.expect(lab.page.locator(".kbl-found")).to_contain_text("of 11 lines")
    lab.command("application:toggle-left-area")
    ARTIFACTS.mkdir(exist_ok=True)
    for theme in ("Light", "Dark"):
        lab.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        lab.page.wait_for_function(
            f"document.body.dataset.jpThemeLight === '{'true' if theme == 'Light' else 'false'}'"
        )
        logs.sees("question 39")  # while the theme changes the view has no height
        found = axe.Axe().run(lab.page, context=".kbl").response["violations"]
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
        for width in (2000, 1400, 400):
            lab.page.set_viewport_size({"width": width, "height": 900})
            logs.expect(logs.row("question 39").first).to_be_attached()
            overflow = lab.page.evaluate(
                "() => { const root = document.querySelector('.kbl');"
                " return root.scrollWidth - root.clientWidth; }"
            )
            assert overflow <= 0
            logs.view.screenshot(path=ARTIFACTS / f"log-view-{theme.lower()}-{width}.png")
    logs.tab("model-3").click()
    logs.expect(logs.view).to_contain_text("Waiting for the first line")
    logs.tab("model-4").click()
    logs.expect(logs.view).to_contain_text("This run printed nothing.")


def test_closing_the_panel_and_unloading_end_threads_and_connections(lab, jupyter, server):
    server.add(1).write("hello\n")
    threads = (
        "import threading\nours = [t for t in threading.enumerate() if t.name.startswith('kbench')]\n"
        "if 'kbench' not in get_ipython().magics_manager.magics['line']:\n"
        "    [t.join(5) for t in ours]\n"
        "print([t.name for t in ours if t.is_alive()])"
    )
    logs = LogLab(
        lab, jupyter, server, "%kbench log quiz --live", threads, "%unload_ext kbench_jupyter", threads
    )
    logs.sees("hello")
    lab.run(2)
    logs.expect(logs.row("hello")).to_have_count(2)
    assert lab.run(3).count("kbench-log-1") == 1  # two panels, one reader
    assert len(server.calls("GetBenchmarkTaskRunLogs")) == 1
    lab.run(4)
    for cell in (1, 2):  # what stays is the static form, now and after a reload
        logs.expect(lab.cell(cell).locator(".kbench-view pre")).to_have_text("hello")
    logs.expect(logs.view).to_have_count(0)
    assert lab.run(5).strip() == "[]"
    assert server.wait_for_connections(0)
