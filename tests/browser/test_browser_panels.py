"""The panels in a real JupyterLab: clicks and keys, the embedded server and its small model behind them."""

import os
import re
import signal
from datetime import UTC, datetime, timedelta

import pytest
from conftest import ARTIFACTS
from faults import FaultServer
from kernel_template import SOCKET
from live_logs import LogServer
from panel_lab import LOAD, PanelLab, away

pytestmark = pytest.mark.slow

WIDGET = "application/vnd.jupyter.widget-view+json"
MODEL = "smollm2-135m-instruct"
IMPORT = "import kaggle_benchmarks as kbench"
TASK = """@kbench.task(name="{name}")
def say_something(llm):
    answer = llm.prompt("Reply with one word.")
    kbench.assertions.assert_not_empty(answer, expectation="Says anything at all")

say_something.run(kbench.llm)"""


@pytest.fixture
def unhurried(jupyter):
    """Rehearsals whose kernels are started, which takes seconds: time for a click meanwhile."""
    with jupyter.kernels_with({SOCKET: ""}):
        yield


def test_a_task_goes_from_init_to_publish_by_clicks_and_outlives_the_kernel(lab, jupyter, unhurried):
    jupyter.as_new()
    task = TASK.format(name="By clicks") + "\n# what an editor does not draw whole" * 200
    panels = PanelLab(lab, jupyter, "way.ipynb", LOAD, IMPORT, task, "%kbench")
    lab.run(0)
    lab.run(3)
    panels.stands("init", "next")
    panels.button("Init").click()
    panels.stands("validate", "next")
    panels.button("Validate").click()
    panels.expect(panels.panel).to_contain_text("Rehearsing")  # what is stopped before that never began
    panels.button("Stop").click()
    panels.expect(panels.panel.locator(".kbp-stopped")).to_contain_text("The rehearsal was stopped")
    panels.stands("validate", "next")
    panels.button("Validate").dblclick()
    panels.stands("push", "next")
    panels.expect(panels.panel.locator(".kbp-stopped")).to_have_count(0)
    outcome = panels.panel.locator(".kbp-outcome")
    panels.expect(outcome.get_by_role("row").nth(1)).to_contain_text("Says anything at all")
    panels.expect(outcome.get_by_role("row").nth(1)).to_contain_text("cell 3, line 4")
    panels.theme("JupyterLab Light")
    panels.picture("workflow-validated")
    panels.button("Push").click()
    panels.stands("run", "next")
    panels.panel.get_by_role("option", name=MODEL).click()
    panels.button("Run on 1 model").click()
    panels.stands("run", "done")
    panels.stands("watch", "done")
    panels.expect(panels.panel.locator("tr[data-run]")).to_contain_text("passed")
    panels.button("Fetch and compare").click()
    panels.stands("results", "done")
    panels.panel.get_by_role("gridcell", name="passed").click()
    transcript = panels.panel.locator(".kbp-results .kbs-pane-body")
    panels.expect(transcript).to_contain_text("Reply with one word.")
    transcript.get_by_role("button", name="cell 3, line 4").click()
    panels.expect(panels.lab.cell(2).locator(".kbs-meant")).to_contain_text("assert_not_empty")
    panels.expect(panels.panel.locator(".kbp-chart-row")).to_contain_text("95 % interval 21% to 100%")
    row = panels.panel.locator(".kbp-results .kbs-row").first.element_handle()
    panels.button("Fetch again").click()
    panels.page.wait_for_function("row => !row.isConnected", arg=row)
    panels.expect(panels.button("Fetch again")).to_be_enabled()
    panels.expect(transcript).to_contain_text("Reply with one word.")
    assert panels.pictures("workflow") == []
    panels.button("Publish…").click()
    panels.expect(panels.step("publish")).to_have_attribute("data-state", "next")  # not before a yes
    panels.button("Yes, publish").click()
    panels.stands("publish", "done")

    # What is saved is the static form as it stands, whether the kernel lives on or not.
    assert WIDGET not in panels.saved(3, "Everything is done")["data"]
    lab.open(panels.path.name)
    panels.stands("publish", "done")  # the same kernel: the panel again
    assert not panels.page.evaluate("window.jupyterapp.shell.currentWidget.context.model.dirty")

    panels.kernel("shutdown()")
    static = lab.cell(3).locator(".kbench-view")
    panels.expect(static).to_contain_text("Everything is done", timeout=2_000)  # nothing to click in vain
    panels.expect(panels.panel).to_have_count(0)
    lab.open(panels.path.name)  # with a new kernel
    panels.expect(static).to_contain_text("Everything is done")
    panels.expect(lab.panel).not_to_contain_text("Error displaying widget")
    # A new kernel counts from one again: a prompt that says [1] already would not show that its cell has run.
    lab.command("notebook:clear-all-cell-outputs")
    lab.run(0)
    lab.run(3)
    for step in ("init", "validate", "push", "run", "watch", "results", "publish"):
        panels.stands(step, "done")


