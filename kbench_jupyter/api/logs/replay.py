"""Telling what is new when a log stream is opened again, and what is missing once the persisted log is there.

Whether a server replays a log from its start on every connection, goes on where it was, or sends the last
few entries again is not documented, so nothing is assumed but that it sends a log in its order. Entries
carry a time: on a new connection, what is not later than what was handed out is old, and is not handed
out again. Among those of the very same time, and among those without one, what was handed out is counted.

A line comes in pieces, and some of them may be lost between two connections. So where it is not sure that
a connection goes on where the one before broke off, a line in the making is given up, and the text up to
the next line end is withheld: pieces of two lines never make one that never was.

Nothing of that is lost: `settling` compares the lines that were handed out with the whole persisted log,
however that is cut, and yields exactly what is missing. Remembered are four bytes for each line.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from kbench_jupyter.api.values.runs import LogEntry

#: Entries of a stream, all of which ended a line, after which it is trusted to write whole lines only.
_TRUSTED = 8
#: Characters of an entry that hardly come twice within a second.
_LONG = 16
#: Different entries without a time that are remembered.
_COUNTED = 250_000


def encoded(text: str) -> bytes:
    """Return a log's text as bytes, halves of characters included."""
    return text.encode("utf-8", "surrogatepass")


def _key(entry: LogEntry) -> int:
    # The hash instead of the entry: a long log is not kept in memory to compare with.
    return hash((entry.stream, entry.time, entry.data))


def _is_telling(entry: LogEntry) -> bool:
    """Return whether no other entry is likely to be the same: several dots are printed in one second."""
    long = _LONG // 2 if entry.data.endswith("\n") else _LONG
    return entry.time is not None and (entry.time % 1 != 0 or len(entry.data) >= long)


class Stream:
    """What of one of a run's streams was handed out: a checksum of each line."""

    def __init__(self, sure: bool) -> None:
        self.lines = array("I")
        self.open = self.open_size = 0  # checksum and bytes of the line in the making
        self.size = 0
        self.latest = float("-inf")
        self.at_latest: Counter[int] = Counter()  # keys of what was written then
        # Of what was handed out over earlier connections: its last time, what was written then and has not
        # been sent again, and whether this connection has brought something later.
        self.mark = float("-inf")
        self.at_mark: Counter[int] = Counter()
        self.later = False
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
        data = encoded(text)
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
        """Begin another connection."""
        self.sure = self.later = False
        self.mark, self.at_mark = self.latest, self.at_latest.copy()

    def is_old(self, time: float, key: int) -> bool:
        """Return whether an entry of another connection was sent before, or is missed for now."""
        if time > self.mark:
            self.later = True
        if self.later:  # a connection sends a log in its order
            return False
        if time == self.mark:
            if not self.at_mark[key]:
                return False
            self.at_mark[key] -= 1
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
        self.streams: dict[str, Stream] = {}
        self._timeless = _Timeless()
        self._first: int | None = None  # key of the log's first entry
        self._last: int | None = None  # key of the last one handed out
        self._count = 0
        self._again = False  # this is not the first connection
        self._begun = False  # it has sent something
        self._whole = True  # it goes on where the one before broke off, or repeats that
        self._fresh = False  # it has come to what is new

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """How many bytes of text were handed out."""
        return sum(stream.size for stream in self.streams.values())

    def reconnect(self, *, inside: bool = False) -> None:
        """Begin another connection; the one before may have broken off `inside` an entry."""
        if not self._count and not inside:
            return  # nothing was sent, so nothing of it can be missing
        self._again, self._begun, self._whole, self._fresh = True, False, False, False
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
        elif known:
            for stream in self.streams.values():
                stream.sure |= not self._whole
            self._whole = True
            self._fresh |= key == self._last

    def _stream(self, name: str) -> Stream:
        if name not in self.streams:
            self.streams[name] = Stream(sure=self._whole)
        return self.streams[name]

    def _is_old(self, entry: LogEntry, key: int) -> bool:
        stream = self._stream(entry.stream)
        old = (
            self._timeless.is_old(key)
            if entry.time is None
            else self._again and stream.is_old(entry.time, key)
        )
        # Behind what is new, such as when the clock went back, it may be new itself: the next does not go on from here.
        if old and self._fresh:
            stream.sure = False
        return old

    def _hand_out(self, entry: LogEntry, key: int) -> Iterator[LogEntry]:
        stream = self._stream(entry.stream)
        if not stream.sure:
            if stream.open_size:
                stream.give_up_line()
                yield LogEntry(entry.stream, None, "", gap=True)
            stream.withheld = not stream.trusted
        stream.sure = self._fresh = True
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
