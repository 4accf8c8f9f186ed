"""What may be relied on of a log's lines in the kernel, wherever they are kept."""

from __future__ import annotations

import errno
import tempfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.panels.log import buffer as log_buffer
from kbench_jupyter.panels.log.buffer import LogBuffer, LogLine
from kbench_jupyter.panels.log.search import Search

TEXTS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)
LINES = st.lists(st.tuples(st.sampled_from("oeOE"), TEXTS), max_size=3000)


def filled(lines, memory=log_buffer.MEMORY, at_once=100):
    buffer = LogBuffer(memory)
    for first in range(0, len(lines), at_once):
        buffer.append([LogLine(*line) for line in lines[first : first + at_once]])
    return buffer


@given(lines=LINES, memory=st.integers(0, 5000), start=st.integers(0, 3100), count=st.integers(0, 3100))
def test_any_lines_come_back_under_their_numbers_from_memory_or_file(lines, memory, start, count):
    buffer = filled(lines, memory)
    assert len(buffer) == len(lines)
    assert [tuple(line) for line in buffer.read(start, count)] == lines[start : start + count]
    buffer.close()


@given(lines=LINES, needle=st.text(min_size=1, max_size=3), memory=st.integers(0, 5000))
def test_search_finds_every_line_that_holds_the_text_in_either_case(lines, needle, memory):
    half = len(lines) // 2
    buffer = filled(lines[:half], memory)
    search = Search(buffer, needle)
    search.update()
    for line in lines[half:]:
        buffer.append([LogLine(*line)])
    search.update()
    plain = log_buffer.strip_codes
    hits = [n for n, (_, text) in enumerate(lines) if needle.lower() in plain(text).lower()]
    assert [search.line(place) for place in range(len(search))] == hits
    buffer.close()


@given(lines=LINES, needle=st.text(max_size=2), memory=st.integers(0, 5000))
def test_a_search_of_errors_finds_the_lines_of_stderr_that_hold_the_text_or_all_of_them(
    lines, needle, memory
):
    buffer = filled(lines, memory)
    search = Search(buffer, needle, errors=True)
    search.update()
    plain = log_buffer.strip_codes
    hits = [
        n for n, (kind, text) in enumerate(lines) if kind in "eE" and needle.lower() in plain(text).lower()
    ]
    assert [search.line(place) for place in range(len(search))] == hits
    buffer.close()


def test_steps_of_a_search_go_both_ways_and_round():
    search = Search(filled([("o", "x" if n in (2, 5, 9) else "-") for n in range(12)]), "X")
    search.update()

    def hit(line, direction):
        return search.line(search.step(line, direction))

    assert [hit(2, 0), hit(2, 1), hit(2, -1), hit(9, 1), hit(3, 0), hit(11, 0), hit(0, -1)] == [
        2,
        5,
        9,
        2,
        5,
        2,
        9,
    ]


def test_what_is_not_text_or_not_one_line_is_spelled_out():
    buffer = filled([("o", "a\nb"), ("e", "lone \ud800")])
    assert [line.text for line in buffer.read(0, 5)] == ["a\\nb", "lone \\ud800"]


def test_a_long_log_takes_a_bounded_part_of_memory_and_can_all_be_read():
    many = 150_000
    buffer = LogBuffer(1_000_000)
    tracemalloc.start()
    for first in range(0, many, 1000):
        buffer.append(
            [LogLine("o", f"line {n} with some words behind it") for n in range(first, first + 1000)]
        )
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2_500_000
    assert buffer.spilled > 4_000_000
    for number in (0, 511, 512, many // 2, many - 1):
        (line,) = buffer.read(number, 1)
        assert line.text.startswith(f"line {number} ")
    assert sum(text.count("\n") + 1 for _, text in buffer.texts()) == many
    buffer.close()
    assert len(buffer) == 0


def test_a_full_disk_costs_old_lines_not_the_run(monkeypatch):
    class FullDisk:
        def seek(self, place): ...

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self): ...

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullDisk())
    buffer = filled([("o", f"line {number}") for number in range(2000)], memory=5000)
    assert len(buffer) == 2000
    assert "no room" in next(buffer.read(0, 1)).text
    assert next(buffer.read(1999, 1)).text == "line 1999"


@pytest.mark.parametrize("start", [-5, 10, 10_000])
def test_numbers_there_are_not_give_no_lines_or_those_there_are(start):
    buffer = filled([("o", str(number)) for number in range(10)])
    assert [line.text for line in buffer.read(start, 3)] == (["0", "1", "2"] if start < 0 else [])