def test_an_edit_makes_steps_stale_by_itself_and_a_push_of_what_nobody_tried_asks_first(lab, jupyter):
    (jupyter.root / ".env").unlink(missing_ok=True)  # a server that an earlier test has started may go on
    panels = PanelLab(lab, jupyter, "stale.ipynb", LOAD, IMPORT, TASK.format(name="Stale"), "%kbench")
    lab.run(0)
    lab.run(3)
    panels.button("Init").click()
    panels.stands("validate", "next")
    panels.step("push").click()
    panels.button("Push").click()
    question = panels.panel.get_by_role("group", name="Confirm")
    panels.expect(question).to_contain_text("stale.ipynb was not rehearsed as it is now")
    panels.button("Push all the same").click()
    panels.stands("run", "next")
    panels.lab.type_at_end(2, "  # another model")
    panels.stands("validate", "next")  # nobody clicked
    panels.step("push").click()
    panels.expect(panels.panel).to_contain_text("changed since version 1: 1 cell")
    panels.panel.get_by_text("See what changed").click()
    panels.expect(panels.panel.locator(".kbp-diff .kbp-added")).to_have_text(
        "+say_something.run(kbench.llm)  # another model"
    )
    panels.button("Push").click()
    panels.picture("push-unrehearsed")
    assert panels.complaints() == []
    panels.button("Cancel").click()
    panels.expect(question).to_be_hidden()
    panels.stands("validate", "next")


def test_the_keyboard_alone_does_the_whole_chain_after_one_yes(lab, jupyter):
    panels = PanelLab(lab, jupyter, "keys.ipynb", LOAD, IMPORT, TASK.format(name="By keys"), "%kbench")
    lab.run(0)
    lab.run(3)
    panels.step("init").wait_for()
    keys = panels.page.keyboard
    panels.button("Refresh the state").focus()  # where Tab goes from the cell depends on JupyterLab
    focused = panels.page.locator(":focus")

    def tab_to(what):
        for _ in range(20):
            keys.press("Tab")
            if focused.evaluate(
                "(e, what) => (e.getAttribute('aria-label') ?? e.textContent).includes(what)", what
            ):
                return
        pytest.fail(f"Tab does not lead to {what}")

    tab_to("1. init")
    for _ in range(3):
        keys.press("ArrowRight")
    keys.press("Enter")  # the step "run"
    panels.panel.get_by_role("option", name=MODEL).wait_for()
    panels.expect(panels.panel.locator(".kbp-head")).not_to_contain_text("not running")  # it was started
    tab_to("Models")
    keys.press("Space")
    panels.expect(panels.panel.locator(".kbp-chip")).to_contain_text(MODEL)
    tab_to("Do all steps…")
    keys.press("Enter")
    panels.expect(panels.panel.get_by_role("group", name="Confirm")).to_contain_text(f"on {MODEL}")
    panels.expect(focused).to_have_text("Yes, do all of this")
    panels.picture("workflow-confirm")
    keys.press("Enter")
    panels.expect(panels.button("Stop").first).to_be_visible()
    panels.stands("results", "done", timeout=120_000)
    panels.stands("publish", "next")
    # After an edit all of it is to be done again, on the version that follows.
    lab.type_at_end(2, "\nsay_something.run(kbench.llm, 3)")
    panels.button("Refresh the state").click()
    panels.stands("validate", "next")
    for step in ("push", "run", "watch", "results"):
        panels.stands(step, "later")
    panels.step("push").click()
    panels.button("Push").click()
    panels.button("Push all the same").click()
    panels.stands("push", "failed")  # a rule refuses it; what failed stays to be seen
    panels.expect(panels.panel.get_by_role("alert").first).to_contain_text("Push did not work")
    panels.expect(panels.step("push")).to_have_attribute("aria-pressed", "true")
    panels.picture("workflow-failed")
    panels.button("Do all steps…").click()
    confirm = panels.panel.get_by_role("group", name="Confirm")
    panels.expect(confirm).to_contain_text(f"Run version 2 of by-keys on {MODEL}")  # as the version before
    panels.button("Cancel").click()
    panels.step("run").click()
    panels.button("Clear").click()
    panels.button("Do all steps…").click()
    panels.expect(confirm).to_contain_text("Choose the models to run on first")
    panels.button("Choose models").click()
    panels.panel.get_by_role("option", name=MODEL).click()
    panels.button("Do all steps…").click()
    panels.expect(confirm.get_by_role("listitem")).to_have_count(5)
    panels.expect(confirm).to_contain_text(f"Run version 2 of by-keys on {MODEL}")
    panels.picture("workflow-edited")
    keys.press("Escape")
    panels.expect(confirm).to_be_hidden()
    assert lab.panel.locator(".jp-Cell").count() == 4, "no key went through to the notebook"


