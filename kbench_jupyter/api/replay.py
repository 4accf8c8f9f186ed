"""Telling what is new when a log stream is opened again, and what is missing once the persisted log is there.

Whether a server replays a log from its start on every connection, goes on where it was, or sends the last
few entries again is not documented, so nothing is assumed but that it sends a log in its order. Entries
carry a time: on a new connection, what is not later than what was handed out is old, and is not handed
out again. Among those of the very same time, and among those without one, what was handed out is counted.

A line comes in pieces, and some of them may be lost between two connections. So where it is not sure that
a connection goes on where the one before broke off, a line in the making is given up, and the text up to
the next line end is withheld: pieces of two lines never make one that never was.

Nothing of that is lost: `Settling` compares the lines that were handed out with the whole persisted log,
however that is cut, and yields exactly what is missing. Remembered are four bytes for each line.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from kbench_jupyter.api.models import LogEntry

__all__ = ["Ledger", "Settling"]

#: Entries of a stream, all of which ended a line, after which it is trusted to write whole lines only.
_TRUSTED = 8
#: Characters of an entry that hardly come twice within a second.
_LONG = 16
#: Different entries without a time that are remembered.
_COUNTED = 250_000


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _key(entry: LogEntry) -> int:
    # The hash instead of the entry: a long log is not kept in memory to compare with.
    return hash((entry.stream, entry.time, entry.data))


def _is_telling(entry: LogEntry) -> bool:
    """Return whether no other entry is likely to be the same: several dots are printed in one second."""
    long = _LONG // 2 if entry.data.endswith("\n") else _LONG
    return entry.time is not None and (entry.time % 1 != 0 or len(entry.data) >= long)


class _Stream:
    """What of one of a run's streams was handed out: a checksum of each line."""

    def __init__(self, sure: bool) -> None:
        self.lines = array("I")
        self.open = self.open_size = 0  # checksum and bytes of the line in the making
        self.size = 0
        self.latest = float("-inf")
        self.at_latest: Counter[int] = Counter()  # keys of what was written then
        # Of what was handed out over earlier connections: its last time, what was written then and has not
        # been sent again, and whether this connection has brought something later, or new at all.
        self.mark = float("-inf")
        self.at_mark: Counter[int] = Counter()
        self.later = self.fresh = False
        self.entries = 0
        self.whole = True  # every entry ended a line
        self.sure = sure  # what comes next goes on where this left off
        self.withheld = False  # up to the next line end

    @property
    def trusted(self) -> bool:
        """Whether it surely writes whole lines."""
        return self.whole and self.entries >= _TRUSTED

    def add(self, text: str) -> None:
        """Take in what is handed out."""
        data = _bytes(text)
        self.size += len(data)
        *whole, rest = data.split(b"\n")
        for line in whole:
            self.lines.append(zlib.crc32(line, self.open))
            self.open = self.open_size = 0
        if rest:
            self.open, self.open_size = zlib.crc32(rest, self.open), self.open_size + len(rest)
        self.entries += 1
        self.whole = self.whole and not rest

    def note(self, entry: LogEntry, key: int) -> None:
        """Remember when an entry was written."""
        if entry.time is None or entry.time < self.latest:
            return
        if entry.time > self.latest:
            self.latest = entry.time
            self.at_latest.clear()
        self.at_latest[key] += 1

    def reconnect(self) -> None:
        self.sure = self.later = self.fresh = False
        self.mark, self.at_mark = self.latest, self.at_latest.copy()

    def is_old(self, time: float, key: int) -> bool:
        """Return whether an entry of another connection was sent before, or is missed for now."""
        if time > self.mark:
            self.later = True
        if self.later:  # a connection sends a log in its order
            return False
        if time == self.mark and self.at_mark[key] <= 0:
            return False
        self.at_mark[key] -= time == self.mark
        if self.fresh:  # the clock went back: it may be new, and what comes next does not go on from here
            self.sure = False
        return True

    def give_up_line(self) -> None:
        """Forget the line in the making."""
        self.size -= self.open_size
        self.open = self.open_size = 0


class _Timeless:
    """Counts entries without a time: what a connection has sent more often than it was handed out is new."""

    def __init__(self) -> None:
        self._handed: Counter[int] = Counter()
        self._sent: Counter[int] | None = None  # by this connection; None on the first
        self._first: int | None = None
        self._forgotten = 0  # entries, the oldest ones
        self._skip = 0  # entries of this connection that can only be forgotten ones
        self._begun = False

    def reconnect(self) -> None:
        self._sent, self._begun, self._skip = Counter(), False, 0

    def is_old(self, key: int) -> bool:
        if not self._begun and key == self._first and self._sent is not None:
            self._skip = self._forgotten
        self._begun = True
        if self._skip:
            self._skip -= 1
            return True
        if self._sent is not None:
            self._sent[key] += 1
            if self._sent[key] <= self._handed[key]:
                return True
        self._first = key if self._first is None else self._first
        self._handed[key] += 1
        if len(self._handed) > _COUNTED:
            oldest = next(iter(self._handed))
            self._forgotten += self._handed.pop(oldest)
            if self._sent is not None:
                self._sent.pop(oldest, None)
        return False


