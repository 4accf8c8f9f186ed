"""The samples of a comparison in a page with nothing else: what the kernel answers seldom, late or never."""

import pytest
from lone_widget import LonePanel

pytestmark = pytest.mark.slow

#: Answers as the kernel gives them; the texts of transcripts by the column's candidate.
ANSWER = """
window.texts = {};
window.pages = [];
window.answer = ({ what, first, limit, at, id, from, order, key }) => {
  const names = window.columns ?? ["a", "b"];
  const row = (n) => [`k${n}`, "solve", n, `question ${n}`, false, names.map((_, i) => ["pass", `0.${i}`, 1, []])];
  if (what === "page") {
    window.pages.push({ first, order });
    if (window.hold && first > 0) return null;
    const rows = Array.from({ length: Math.min(limit, 1000 - first) }, (_, n) => row(first + n));
    return { first, total: 1000, rows };
  }
  if (what === "locate") return { index: Number(key.slice(1)) };
  if (what === "rest") return window.rest ? window.rest(at, from) : { failed: "gone" };
  if (window.failed) return { failed: window.failed };
  const shapes = at.map((one) => {
    const [name, key] = one.id ? one.id.split("/") : [names[one.column], one.key];
    const told = window.texts[name] ?? [`answer of ${name}`];
    const parts = told.map((part) => (typeof part === "string" ? { kind: "text", text: [part, part.length] } : part));
    return {
      id: `${name}/${key}`, key, column: names.indexOf(name), task: "solve", row: Number(key.slice(1)), name, run: 1,
      state: "pass", facts: [], error: ["", 0], assertions: [], children: [],
      others: names.map((other, i) => [`${other}/${key}`, i, other, "1"]),
      chats: [{ title: "", more: window.more ?? 0, messages: [{ role: "assistant", sender: name, parts }] }],
    };
  });
  const pair = { left: [0, 0], right: [0, 0], same: false, marks: window.marks ?? null };
  return { shapes, pairs: shapes.length > 1 ? [pair] : null };
};
"""


def told(*names, fetched=1):
    """What the kernel tells of samples with these candidates."""
    columns = [[1, name] for name in names]
    return {
        "columns": columns, "total": 1000, "several": False, "versions": False, "expectations": [], "failures": [],
        "sizes": [[1000, 0]] * len(names), "fetched": fetched,
    }  # fmt: skip


@pytest.fixture
def page(page):
    page.add_init_script(ANSWER)
    return page


@pytest.fixture
def samples(page):
    state = {"task": "quiz", "measure": "score", "share": True, "who": "model", "notes": [], "look": {}}
    return LonePanel(page, "results", groups=[], samples=told("a", "b"), **state)


def cell(page, row, column):
    return page.locator(f".kbs-row:not([hidden])[aria-rowindex='{row + 2}'] [role=gridcell]").nth(column + 1)


def place(page):
    return page.locator(".kbs-place")


def test_steps_through_samples_keep_the_keyboard_on_their_button(samples, page, expect):
    cell(page, 3, 0).click()
    expect(place(page)).to_have_text("solve #3")
    page.get_by_role("button", name="Next sample").focus()
    for n in (4, 5):
        page.keyboard.press("Enter")
        expect(place(page)).to_have_text(f"solve #{n}")
    expect(page.get_by_role("button", name="Next sample")).to_be_focused()
    page.get_by_label("Compare with").focus()
    page.get_by_label("Compare with").select_option("b, run 1")
    expect(page.locator(".kbs-whose")).to_have_count(2)
    expect(page.get_by_label("Compare with")).to_be_focused()


def test_a_sample_closed_right_after_a_move_stays_closed(samples, page, expect):
    cell(page, 3, 0).click()
    expect(place(page)).to_have_text("solve #3")
    page.clock.install()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    page.clock.run_for(1000)
    expect(page.locator(".kbs-pane")).to_be_hidden()


def test_a_transcript_follows_to_rows_that_come_late(samples, page, expect):
    cell(page, 3, 0).click()
    expect(place(page)).to_have_text("solve #3")
    page.clock.install()
    page.evaluate("window.hold = true")
    page.keyboard.press("Control+End")
    page.clock.run_for(1000)
    page.evaluate("window.hold = false")
    page.clock.run_for(20_000)  # the question that was not answered is given up
    expect(place(page)).to_have_text("solve #999")


def test_messages_that_are_not_sent_are_counted_of_each_side_of_a_pair(samples, page, expect):
    page.evaluate("window.more = 3")
    cell(page, 3, 0).click()
    expect(page.get_by_text("3 more messages in the run file")).to_have_count(1)
    cell(page, 3, 1).click(modifiers=["Shift"])
    expect(page.get_by_text("3 more messages in the run file")).to_have_count(2)


def test_a_transcript_that_cannot_be_read_says_why(samples, page, expect):
    page.evaluate("window.failed = 'The samples cannot be read: its run file went'")
    cell(page, 3, 0).click()
    expect(page.locator(".kbs-pane")).to_contain_text("its run file went")