def model(number):
    makers = ["Anthropic", "Google", "OpenAI", "Meta", "Mistral", "Qwen", "DeepSeek"]
    return {
        "displayName": f"Model {number}",
        "organization": {"name": makers[number % 7]},
        "version": {
            "slug": f"{makers[number % 7].lower()}-{number}",
            "allowModelProxy": number % 10 != 3,
            "inputModalities": ["MODALITY_TEXT", *(["MODALITY_IMAGE"] if number % 2 else [])],
            "outputModalities": ["MODALITY_TEXT"],
            **({"deprecationTime": "2020-01-01T00:00:00Z"} if number % 10 == 4 else {}),
        },
    }


HOSTILE = "<img src=x onerror=\"window.pwned='img'\"><script>window.pwned=1</script>\u202eeliah"


def run(number, state, **more):
    return {
        "id": number,
        "taskSlug": {"ownerSlug": "me", "taskSlug": "quiz", "versionNumber": 1},
        "modelVersionSlug": model(number)["version"]["slug"],
        "state": f"BENCHMARK_TASK_RUN_STATE_{state}",
        "startTime": "2026-11-23T07:08:09.123Z",
        **({"endTime": "2026-11-23T07:09:12.123Z"} if state in ("COMPLETED", "ERRORED") else {}),
        **more,
    }


@pytest.fixture
def server():
    with FaultServer() as running:
        running.api.add_task("quiz")
        running.api.models = [model(number) for number in range(500)]
        running.api.runs = [
            run(
                n,
                "ERRORED",
                errorMessage=f"Traceback (most recent call last):\n  line {n}\nValueError: {HOSTILE}",
            )
            if n % 9 == 0
            else run(n, ("COMPLETED", "RUNNING", "QUEUED", "SCORE_PENDING")[n % 4])
            for n in range(1, 201)
        ]
        yield running


def test_five_hundred_models_are_searched_filtered_and_chosen(lab, jupyter, server):
    panels = PanelLab(lab, jupyter, "picker.ipynb", *away(server, "%kbench run quiz"))
    lab.run(0)
    lab.run(1)
    options = panels.panel.locator(".kbp-option")
    panels.expect(options).to_have_count(500)
    far = panels.panel.locator(".kbp-option:not([aria-disabled])").nth(200)
    far.click()  # far below, and the first press of the mouse in the list: it stays where it is
    panels.expect(far).to_have_attribute("aria-selected", "true", timeout=5000)
    panels.button("Clear").click()
    panels.panel.get_by_role("searchbox").fill("google")
    panels.panel.get_by_label("Only models that take").select_option("image")
    shown = panels.panel.locator(".kbp-option:not([hidden])")
    assert 20 < shown.count() < 60
    assert panels.panel.locator(".kbp-list").evaluate("e => e.scrollHeight > e.clientHeight")
    panels.panel.get_by_role("searchbox").fill("google no-such-model")
    panels.expect(panels.panel).to_contain_text("No model matches.")
    panels.expect(panels.panel.locator(".kbp-list")).to_be_hidden()
    panels.picture("picker-none")
    panels.panel.get_by_role("searchbox").fill("google")
    panels.button("Select all", exact=False).click()
    panels.panel.get_by_role("searchbox").fill("")
    panels.panel.get_by_label("Only models that take").select_option("")
    panels.panel.get_by_label("Only models by").select_option("Qwen")
    shown.filter(has_text="deprecated").first.click(force=True)
    chips = panels.panel.locator(".kbp-chip")
    chosen = chips.count()
    assert all("google" in text for text in chips.all_inner_texts())  # the deprecated one was not taken
    panels.page.keyboard.press("Home")
    panels.page.keyboard.press("Space")
    panels.expect(chips).to_have_count(chosen + 1)
    panels.expect(panels.panel).to_contain_text("Today's quota: $1.50 of $10.00 used")
    assert panels.pictures("picker") == []


def test_logs_opened_below_runs_are_let_go_of_when_the_panel_is_cleared_away(lab, jupyter):
    sent = []
    lab.page.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(str(frame))))
    with LogServer() as server:
        log = server.add(1)
        log.write("a line\n")
        panels = PanelLab(lab, jupyter, "logs.ipynb", *away(server, "%kbench status quiz --live"))
        lab.run(0)
        lab.run(1)
        panels.button("Open logs").click()
        panels.expect(panels.panel.locator(".kbl")).to_contain_text("a line", timeout=20_000)
        lab.command("notebook:clear-all-cell-outputs")
        panels.expect(lab.panel.locator(".kbp")).to_have_count(0)
        lab.run(0)  # by then all was sent
        assert any('"t":"bye"' in frame for frame in sent)
        log.end()


