"""Comparing the persisted log, however it is cut, with the lines that were handed out: what is missing comes."""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from kbench_jupyter.api.logs.replay import Ledger, Stream, encoded
from kbench_jupyter.api.values.runs import LogEntry


class Settling:
    """Compares the persisted log, entry by entry, with what was handed out.

    The lines that were handed out are found among the log's lines in their order; what lies between is
    missing. Until all of them are found, what is missing is kept back: only then is it known that the log
    is not cut off before them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.passed = 0  # entries of the log that are done with, so that another copy can be read from there
        self._seen = ledger.size
        self._size = 0
        self._open = {
            name: _Comparison(name, stream)
            for name, stream in ledger.streams.items()
            if stream.lines or stream.open_size
        }
        self._missing: list[LogEntry] = []

    @property
    def caught_up(self) -> bool:
        """Whether everything that was handed out was found in the log."""
        return not self._open

    def feed(self, entry: LogEntry) -> Iterator[LogEntry]:
        """Yield what is missing by now, with the log's next entry."""
        comparison = self._open.get(entry.stream)
        if not self._open:
            yield entry
            return
        self._size += len(encoded(entry.data))
        if comparison is None:
            self._missing.append(entry)
            return
        self._missing += comparison.feed(entry)
        if comparison.done:
            del self._open[entry.stream]
            if not self._open:
                yield from self._missing
                self._missing.clear()

    def is_short(self) -> bool:
        """Return whether the log, at its end, holds less than was handed out."""
        return bool(self._open) and self._size < self._seen

    def finish(self) -> Iterator[LogEntry]:
        """Yield what is missing once the log has ended, whether or not everything was found in it."""
        for comparison in self._open.values():
            self._missing += comparison.finish()
        left = {name: Counter(comparison.left) for name, comparison in self._open.items()}
        for entry in self._missing:
            counts, line = left.get(entry.stream), zlib.crc32(encoded(entry.data.removesuffix("\n")))
            if counts and counts[line] > 0:
                counts[line] -= 1  # handed out, in another order
            else:
                yield entry
        self._missing.clear()
        self._open.clear()


class _Comparison:
    """Finds one stream's lines that were handed out in the persisted log."""

    def __init__(self, name: str, stream: Stream) -> None:
        self._name = name
        self._stream = stream
        self._place = 0  # of the next line to be found
        self._rest: list[str] = []  # a line of the log that has not ended yet
        self._rest_size = 0
        self._begun: float | None = None
        self.done = False

    @property
    def left(self) -> array[int]:
        """The lines not found."""
        return self._stream.lines[self._place :]

    def feed(self, entry: LogEntry) -> Iterator[LogEntry]:
        """Yield what of an entry was not handed out."""
        text, at = entry.data, 0
        while (end := text.find("\n", at)) >= 0:
            begun = entry.time if not self._rest else self._begun
            line, at = "".join((*self._rest, text[at:end])), end + 1
            self._rest, self._rest_size = [], 0
            yield from self._line(line, begun)
            if self.done:
                break
        rest = text[at:]
        if not self.done and rest:
            self._begun = self._begun if self._rest else entry.time
            self._rest.append(rest)
            before, self._rest_size = self._rest_size, self._rest_size + len(encoded(rest))
            rest = ""
            if self._place == len(self._stream.lines) and before < self._stream.open_size <= self._rest_size:
                whole = "".join(self._rest)
                self.done = self._holds_open(whole)
                rest = self._after_open(whole) if self.done else ""
        if self.done and rest:
            yield replace(entry, data=rest)

    def _line(self, line: str, begun: float | None) -> Iterator[LogEntry]:
        lines = self._stream.lines
        if self._place < len(lines):
            if zlib.crc32(encoded(line)) == lines[self._place]:
                self._place += 1
                self.done = self._place == len(lines) and not self._stream.open_size
            else:
                yield LogEntry(self._name, begun, line + "\n", late=True)
            return
        self.done = True
        if self._holds_open(line):
            line = self._after_open(line)
        else:  # another line than the one in the making: that one is somewhere behind
            yield LogEntry(self._name, None, "", gap=True)
        yield LogEntry(self._name, begun, line + "\n")

    def _holds_open(self, line: str) -> bool:
        """Return whether a line begins with the one that was in the making."""
        size = self._stream.open_size
        data = encoded(line)
        return len(data) >= size and zlib.crc32(data[:size]) == self._stream.open

    def _after_open(self, line: str) -> str:
        return encoded(line)[self._stream.open_size :].decode("utf-8", "surrogatepass")

    def finish(self) -> Iterator[LogEntry]:
        """Yield the log's last line where that has no end."""
        found = self._place == len(self._stream.lines)
        if self._rest and not (found and self._rest_size < self._stream.open_size):
            if found:
                yield LogEntry(self._name, None, "", gap=True)
            yield LogEntry(self._name, self._begun, "".join(self._rest), late=not found)
