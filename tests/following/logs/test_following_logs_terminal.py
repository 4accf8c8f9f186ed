from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_logs import lines_of

from kbench_jupyter.api import LogEntry
from kbench_jupyter.following.logs.terminal import Terminal, strip_codes


def shown(*pieces: str) -> list[str]:
    return [line.text for line in lines_of(LogEntry("stdout", None, piece) for piece in pieces)]


def test_half_lines_are_joined_stream_by_stream() -> None:
    entries = [
        LogEntry("stdout", 1.0, "Load"),
        LogEntry("stderr", 2.0, "warning: "),
        LogEntry("stdout", 3.0, "ing\nnext"),
        LogEntry("stderr", 4.0, "old\n"),
    ]
    assert [(line.stream, line.text) for line in lines_of(entries)] == [
        ("stdout", "Loading"),
        ("stderr", "warning: old"),
        ("stdout", "next"),
    ]


def test_a_progress_bar_shows_its_last_state() -> None:
    assert shown("\r  0%|    |", "\r 50%|##  |", "\r100%|####|\n", "done\n") == ["100%|####|", "done"]


def test_drawing_over_keeps_what_is_longer_unless_erased() -> None:
    assert shown("abcdef\rXY\n") == ["XYcdef"]
    assert shown("abcdef\rXY\x1b[K\n") == ["XY"]
    assert shown("abcdef\x1b[2K\rXY\n") == ["XY"]
    assert shown("abc\b\bX\n") == ["aXc"]
    assert shown("ab\x1b[5Gx\x1b[2Dy\n") == ["ab yx"]


def test_windows_line_ends_are_line_ends() -> None:
    assert shown("one\r\ntwo\r", "\nthree\n") == ["one", "two", "three"]


def test_colours_stay_and_other_codes_go() -> None:
    assert shown("\x1b[31mred\x1b[0m\x1b[?25l plain\n") == ["\x1b[31mred\x1b[0m plain"]
    assert shown("\x1b]8;;http://x\x07link\x1b]8;;\x07\n") == ["link"]
    assert shown("old\r\x1b[32mnew\x1b[0m!\n") == ["\x1b[32mnew\x1b[0m!"]
    assert strip_codes("\x1b[1;31mx\x1b[0m") == "x"


def test_what_is_unfinished_can_be_shown_before_it_ends() -> None:
    terminal = Terminal()
    assert terminal.feed(LogEntry("stdout", None, "10%\r20")) == []
    assert [line.text for line in terminal.unfinished] == ["20%"]
    assert [line.text for line in terminal.feed(LogEntry("stdout", None, "\r30%\n"))] == ["30%"]
    assert terminal.unfinished == terminal.finish() == []


def test_a_long_progress_bar_takes_little_memory() -> None:
    terminal = Terminal()
    for step in range(20_000):
        terminal.feed(LogEntry("stderr", None, f"\r{step:6} steps"))
    assert [line.text for line in terminal.unfinished] == [" 19999 steps"]
    assert sum(len(half.text) for half in terminal._open.values()) < 10_000


def test_a_coloured_progress_bar_that_never_resets_stays_small_and_quick() -> None:
    terminal = Terminal()
    began = time.process_time()
    for step in range(5000):
        terminal.feed(
            LogEntry("stderr", None, f"\r\x1b[38;2;{step % 255};0;0m{step:5}%|####################|")
        )
    assert [line.text for line in terminal.finish()] == [
        "\x1b[38;2;154;0;0m 4999%|####################|\x1b[0m"
    ]
    assert time.process_time() - began < 5


def test_a_long_line_in_many_pieces_is_joined_in_linear_time() -> None:
    terminal, piece = Terminal(), "x" * 1000
    began = time.process_time()
    for _ in range(10_000):
        terminal.feed(LogEntry("stdout", None, piece))
    assert [len(line.text) for line in terminal.feed(LogEntry("stdout", None, "\n"))] == [10_000_000]
    assert time.process_time() - began < 2


def test_colours_are_kept_attribute_by_attribute() -> None:
    assert shown("_____\r\x1b[1;31ma\x1b[32mb\x1b[39mc\x1b[22md\x1b[me\n") == [
        "\x1b[1;31ma\x1b[0m\x1b[1;32mb\x1b[0m\x1b[1mc\x1b[0mde"
    ]


pieces = st.lists(
    st.one_of(
        st.sampled_from(["\r", "\n", "\r\n", "\x1b[K", "\x1b[31m", "\x1b[0m", "\b", "\x1b["]),
        st.text("ab", max_size=5),
    ),
    max_size=30,
)


@given(parts=pieces, cuts=st.lists(st.integers(0, 200)))
def test_how_the_text_is_cut_into_entries_does_not_matter(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    cut = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert shown(*cut) == shown(text)


@given(st.lists(st.text("1;>? mK\r", max_size=4).map("\x1b[".__add__), max_size=20))
def test_of_any_codes_only_colours_are_left(parts: list[str]) -> None:
    for line in shown(*parts, "\n"):
        assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_a_code_that_would_have_a_terminal_send_other_keys_is_no_colour() -> None:
    assert shown("\x1b[>4;2mon\x1b[>4m\n", "over\r\x1b[1>mon\n") == ["on", "oner"]


def test_a_line_too_long_to_keep_is_shown_once_when_it_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kbench_jupyter.following.logs.terminal._KEPT", 1_000)
    [line] = shown(*["x" * 100] * 50, "y" * 5_000 + "\rdone", "\n")
    assert line.startswith("donexxx")
    assert line.count("characters]") == 1
    assert len(line) < 2_100


@given(st.lists(st.text(max_size=30)))
def test_any_text_gives_lines_without_line_ends(parts: list[str]) -> None:
    for line in shown(*parts):
        assert "\n" not in line
        assert "\r" not in line