def test_two_hundred_runs_with_hostile_errors_are_shown_and_change_in_place(lab, jupyter, server):
    pid = "import os\nprint(os.getpid())"
    cells = away(server, "%kbench status quiz --live", pid, "%unload_ext kbench_jupyter")
    panels = PanelLab(lab, jupyter, "status.ipynb", *cells)
    lab.run(0)
    lab.run(1)
    kernel = int(lab.run(2))
    rows = panels.panel.locator("tr[data-run]")
    panels.expect(rows).to_have_count(200)
    kept = panels.panel.locator("tr[data-run='197']").element_handle()
    panels.panel.locator("tr[data-run='198']").get_by_role("button", name=re.compile("Error of")).click()
    detail = panels.panel.locator(".kbp-detail")
    panels.expect(detail).to_contain_text("line 198")
    panels.expect(detail).to_contain_text("<img src=x")
    panels.expect(detail).to_contain_text("\\u202eeliah")
    panels.expect(rows.locator(".kbp-a-time").first).to_have_css("white-space", "nowrap")
    waiting = panels.panel.locator("tr[data-run='199']")
    panels.expect(waiting).to_contain_text("its score is still to come")
    panels.expect(waiting.get_by_role("button", name=re.compile("Error of"))).to_have_count(0)
    server.api.runs[196] = run(197, "COMPLETED")
    panels.expect(panels.panel.locator("tr[data-run='197']")).to_contain_text("completed", timeout=20_000)
    assert kept.evaluate("row => row.isConnected && row.textContent.includes('completed')")
    assert panels.page.evaluate("window.pwned") is None
    panels.expect(panels.panel.get_by_role("link", name="Open on Kaggle")).to_have_attribute(
        "href", "https://www.kaggle.com/benchmarks/tasks/me/quiz/1"
    )
    panels.button("Retry 22 errored").dblclick()
    panels.expect(rows).to_have_count(222)
    panels.expect(panels.button("Retry 22 errored")).to_have_count(0)  # their newest runs are queued now
    assert max(server.api.schedules.values()) == 1
    assert panels.pictures("status") == []
    # The head covers what passes below it, to the region's very edge.
    assert panels.panel.locator(".kbp-scroll").first.evaluate(
        """e => { e.scrollTop = 137.5;
        const head = e.querySelector('thead th').getBoundingClientRect();
        return head.top <= e.getBoundingClientRect().top + e.clientTop; }"""
    )
    panels.picture("status-scrolled")
    panels.panel.get_by_role("button", name="Open the log of openai-198").first.click()
    panels.expect(panels.panel.locator(".kbl")).to_be_visible(timeout=20_000)
    panels.button("Close logs").click()
    panels.expect(panels.panel.locator(".kbl")).to_have_count(0)
    os.kill(kernel, signal.SIGSTOP)
    try:
        panels.button("Refresh").click()
        panels.expect(panels.panel).to_contain_text("The kernel has not answered this click")
        panels.picture("silent")
    finally:
        os.kill(kernel, signal.SIGCONT)
    panels.expect(panels.panel).not_to_contain_text("has not answered")
    panels.page.keyboard.press("Control+s")
    panels.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = panels.path.read_text()
    assert "text/html" in saved
    assert "and 172 more" in saved
    assert WIDGET not in saved
    assert "panel_" not in saved
    assert '"widgets"' not in saved
    lab.run(3)
    panels.expect(lab.cell(1).locator(".kbench-view")).to_contain_text("and 172 more")
    panels.expect(panels.panel).to_have_count(0)


def test_a_click_on_dry_run_tries_the_notebook_on_the_stand_in_before_there_is_any_server(lab, jupyter):
    panels = PanelLab(lab, jupyter, "dry.ipynb", LOAD, IMPORT, TASK.format(name="dry"), "%kbench")
    panels.lab.run(0)
    panels.lab.run(3)
    panels.step("validate").click()
    panels.button("Dry run").click()
    panels.expect(panels.panel).to_contain_text("Dry run: the task runs and records; 1 call", timeout=60_000)
    panels.expect(panels.panel).to_contain_text("says nothing about the task or any model")
    ARTIFACTS.mkdir(exist_ok=True)
    panels.panel.screenshot(path=ARTIFACTS / "panel-dry-run.png")


def test_the_time_that_credentials_have_left_runs_in_a_panel_that_stays_open(lab, jupyter):
    jupyter.as_new()
    lab.start_anew()  # a page of its own, whose clock is set
    panels = PanelLab(lab, jupyter, "expire.ipynb", LOAD, "%kbench init -q", "%kbench")
    for index in range(3):
        lab.run(index)
    left = panels.panel.locator(".kbp-facts time")
    panels.expect(left).to_contain_text("end in 1 h")
    lab.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=3))
    panels.expect(left).to_have_text("have expired")