class Ledger:
    """Remembers what was handed out, and passes on only what is new."""

    def __init__(self) -> None:
        self.streams: dict[str, _Stream] = {}
        self._timeless = _Timeless()
        self._first: int | None = None  # key of the log's first entry
        self._last: int | None = None  # key of the last one handed out
        self._count = 0
        self._again = False  # this is not the first connection
        self._begun = False  # it has sent something
        self._whole = True  # it goes on where the one before broke off, or repeats that

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """How many bytes of text were handed out."""
        return sum(stream.size for stream in self.streams.values())

    def reconnect(self, *, inside: bool = False) -> None:
        """Begin another connection.

        Parameters
        ----------
        inside : bool
            Whether the one before broke off inside an entry.
        """
        if not self._count and not inside:
            return  # nothing was sent, so nothing of it can be missing
        self._again, self._begun, self._whole = True, False, False
        self._timeless.reconnect()
        for stream in self.streams.values():
            stream.reconnect()

    def take(self, entry: LogEntry) -> Iterator[LogEntry]:
        """Yield what is to be handed out of `entry`, the connection's next."""
        key = _key(entry)
        known = _is_telling(entry) and (key == self._last or (key == self._first and not self._begun))
        self._begun = True
        if not self._is_old(entry, key):
            yield from self._hand_out(entry, key)
        elif known and not self._whole:
            self._whole = True
            for stream in self.streams.values():
                stream.sure = True

    def _stream(self, name: str) -> _Stream:
        if name not in self.streams:
            self.streams[name] = _Stream(sure=self._whole)
        return self.streams[name]

    def _is_old(self, entry: LogEntry, key: int) -> bool:
        if entry.time is None:
            return self._timeless.is_old(key)
        return self._again and self._stream(entry.stream).is_old(entry.time, key)

    def _hand_out(self, entry: LogEntry, key: int) -> Iterator[LogEntry]:
        stream = self._stream(entry.stream)
        if not stream.sure:
            if stream.open_size:
                stream.give_up_line()
                yield LogEntry(entry.stream, None, "", gap=True)
            stream.withheld = not stream.trusted
        stream.sure = stream.fresh = True
        self._first = key if self._first is None else self._first
        self._last = key
        self._count += 1
        stream.note(entry, key)
        if stream.withheld:
            _, end, rest = entry.data.partition("\n")
            stream.withheld = not end
            if not rest:
                return
            entry = replace(entry, data=rest)
        stream.add(entry.data)
        yield entry


class Settling:
    """Compares the persisted log, entry by entry, with what was handed out.

    The lines that were handed out are found among the log's lines in their order; what lies between is
    missing. Until all of them are found, what is missing is kept back: only then is it known that the log
    is not cut off before them.

    Parameters
    ----------
    ledger : Ledger

    Attributes
    ----------
    passed : int
        Entries of the log that are done with for good, so that another copy of it can be read from there.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.passed = 0
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
        self._size += len(_bytes(entry.data))
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
            counts, line = left.get(entry.stream), zlib.crc32(_bytes(entry.data.removesuffix("\n")))
            if counts and counts[line] > 0:
                counts[line] -= 1  # handed out, in another order
            else:
                yield entry
        self._missing.clear()
        self._open.clear()


class _Comparison:
    """Finds one stream's lines that were handed out in the persisted log."""

    def __init__(self, name: str, stream: _Stream) -> None:
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
            before, self._rest_size = self._rest_size, self._rest_size + len(_bytes(rest))
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
            if zlib.crc32(_bytes(line)) == lines[self._place]:
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
        data = _bytes(line)
        return len(data) >= size and zlib.crc32(data[:size]) == self._stream.open

    def _after_open(self, line: str) -> str:
        return _bytes(line)[self._stream.open_size :].decode("utf-8", "surrogatepass")

    def finish(self) -> Iterator[LogEntry]:
        """Yield the log's last line where that has no end."""
        found = self._place == len(self._stream.lines)
        if self._rest and not (found and self._rest_size < self._stream.open_size):
            if found:
                yield LogEntry(self._name, None, "", gap=True)
            yield LogEntry(self._name, self._begun, "".join(self._rest), late=not found)
