"""What a shown value promises: one view, drawn as text and as HTML, in which everything is data."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from wcwidth import ljust, rjust, wrap
from wcwidth import width as columns_of

from kbench_jupyter.display.html import to_html
from kbench_jupyter.display.text import _fold, _left, _right, to_text
from kbench_jupyter.display.view import (
    Cell,
    Facts,
    Shown,
    Table,
    Text,
    View,
    count,
    duration,
    money,
    shortened,
    size,
)
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.magics.reporter import StreamReporter
from kbench_jupyter.session.interrupted import Interrupted

HOSTILE = "<img src=x onerror=alert(1)> \x1b]0;title\x07 \u202etxt.exe <script>alert(1)</script>"


class Tags(HTMLParser):
    """Collects the tags of a document and notices what never closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    assert not parser.open
    return parser.seen


def everywhere(text: str) -> View:
    """A view that holds `text` in each place text can stand."""
    return View(
        Cell(text, "good"),
        [
            Facts({text: text, "another fact": Cell(text, "bad", href="https://x.example/" + text)}),
            Table([text], [[text], [Cell(text, "warn")]]),
            Text(text),
            Text(text, code=True),
        ],
        notes=[text],
        next=[(text, text)],
        footer=text,
    )


@given(st.text())
def test_no_text_becomes_markup_or_reaches_the_terminal_as_a_control_code(text: str) -> None:
    view = everywhere(text)
    plain = [(tag, sorted(attrs)) for tag, attrs in tags_of(to_html(everywhere("x" if text else "")))]
    assert [(tag, sorted(attrs)) for tag, attrs in tags_of(to_html(view))] == plain or not text.strip()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", to_text(view))


def test_hostile_text_only_appears() -> None:
    html = to_html(everywhere(HOSTILE))
    assert not {"img", "script"} & {tag for tag, _ in tags_of(html)}
    assert "\\x1b" in to_text(everywhere(HOSTILE))


def test_a_link_may_hold_half_a_character() -> None:
    assert "<a " in to_html(View("t", [Facts({"a": Cell("click", href="x \ud800")})]))


def test_rows_that_hold_nothing_are_drawn_all_the_same() -> None:
    empty = View("t", [Table(["a", "b"], [["", None], [Cell(""), ""]], drop_empty=True)])
    assert "a" in to_text(empty).splitlines()
    assert to_html(empty).count("<tr ") == 2


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:text/html,x", "/etc/passwd", "//x.example", r"\\x\y"]
)
def test_a_link_that_is_neither_http_nor_a_file_beside_the_notebook_is_not_a_link(href: str) -> None:
    assert "<a " not in to_html(View("t", [Facts({"a": Cell("click", href=href)})]))


def test_a_file_beside_the_notebook_is_a_link_whatever_its_name() -> None:
    html = to_html(View("t", [Facts({"open": Cell("it", href='a "b" #1.ipynb')})]))
    assert '<a href="a%20%22b%22%20%231.ipynb">' in html


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=3, max_size=3), min_size=1
    ),
    st.integers(40, 120),
)
@example([["", "", "\u1c24"], ["", "0" * 14, ""], ["00\x1f", "", "0" * 16]], 40)
def test_a_table_never_grows_wider_than_asked(rows: list[list[str]], width: int) -> None:
    for line in to_text(View("t", [Table(["a", "b", "c>"], rows)]), width).split("\n"):
        assert columns_of(line) <= width


def test_why_a_next_step_is_worth_typing_fits_the_terminal() -> None:
    why = "a reason of many words that goes on for longer than any terminal is wide, and then some more"
    drawn = to_text(View("t", next=[("%kbench init", why)]), 80)
    assert all(columns_of(line) <= 80 for line in drawn.split("\n"))
    assert " ".join(drawn.split()).endswith(why)


def test_a_state_is_told_by_sign_and_word_not_by_colour_alone() -> None:
    view = View("t", [Table(["state"], [[Cell("errored", "bad")], [Cell("completed", "good")]])])
    assert "✗ errored" in to_text(view)
    assert "✓ completed" in to_text(view)
    assert "✗" in to_html(view)


def test_an_empty_table_says_so() -> None:
    assert "No tasks." in to_text(View("t", [Table(["a"], [], "No tasks.")]))


def test_a_column_that_holds_nothing_can_be_left_out() -> None:
    table = Table(["a", "b>", "c"], [["1", "", Cell("")], ["2", None, "x"]], drop_empty=True)
    drawn = to_text(View("t", [table]))
    assert "b" not in drawn
    assert "c" in drawn
    assert len([tag for tag, _ in tags_of(to_html(View("t", [table]))) if tag == "th"]) == 2


