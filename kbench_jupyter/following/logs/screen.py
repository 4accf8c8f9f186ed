"""Writes the lines of many runs' logs to a reporter: each after its run's name, in batches, progress bars in place.

A notebook server drops output that comes in more than 1,000 messages a second, and every write is one,
which costs a kernel as much as thousands of lines. So lines are gathered and written in few, large pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from kbench_jupyter.api import LogEntry
from kbench_jupyter.display.text import clipped, visible
from kbench_jupyter.following.logs.terminal import Terminal, acts, strip_codes

if TYPE_CHECKING:
    from kbench_jupyter.following.logs.terminal import Line
    from kbench_jupyter.session.session import Reporter

#: Characters gathered before they are written.
_BATCH = 512_000
#: Changes between stdout and stderr in one batch up to which they are kept apart.
_CHANGES = 20
#: Pieces of whole logs after which they no longer are: then there are many runs, not one to be read.
_APART = 200
#: Columns of a line in the making that are shown.
_COLUMNS = 100
_RESET = "\x1b[0m"
#: Characters of a run's name that stand before its lines.
_NAME = 120


class Screen:
    """Shows log entries as a terminal would, each line under its run, stdout and stderr apart.

    `names` holds what to put before each line of a run; it is empty where there is only one run.
    """

    def __init__(self, reporter: Reporter, names: Mapping[int, str]) -> None:
        self._reporter = reporter
        self._redraws = getattr(reporter, "redraws", True)  # a file keeps what a terminal would draw over
        # They come from the server: what a terminal acts on is spelled out.
        self._names = {run_id: visible(clipped(name, _NAME)) for run_id, name in names.items()}
        self._terminals: dict[int, Terminal] = {}
        self._lines: dict[int, int] = {}
        self._gathered: list[tuple[str, str]] = []
        self._size = 0
        self._drawn = ""
        self._changes = _CHANGES
        self._whole = 0  # pieces of whole logs so far

    def lines(self, run_id: int) -> int:
        """Return how many lines of a run were shown."""
        return self._lines.get(run_id, 0)

    def feed(self, run_id: int, entry: LogEntry) -> None:
        """Take in an entry; what it completes is shown at the next `flush`, or before."""
        terminal = self._terminals.setdefault(run_id, Terminal())
        self._gather(run_id, terminal.feed(entry))

    def feed_whole(self, run_id: int, entries: Iterable[LogEntry]) -> None:
        """Take in a whole log, and its end.

        Neighbouring entries of one stream are joined, and what holds nothing but whole lines goes past the
        terminal: a log of many thousand lines is mostly that.
        """
        self._changes = _CHANGES if self._whole < _APART else 1
        halves: set[tuple[str, bool]] = set()
        for stream, late, gap, data in _pieces(entries):
            key = (stream, late)
            if gap or key in halves or not data.endswith("\n") or acts(data):
                self.feed(run_id, LogEntry(stream, None, data, late, gap))
                (halves.discard if data.endswith("\n") or not (data or key in halves) else halves.add)(key)
            else:
                self._add(run_id, stream, late, data)
        self.end(run_id)
        self._whole += self.flush()
        self._changes = _CHANGES

    def end(self, run_id: int) -> None:
        """Take in that a run's log has ended: its half lines are lines now."""
        terminal = self._terminals.pop(run_id, None)
        if terminal is not None:
            self._gather(run_id, terminal.finish())

    def flush(self) -> int:
        """Show what was gathered, and of a single run also the line it is just writing; return how many pieces."""
        pieces = _joined(self._gathered, self._changes)
        self._gathered, self._size = [], 0
        if pieces:
            self._draw("")
            for stream, text in pieces:
                self._reporter.write(text, stream)
        if not self._names and self._redraws:
            self._draw(self._unfinished())
        return len(pieces)

    def close(self) -> None:
        """Show what is left, half lines included."""
        for run_id in list(self._terminals):
            self.end(run_id)
        self.flush()

    def _gather(self, run_id: int, lines: list[Line]) -> None:
        for (stream, late), group in groupby(lines, lambda line: (line.stream, line.late)):
            # A colour that a line leaves on would run into other runs' lines.
            texts = [f"{line.text}{_RESET if chr(27) in line.text else ''}\n" for line in group]
            self._add(run_id, stream, late, "".join(texts))

    def _add(self, run_id: int, stream: str, late: bool, text: str) -> None:
        """Gather whole lines."""
        self._lines[run_id] = self._lines.get(run_id, 0) + text.count("\n")
        name = self._names.get(run_id, "") + ("(missed when it was written) " if late else "")
        if name:
            text = name + text[:-1].replace("\n", "\n" + name) + "\n"
        self._gathered.append(("stderr" if stream == "stderr" else "stdout", text))
        self._size += len(text)
        if self._size >= _BATCH:
            self.flush()

    def _unfinished(self) -> str:
        lines = [line for terminal in self._terminals.values() for line in terminal.unfinished]
        return strip_codes(lines[-1].text)[:_COLUMNS] if lines else ""

    def _draw(self, text: str) -> None:
        r"""Show a line in the making with ``\r``, over the one before."""
        if text != self._drawn:
            gap = " " * max(0, len(self._drawn) - len(text))
            self._reporter.write(f"\r{text}{gap}" if text else f"\r{gap}\r")
            self._drawn = text


def _pieces(entries: Iterable[LogEntry]) -> Iterator[tuple[str, bool, bool, str]]:
    """Join neighbours of one stream, up to a batch's size, so that a long log is never held as one text."""
    for (stream, late, gap), group in groupby(entries, lambda entry: (entry.stream, entry.late, entry.gap)):
        gathered: list[str] = []
        size = 0
        for entry in group:
            gathered.append(entry.data)
            size += len(entry.data)
            if size >= _BATCH:
                yield stream, late, gap, "".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield stream, late, gap, "".join(gathered)


def _joined(pieces: list[tuple[str, str]], changes: int) -> list[tuple[str, str]]:
    """Join neighbours of one stream; where that leaves more than `changes`, join all, as stdout.

    What was printed first is shown first: that says more of a run than which stream it was.
    """
    grouped = groupby(pieces, key=lambda piece: piece[0])
    joined = [(stream, "".join(text for _, text in group)) for stream, group in grouped]
    return joined if len(joined) <= changes else [("stdout", "".join(text for _, text in pieces))]
