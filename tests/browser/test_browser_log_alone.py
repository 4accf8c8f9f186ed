"""The log view in a page with nothing else: marks of a search, names, what is saved, two views, and the keyboard."""

import pytest
from lone_widget import LoneLog

pytestmark = pytest.mark.slow

#: Answers as the kernel does: of lines as many as a message has room for, and a search finds the first.
LINES = """
window.lines = [];
window.reply = ({ t, id, run, from, count }) => {
  if (t === "find") return { t: "found", id, run, total: 1, place: 0, line: 0 };
  if (t !== "get") return null;
  const x = window.lines.slice(from, from + Math.min(count, 20));
  return { t: "lines", id, run, from, k: "o".repeat(x.length), x, c: {} };
};
"""


def run(ident, model, n, **more):
    state = {"state": "completed", "tone": "good", "sign": "✓", "done": True, "problem": "", "open": []}
    return {"id": ident, "model": model, "version": 1, "n": n} | state | more


@pytest.fixture
def page(page):
    page.add_init_script(LINES)
    return page


def told(log, *runs, lines=()):
    log.say(t="runs", task="quiz", runs=list(runs), tick=1)
    if lines:
        log.say(t="lines", run=runs[0]["id"], **{"from": 0}, k="o" * len(lines), x=list(lines), c={})


@pytest.mark.parametrize(
    ("line", "query", "marked"),
    [
        ("İstanbul: an Error in İzmir, ERROR", "error", ["Error", "ERROR"]),
        ("İİ 😀 \x1b[31mred\x1b[0m end", "red", ["red"]),
        ("to İZMİR and back", "İZMİR", ["İZMİR"]),
        ("a.b (x)[1] a+b", "a.b (x)[1]", ["a.b (x)[1]"]),
        ("Straße, STRASSE", "straße", ["Straße"]),
    ],
)
def test_what_is_marked_is_what_was_searched_for(page, expect, line, query, marked):
    log = LoneLog(page)
    told(log, run(1, "m", 1), lines=[line])
    page.get_by_role("searchbox").fill(query)
    expect(page.locator(".kbl-row mark")).to_have_text(marked)


def test_what_would_reorder_text_is_spelled_out_in_names_of_runs(page, expect):
    told(LoneLog(page), run(1, "\u202eevil", 1))
    tab = page.get_by_role("tab")
    expect(tab).to_contain_text("\\u202eevil v1")
    expect(tab).to_have_accessible_name("\\u202eevil v1, run #1: completed, 1 line")


def test_what_is_saved_of_runs_that_nobody_looked_at_ends_where_they_do(page):
    log = LoneLog(page)
    page.evaluate("window.lines = Array.from({ length: 60 }, (_, n) => `line ${n}`)")
    told(log, run(1, "a", 60), run(2, "b", 60))
    page.wait_for_function("window.sent.filter((one) => one.t === 'get' && one.run === 2).length >= 3")
    assert [one["from"] for one in log.sent(t="get", run=2)] == [0, 20, 40], "20 lines an answer"


def test_wrapping_in_one_view_is_said_in_the_other(page, expect):
    told(LoneLog(page), run(1, "a", 1), lines=["one"])
    page.evaluate("() => { window.open_view('two') }")
    buttons = page.get_by_role("button", name="Wrap")
    buttons.first.click()
    for button in buttons.all():
        expect(button).to_have_attribute("aria-pressed", "true")


def test_a_button_that_is_at_work_keeps_the_keyboard(page, expect):
    log = LoneLog(page)
    told(log, run(1, "a", 1), lines=["one"])
    save = page.get_by_role("button", name="Save this run's log as a file beside the notebook")
    save.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # one thing at a time
    page.wait_for_function("window.sent.some((one) => one.t === 'save')")
    expect(save).to_be_disabled()
    expect(save).to_be_focused()
    (asked,) = log.sent(t="save")
    log.say(t="saved", id=asked["id"], run=1, path="quiz-a-1.log", folder="/", lines=1)
    expect(page.locator(".kbl-note")).to_have_text("Saved 1 line to quiz-a-1.log")
    expect(save).to_be_enabled()
    expect(save).to_be_focused()


def test_copying_where_the_page_may_not_use_the_clipboard_leaves_the_keyboard_where_it_was(page, expect):
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    log = LoneLog(page)
    told(log, run(1, "a", 1), lines=["one"])
    copy = page.get_by_role("button", name="Copy this run's log")
    copy.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("window.sent.some((one) => one.t === 'text')")
    (asked,) = log.sent(t="text")
    log.say(t="text", id=asked["id"], run=1, part="one\n", last=True, lines=1, cut=False)
    expect(page.locator(".kbl-note")).to_have_text("Copied 1 line.")
    expect(copy).to_be_focused()


def test_a_kernel_that_was_slow_once_is_missed_when_it_goes(page, expect):
    log = LoneLog(page)
    told(log, run(1, "a", 1), lines=["one"])
    page.clock.install()
    for _ in range(2):  # slow, then gone: VS Code asks whether a widget lives
        page.evaluate("window.dispatchEvent(new Event('comm_live_update')); 0")
        page.clock.run_for(5000)
        expect(page.get_by_role("alert")).to_contain_text("The kernel that read this log is gone")
        told(log, run(1, "a", 1))
        page.clock.run_for(1000)
        expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("code", ["38;2;255;0;9", "38:2:255:0:9", "38:2::255:0:9", "1;38:2:1:255:0:9"])
def test_a_colour_is_the_same_however_its_code_is_written(page, expect, code):
    told(LoneLog(page), run(1, "a", 1), lines=[f"plain \x1b[{code}mred\x1b[0m"])
    expect(page.locator(".kbl-text span", has_text="red")).to_have_css("color", "rgb(255, 0, 9)")
