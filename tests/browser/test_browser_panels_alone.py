"""Panels in a page with nothing else: where the keyboard is when answers come late, and what tables show."""

import pytest
from lone_widget import LonePanel
from test_browser_charts import group, results

pytestmark = pytest.mark.slow


def elsewhere(page):
    """A field beside the panel, as a cell's editor is, and the keyboard in it."""
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { id: 'elsewhere' }))")
    page.locator("#elsewhere").focus()
    return page.locator("#elsewhere")


def test_a_question_before_a_stop_that_comes_late_takes_no_keys_of_something_else(page, expect):
    run = {"id": 1, "model": "m", "version": 1, "word": "running", "tone": "busy", "stops": True}
    panel = LonePanel(page, "status", task="quiz", version=1)
    panel.put(rows=[run])
    question = page.get_by_role("group", name="Stop runs")
    stop = page.get_by_role("button", name="Stop m, run 1")
    for late in (False, True):
        stop.click()
        page.wait_for_function(
            "n => window.sent.filter((one) => one.do === 'question').length > n", arg=int(late)
        )
        (*_, asked) = panel.sent(do="question")
        field = elsewhere(page) if late else None
        panel.say(part="p1", reply=asked["ask"], runs=[1], text="Stop it?")
        expect(question).to_be_visible()
        if late:
            page.keyboard.type(" ")
            expect(field).to_have_value(" ")
        else:
            expect(page.get_by_role("button", name="Yes, stop it")).to_be_focused()
            page.keyboard.press("Escape")
    assert panel.sent(do="cancel") == []


@pytest.fixture
def workflow(page):
    names = ["init", "validate", "push", "run", "watch", "results", "publish"]
    steps = [
        {"name": name, "state": "next", "plan": "", "note": "", "raised": False, "chained": ""}
        for name in names
    ]
    facts = {"task": "quiz", "notebook": "quiz.ipynb", "place": "here", "version": None, "chain": names}
    return LonePanel(page, "workflow", steps=steps, next="push", unrehearsed=False, **facts)


def test_the_head_says_what_is_not_known_and_offers_what_credentials_need(workflow, page, expect):
    unknown = "not known: the embedded server is not running"
    workflow.put(version=None, versionWords=unknown, expiry="none yet", expires=None)
    head = page.locator(".kbp-facts")
    expect(head).to_contain_text(unknown)
    expect(head.get_by_role("button", name="Fetch credentials")).to_have_text("Fetch")
    workflow.put(problem=["No answer."], failed="auth")
    expect(page.get_by_role("alert")).to_contain_text("Fetch did not work")
    workflow.put(version=2, versionWords="2", expiry="in 2 h", expires=4e12)
    expect(head).not_to_contain_text("not known")
    expect(head.get_by_role("button", name="Renew credentials")).to_have_text("Renew")


def test_a_question_before_a_push_goes_to_who_clicked_and_to_nobody_else(workflow, page, expect):
    first = page.get_by_role("button", name="Validate first")
    page.get_by_role("button", name="Push", exact=True).click()
    workflow.put(unrehearsed=True)
    expect(first).to_be_focused()
    field = elsewhere(page)
    workflow.put(unrehearsed=False)  # by a command, say
    expect(first).to_be_hidden()
    expect(field).to_be_focused()
    workflow.put(unrehearsed=True)
    expect(first).to_be_visible()
    expect(field).to_be_focused()


def test_a_step_that_is_looked_at_closes_a_question_and_keeps_the_keyboard(workflow, page, expect):
    page.get_by_role("button", name="Do all steps…").click()
    expect(page.get_by_role("group", name="Confirm")).to_be_visible()
    step = page.locator("[data-step=validate]")
    step.click()
    expect(page.get_by_role("group", name="Confirm")).to_be_hidden()
    expect(step).to_be_focused()


def test_what_is_not_known_stands_last_whichever_way_results_are_sorted(page, expect):
    results(page, group("a", 1, cost=2), group("b", 1), group("c", 1, cost=3, costText="$3"))
    sort = page.get_by_role("columnheader", name="Cost").get_by_role("button")
    names = page.get_by_role("region", name="Compared").locator("tbody th")
    sort.click()
    expect(names).to_have_text(["c v1", "a v1", "b v1"])
    sort.click()
    expect(names).to_have_text(["a v1", "c v1", "b v1"])