def test_a_long_table_can_be_cut_with_a_word_on_what_is_left_out() -> None:
    view = View("t", [Table(["a"], [[str(number)] for number in range(1200)]), Text("after")], footer="f")
    drawn = to_text(shortened(view, 50))
    assert "\n49\n" in drawn
    assert "\n50\n" not in drawn
    assert "and 1,150 more" in drawn
    assert drawn.endswith("after\n\nf")
    assert shortened(view, 1200) == view


def test_unknown_facts_are_not_drawn() -> None:
    assert "cost" not in to_text(View("t", [Facts({"cost": None, "x": "1"})]))


def test_a_value_shows_text_and_html_in_one_bundle(shell: InteractiveShell) -> None:
    @dataclass(frozen=True)
    class Thing(Shown):
        name: str

        def view(self) -> View:
            return View(self.name)

    data, _ = shell.display_formatter.format(Thing("hello"))
    assert data["text/plain"] == str(Thing("hello")) == "hello"
    assert "hello" in data["text/html"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0.85, "850 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_a_time_span_reads_naturally(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_numbers_read_naturally() -> None:
    assert [count(1, "run"), count(1200, "run")] == ["1 run", "1,200 runs"]
    assert [size(980), size(1500), size(2_100_000), size(5e12)] == ["980 B", "1.5 kB", "2.1 MB", "5000.0 GB"]
    assert [size(999.6), size(999_960)] == ["1.0 kB", "1.0 MB"]
    assert [money(None), money(0.0012), money(3.4), money(0)] == ["", "$0.0012", "$3.40", "$0.00"]
    assert [money(0.00012), money(0.0000074), money(1e-9)] == ["$0.00012", "$0.0000074", "$0.000000001"]
    assert [money(float("nan")), money(float("-inf")), money(-2.5)] == ["", "$-inf", "$-2.50"]


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0.000015, "$0.000015"), (0.00000075, "$0.00000075"), (0.0004, "$0.0004"), (0.99999, "$1.00")],
)
def test_what_costs_next_to_nothing_is_not_said_to_cost_nothing(usd: float, said: str) -> None:
    assert money(usd) == said


def test_a_heading_has_no_sign_and_code_in_a_sentence_looks_like_code() -> None:
    view = View("Title", [Text("Instead of", "quiet"), Text("Call `task.run` ``not this``")])
    assert "\nInstead of\n" in to_text(view)
    assert "`task.run`" in to_text(view)
    codes = [tag for tag, _ in tags_of(to_html(view)) if tag == "code"]
    assert codes == ["code"]
    assert ">task.run</code>" in to_html(view)
    assert "·" not in to_html(view)


def test_an_error_shows_what_a_server_said_as_characters() -> None:
    error = KBenchError(HOSTILE, detail=HOSTILE, hint=HOSTILE)
    for drawn in (error._render_traceback_(), Interrupted(HOSTILE, hint=HOSTILE)._render_traceback_()):
        text = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(drawn))  # the title's colour is ours
        assert not re.search("[\x1b\x07\u202e]", text)
        assert "\\x1b]0;title" in text


def test_in_a_terminal_an_error_is_folded_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kbench_jupyter.display.text.terminal_width", lambda: 40)
    error = KBenchError("word " * 30, detail="x" * 60, hint="%kbench push --wait " * 4)
    lines = (
        "\n".join(error._render_traceback_())
        .replace("\x1b[31m\x1b[1m", "")
        .replace("\x1b[0m", "")
        .split("\n")
    )
    assert lines[0].startswith("kbench: word word")
    assert max(columns_of(line) for line in lines if "xxx" not in line) <= 40
    assert "  " + "x" * 60 in lines


