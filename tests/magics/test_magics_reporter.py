"""Progress: a line a terminal overwrites, a bar a notebook updates in place, and no one to ask means no."""

from __future__ import annotations

import io
import itertools

import pytest

from kbench_jupyter.magics import reporter as reporters
from kbench_jupyter.magics.reporter import MOST_OUTPUT, DisplayReporter, StreamReporter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(reporters.time, "monotonic", lambda: now[0])
    return now


def test_a_progress_line_is_overwritten_and_a_longer_one_before_leaves_nothing(clock: list[float]) -> None:
    out = io.StringIO()
    reporter = StreamReporter(out)
    reporter.progress("a long line", 1, 4)
    clock[0] = 1
    reporter.progress("short", 2, 4)
    reporter.say("done")
    lines = out.getvalue().split("\n")
    assert lines[0].split("\r")[-1].rstrip() == "[██████████··········] short"
    assert len(lines[0].split("\r")[-1]) == len("[██████████··········] a long line")
    assert lines[1] == "done"


def test_a_flood_of_progress_is_drawn_ten_times_a_second_and_its_last_word_is_kept(
    clock: list[float],
) -> None:
    out = io.StringIO()
    reporter = StreamReporter(out)
    for number in range(1000):
        clock[0] = number / 1000
        reporter.progress(f"step {number}")
    reporter.close()
    drawn = out.getvalue().count("\r")
    assert 10 <= drawn <= 12
    assert out.getvalue().rstrip().endswith("step 999")


def test_output_passed_on_never_runs_into_the_progress_line(clock: list[float]) -> None:
    out = io.StringIO()
    reporter = StreamReporter(out)
    reporter.progress("working")
    reporter.write("printed\n")
    assert out.getvalue() == "\rworking\nprinted\n"


def test_a_notebook_gets_one_bar_a_piece_of_work_updated_in_place(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    seen: list[tuple[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            seen.append(("update", bundle["text/plain"]))

    def display(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert "<script>" not in bundle["text/html"]
        seen.append(("display", bundle["text/plain"]))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    reporter = DisplayReporter()
    for number, text in enumerate(["one", "two <script>"]):
        clock[0] = number
        reporter.progress(text)
    reporter.say("said")
    clock[0] = 9
    reporter.progress("three")
    reporter.close()
    reporter.progress("four")
    assert seen == [("display", "one"), ("update", "two <script>"), ("update", "three"), ("display", "four")]


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False)]
)
def test_only_a_plain_yes_is_a_yes(answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert StreamReporter(io.StringIO()).confirm("Sure?") is agreed


def test_no_one_to_ask_means_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert StreamReporter(io.StringIO()).confirm("Sure?") is False


def test_output_that_changes_streams_all_the_time_leaves_room_in_the_cell_for_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[str, str]] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            written.append((self.name, text))
            return len(text)

    for name in ("stdout", "stderr"):
        stream = Stream()
        stream.name = name
        monkeypatch.setattr(reporters.sys, name, stream)
    reporter = DisplayReporter()
    for number in range(100):
        reporter.write(f"{number}\n", "stderr" if number % 2 else "stdout")
    texts = [(name, text) for name, text in written if text]
    assert "".join(text for _, text in texts) == "".join(f"{number}\n" for number in range(100))
    changes = sum(one != other for (one, _), (other, _) in itertools.pairwise(texts))
    assert 10 < changes < 30  # a few are told apart; JupyterLab folds the 51st output of a cell away


def test_one_piece_of_output_that_is_more_than_a_cell_holds_is_cut_at_a_line_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reporter = DisplayReporter()
    reporter.write("é line\n" * 300_000)
    shown = capsys.readouterr().out
    assert MOST_OUTPUT - 20 < len(shown.encode()) <= MOST_OUTPUT
    assert shown.endswith("é line\n")
    assert reporter.withheld == 300_000 - shown.count("\n")
    reporter.write("more\n")
    assert capsys.readouterr().out == ""
    assert reporter.withheld == 300_001 - shown.count("\n")


def test_a_line_that_is_longer_than_a_cell_holds_is_not_begun(capsys: pytest.CaptureFixture[str]) -> None:
    DisplayReporter().write("x" * (MOST_OUTPUT + 1))
    assert capsys.readouterr().out == ""