def test_the_keyboard_stays_in_results_while_they_are_fetched_again(page, expect):
    panel = results(page, group("a", 1))
    run = {
        "id": "1 a 7",
        "sample": "1/a/7/",
        "run": 7,
        "model": "a",
        "version": 1,
        "word": "passed",
        "tone": "good",
    }
    panel.put(rows=[run | {"latency": "1 s"}])
    panel.put(samples={
        "columns": [[1, "a"]], "total": 3, "several": False, "versions": False, "expectations": [["Is right", 2]],
        "failures": [["Is right", [2]]], "sizes": [[3, 0]], "fetched": 2,
    })  # fmt: skip
    page.locator(".kbp-segment", has_text="Assertions").click()
    page.locator(".kbp-runs summary").click()
    for button in (
        page.get_by_role("button", name="Is right"),
        page.get_by_role("button", name="Open run 7 of a"),
    ):
        button.focus()
        panel.put(busy="refresh")
        panel.put(busy="")
        expect(button).to_be_focused()


def test_a_minute_is_told_as_one(page, expect):
    panel = LonePanel(page, "status", task="quiz", version=1)
    run = {
        "id": 1,
        "model": "m",
        "version": 1,
        "word": "passed",
        "tone": "good",
        "ended": True,
        "start": 1000,
    }
    for end, text in ((60_700, "59 s"), (61_000, "1 min 00 s"), (3_600_900, "59 min 59 s")):
        panel.put(rows=[run | {"end": end}])
        expect(page.locator("td.kbp-a-time")).to_have_text(text)


def test_a_table_of_runs_that_is_told_again_stays_as_it_is(page, expect):
    panel = LonePanel(page, "status", task="quiz", version=1)
    page.evaluate("() => { window.answer = () => ({ text: 'the whole of it' }) }")
    rows = [
        {
            "id": n,
            "model": f"m{n}",
            "version": 1,
            "word": "errored",
            "tone": "bad",
            "ended": True,
            "error": "why",
        }
        for n in (1, 2, 3)
    ]
    panel.put(rows=rows, replace=True)
    button = page.get_by_role("button", name="Error of m1, run 1")
    button.click()
    expect(page.get_by_role("region", name="Error")).to_have_text("the whole of it")
    panel.put(rows=rows[:2], replace=True)  # another view has asked for everything
    expect(page.locator("tr[data-run]")).to_have_count(2)
    expect(page.get_by_role("region", name="Error")).to_have_text("the whole of it")
    expect(button).to_be_focused()


def test_a_list_of_models_that_is_told_again_stays_where_it_is(page, expect):
    panel = LonePanel(page, "picker", task="quiz")
    rows = [
        {
            "id": f"m{n}",
            "name": "",
            "by": "",
            "takes": [],
            "gives": [],
            "usable": n > 2,
            "word": "yes",
            "tone": "",
        }
        for n in range(60)
    ]
    panel.put(rows=rows, replace=True)
    listed = page.get_by_role("listbox", name="Models")
    listed.focus()
    page.keyboard.press("End")
    active, top = listed.get_attribute("aria-activedescendant"), listed.evaluate("e => e.scrollTop")
    assert top > 0
    panel.put(rows=rows, replace=True)
    assert (listed.get_attribute("aria-activedescendant"), listed.evaluate("e => e.scrollTop")) == (
        active,
        top,
    )
    panel.put(rows=rows[:50], replace=True)
    expect(page.locator(".kbp-option")).to_have_count(50)


def test_a_key_that_is_held_asks_before_it_publishes_and_is_no_yes(workflow, page, expect):
    page.locator("[data-step=publish]").click()
    workflow.put(version=1)
    page.get_by_role("button", name="Publish…").focus()
    yes = page.get_by_role("button", name="Yes, publish")
    for _ in range(4):
        page.keyboard.down("Enter")  # from the second time on, it repeats
    expect(yes).to_be_focused()
    assert workflow.sent(do="step") == []
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    expect(yes).to_be_hidden()
    assert len(workflow.sent(do="step", step="publish", confirmed=True)) == 1