def test_what_is_open_and_sorted_by_stays_the_same_candidate_s_after_another_fetch(samples, page, expect):
    page.get_by_role("columnheader", name="b").click()
    cell(page, 3, 1).click()
    expect(page.locator(".kbs-name")).to_have_text("b")
    page.evaluate("window.columns = ['a', 'ab', 'b']; window.pages = []")
    samples.put(samples=told("a", "ab", "b", fetched=2))
    expect(page.locator(".kbs-chosen")).to_have_count(1)
    expect(cell(page, 3, 2)).to_have_class("kbs-cell kbs-is-pass kbs-chosen")
    expect(page.locator(".kbs-name")).to_have_text("b")
    expect(page.locator(".kbs-h").last).to_have_attribute("aria-sort", "ascending")
    assert {one["order"] for one in page.evaluate("window.pages")} == {"column:2"}


def test_the_keyboard_stays_in_the_grid_when_samples_are_fetched_again(samples, page, expect):
    cell(page, 3, 0).click()
    expect(cell(page, 3, 0)).to_be_focused()
    samples.put(samples=told("a", "b", fetched=2))
    expect(cell(page, 3, 0)).to_be_focused()


def test_a_cell_that_the_keyboard_comes_to_is_not_below_the_column_that_stays(samples, page, expect):
    names = [f"model-{n}" for n in range(20)]
    page.evaluate("names => { window.columns = names }", names)
    samples.put(samples=told(*names, fetched=2))
    page.get_by_role("columnheader", name="model-19").click()
    page.keyboard.press("ArrowDown")
    first = page.locator(".kbs-row:not([hidden]) .kbs-key").first.bounding_box()
    for n in range(18, -1, -1):
        page.keyboard.press("ArrowLeft")
        left = page.evaluate("document.activeElement.getBoundingClientRect().left")
        assert left >= first["x"] + first["width"] - 1, f"model-{n}"


def test_text_beyond_the_first_plane_is_whole_and_marked_where_it_differs(samples, page, expect):
    text = "😀" * 10 + "x" * 19_990
    whole = text + "".join(chr(97 + n % 26) for n in range(400))
    page.evaluate(
        """([text, whole]) => {
          const all = Array.from(whole);
          window.texts.a = [{ kind: "text", text: [text, all.length] }];
          window.rest = (at, from) => ({ text: all.slice(from).join(""), next: null });
        }""",
        [text, whole],
    )
    cell(page, 3, 0).click()
    page.get_by_role("button", name="Show all 20,400 characters").click()
    page.get_by_role("button", name="Show less").wait_for()
    expect(page.locator(".kbs-text")).to_have_js_property("textContent", whole)
    page.evaluate(
        "window.texts = {a: ['😀😀 is 33.'], b: ['😀😀 is 32.']}; window.marks = [[[0, 6, 8]], [[0, 6, 8]]]"
    )
    cell(page, 4, 0).click()
    cell(page, 4, 1).click(modifiers=["Shift"])
    expect(page.locator(".kbs-unlike mark")).to_have_text(["33", "32"])


def test_the_rest_of_a_text_that_cannot_be_read_is_asked_for_once(samples, page, expect):
    page.evaluate("window.texts.a = [{ kind: 'text', text: ['x'.repeat(2000), 30000] }]")
    cell(page, 3, 0).click()
    page.get_by_role("button", name="Show all 30,000 characters").click()
    page.get_by_role("button", name="Show less").wait_for()
    assert len(samples.sent(what="rest")) == 1
    assert "undefined" not in page.locator(".kbs-text").text_content()


def test_an_image_is_read_no_longer_than_it_is_looked_at(samples, page, expect):
    page.evaluate(
        """() => {
          window.texts.a = [{ kind: "media", what: "image", mime: "image/png", uri: "", size: 1_000_000 }];
          window.rest = (at, from) => ({ text: "A".repeat(1000), next: from + 1000 });
        }"""
    )
    cell(page, 3, 0).click()
    page.wait_for_function("window.sent.filter((one) => one.what === 'rest').length > 1")
    page.clock.install()
    cell(page, 3, 1).click()
    expect(page.locator(".kbs-name")).to_have_text("b")
    page.clock.run_for(1000)
    asked = len(samples.sent(what="rest"))
    page.clock.run_for(5000)
    assert len(samples.sent(what="rest")) == asked


def test_a_text_that_was_just_typed_is_searched_for_also_when_something_else_is_chosen(samples, page, expect):
    page.get_by_label("Search samples").fill("needle")
    page.get_by_role("button", name="Failed", exact=True).click()
    expect(page.get_by_label("Search samples")).to_have_value("needle")
    page.wait_for_function("window.sent.some((one) => one.where?.failed)")
    (*_, last) = samples.sent(what="page")
    assert (last["where"]["text"], last["where"]["failed"]) == ("needle", True)