def test_each_line_of_a_hint_is_folded_and_detail_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kbench_jupyter.display.text.terminal_width", lambda: 40)
    error = KBenchError(
        "No.", detail="log " * 20, hint="Did you mean --file?\n%kbench push " + "[-f FILE] " * 9
    )
    drawn = "\n".join(error._render_traceback_())
    assert "  " + "log " * 20 in drawn.split("\n")
    hint = drawn[drawn.index("→ ") :].split("\n")
    assert max(map(columns_of, hint)) <= 40
    assert hint[1].startswith("  %kbench push [-f FILE]")
    assert hint[2].startswith("    ")


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "terminal", "kernel", "coloured"),
    [
        ({}, True, False, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, False, False),
        ({"NO_COLOR": ""}, True, False, True),
        ({"TERM": "dumb"}, True, False, False),
        ({}, False, True, True),
        ({"TERM": "dumb"}, False, True, True),
        ({"NO_COLOR": "1"}, False, True, False),
    ],
)
def test_colours_are_for_terminals_and_notebooks_and_for_nobody_who_sets_no_color(
    monkeypatch: pytest.MonkeyPatch,
    shell: InteractiveShell,
    variables: dict[str, str],
    terminal: bool,
    kernel: bool,
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if kernel:
        monkeypatch.setattr(shell, "kernel", object(), raising=False)
    out = _Tty() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    drawn = [
        KBenchError("It failed.", hint="try")._render_traceback_(),
        Interrupted("It.")._render_traceback_(),
    ]
    StreamReporter().write("\x1b[31mred\x1b[0m and \x1b[1;38;5;4mblue\x1b[m\n")
    for text in (*("\n".join(lines) for lines in drawn), out.getvalue()):
        assert ("\x1b" in text) is coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", out.getvalue()) == "red and blue\n"


def test_a_piped_ipython_shows_an_error_without_escape_codes(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "IPython", "--no-banner", "--ext", "kbench_jupyter", "-c", "%kbench psuh"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "kbench: %kbench has no command 'psuh'." in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["x" * 100_000, "wörd " * 20_000, "\u0301" * 100_000, "漢" * 100_000])
def test_a_text_of_any_length_is_cut_before_it_is_measured(text: str) -> None:
    view = View(
        text, [Table(["name", "value>"], [[text, Cell(text, "bad")]] * 5), Facts({"fact": text})], notes=["n"]
    )
    began = time.process_time()
    drawn = to_text(view, 100)
    assert time.process_time() - began < 1
    assert "characters)" in drawn
    assert len(drawn) < 100_000


def test_half_a_character_never_raises() -> None:
    view = View(
        "a\ud800b",
        [Table(["h\udfff"], [["c\ud800"]]), Facts({"f\ud800": "v\udc00"}), Text("t\ud800", code=True)],
    )
    to_text(view, 80).encode("utf-8")
    to_html(view).encode("utf-8")


@given(st.text("ab-—→✓✗…•─±漢🙂é ,./%\t0", max_size=60), st.integers(1, 30))
@example("0 000", 2)
@example("✓ a b", 3)
def test_text_that_needs_no_looking_up_is_measured_and_folded_as_any_other(text: str, room: int) -> None:
    text = " ".join(text.split())
    assert _fold(text, room) == (wrap(text, room) or [""])
    assert (_left(text, room), _right(text, room)) == (ljust(text, room), rjust(text, room))


def test_a_state_and_a_date_stay_whole_beside_a_long_name_at_80_columns() -> None:
    row = ["gemini-2.5-flash-preview-09-2025", "1234567", "12", Cell("completed", "good"), "0.8714 (0.8 to 0.9)",
           "2026-01-01 12:00:00", "40.0 s"]  # fmt: skip
    table = Table(("model", "run", "version>", "state", "score>", "started (UTC)", "elapsed>"), [row], "")
    drawn = to_text(View("Runs", [table]), 80)
    assert max(map(len, drawn.splitlines())) <= 80
    assert {"completed", "2026-01-01", "12:00:00", "1234567"} <= set(drawn.split())


def test_a_word_that_is_broken_all_the_same_folds_no_other_column() -> None:
    table = Table(("step", "state", ""), [["init", Cell("done", "good"), "a-word" * 20]], "")
    assert "init  ✓ done  a-word" in to_text(View("Steps", [table]), 80)


def test_a_note_of_wide_characters_is_folded_by_the_columns_they_take() -> None:
    drawn = to_text(View("Runs", [], ["数学测验 (run 3), " * 8]), 40)
    assert max(map(columns_of, drawn.splitlines())) <= 40


def test_a_narrow_table_keeps_the_names_in_its_first_column_whole_and_says_what_it_left_out() -> None:
    rows = [
        [
            "qwen3-next-80b-a3b-instruct",
            "Qwen 3 Next 80B",
            "Qwen",
            "text, image",
            "low, high",
            "2025-10-01",
            "until 2026-12-01",
        ],
        ["gemini-2.5-flash", "Gemini 2.5 Flash", "Google", "text, audio", "minimal", "2025-06-17", "yes"],
    ]
    heads = ["model", "name", "by", "takes", "effort", "released", "can run"]
    view = View("t", [Table(heads, rows, spare=("name", "by"))])
    narrow, wide = to_text(view, 70), to_text(view, 140)
    assert max(map(len, narrow.splitlines())) <= 70
    assert all(re.search(rf"^{re.escape(row[0])} ", narrow, re.M) for row in rows)
    assert "2025-10-01" in narrow
    assert narrow.endswith("(no room for: name, by)")
    assert "no room" not in wide
    assert "Gemini 2.5 Flash" in wide
    assert "Gemini 2.5 Flash" in to_html(view), "a page has room"
