"""Telling what is new: when a log stream is opened again, and when the persisted log comes at the end.

Whether a server replays a log from its start on every connection, goes on where it was, or sends the last
few entries again is not documented, so nothing is assumed. An entry carries its time, stream and data,
which together hardly ever repeat, and no connection sends an entry more often than the log holds it. So
what is new on a connection is what it has sent more often than was handed out before: that can never hand
out a line twice, whatever mixture of replaying and going on a server comes up with, and fills the gaps an
earlier connection left.

Where entries carry no time and repeat, a new one may pass for one sent again. It is not lost:
`Ledger.settle` compares with the persisted log and yields exactly what is missing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kbench_jupyter.api.models import LogEntry

__all__ = ["Ledger"]


def _key(entry: LogEntry) -> int:
    # The hash instead of the entry: a long log is not kept in memory to compare with.
    return hash((entry.stream, entry.time, entry.data))


class _Text:
    """What of a stream's text was handed out, without keeping the text."""

    def __init__(self) -> None:
        self.length = 0
        self.digest = hashlib.blake2b(digest_size=16)
        self.lines: Counter[int] = Counter()
        self._partial = ""

    def add(self, data: str) -> None:
        self.length += len(data)
        self.digest.update(data.encode("utf-8", "surrogatepass"))
        *whole, self._partial = (self._partial + data).split("\n")
        self.lines.update(hash(line) for line in whole)

    def seen(self) -> Counter[int]:
        return self.lines + Counter([hash(self._partial)] if self._partial else [])


class Ledger:
    """Remembers what was handed out, as counts of hashes, and passes on only what is new."""

    def __init__(self) -> None:
        self._handed: Counter[int] = Counter()
        self._sent: Counter[int] | None = None  # by this connection; None on the first
        self._texts: defaultdict[str, _Text] = defaultdict(_Text)
        self._latest: dict[str, float] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def characters(self) -> int:
        """How much text was handed out."""
        return sum(text.length for text in self._texts.values())

    def reconnect(self) -> None:
        """Begin another connection."""
        self._sent = Counter()

    def take(self, entry: LogEntry) -> Iterator[LogEntry]:
        """Yield `entry`, the connection's next, if it is new."""
        if self._sent is not None:
            key = _key(entry)
            self._sent[key] += 1
            if self._sent[key] <= self._handed[key]:
                return
            latest = self._latest.get(entry.stream)
            if entry.time is not None and latest is not None and entry.time < latest:
                entry = replace(entry, late=True)
        yield self._hand_out(entry)

    def _hand_out(self, entry: LogEntry) -> LogEntry:
        self._count += 1
        self._handed[_key(entry)] += 1
        self._texts[entry.stream].add(entry.data)
        if entry.time is not None and entry.time > self._latest.get(entry.stream, float("-inf")):
            self._latest[entry.stream] = entry.time
        return entry

    def settle(self, persisted: Sequence[LogEntry]) -> Iterator[LogEntry]:
        """Yield what the whole log holds and was not handed out yet, in the log's order.

        Parameters
        ----------
        persisted : sequence of LogEntry
            The whole log.

        Yields
        ------
        LogEntry
            ``late`` is set on those that belong before something already handed out.
        """
        missing = self._unmatched_entries(persisted)
        if missing is None:
            missing = self._unmatched_texts(persisted)
        yield from missing

    def _unmatched_entries(self, persisted: Sequence[LogEntry]) -> list[LogEntry] | None:
        """Return the entries not handed out; None if the whole log is cut up differently."""
        if not self._count:
            return list(persisted)
        left = Counter(self._handed)
        places: list[int] = []
        last = -1
        for index, entry in enumerate(persisted):
            key = _key(entry)
            if left[key] > 0:
                left[key] -= 1
                last = index
            else:
                places.append(index)
        if any(count > 0 for count in left.values()):
            return None
        return [replace(persisted[index], late=index < last) for index in places]

    def _unmatched_texts(self, persisted: Sequence[LogEntry]) -> list[LogEntry]:
        # The same text may be cut into other entries, or carry other times: compare each stream's text.
        missing: list[LogEntry] = []
        for stream in dict.fromkeys(entry.stream for entry in persisted):
            own = [entry for entry in persisted if entry.stream == stream]
            seen = self._texts[stream]
            text = "".join(entry.data for entry in own)
            start = hashlib.blake2b(text[: seen.length].encode("utf-8", "surrogatepass"), digest_size=16)
            if start.digest() == seen.digest.digest():
                missing += _after(own, seen.length)
            else:
                missing += _unseen_lines(own, seen.seen())
        return missing


def _after(entries: Iterable[LogEntry], length: int) -> Iterator[LogEntry]:
    for entry in entries:
        if length < len(entry.data):
            yield replace(entry, data=entry.data[length:])
        length = max(0, length - len(entry.data))


def _unseen_lines(entries: Iterable[LogEntry], seen: Counter[int]) -> Iterator[LogEntry]:
    partial, entry = "", None
    for entry in entries:
        *whole, partial = (partial + entry.data).split("\n")
        for line in whole:
            if seen[hash(line)] > 0:
                seen[hash(line)] -= 1
            else:
                yield replace(entry, data=line + "\n", late=True)
    if partial and entry is not None and not seen[hash(partial)]:
        yield replace(entry, data=partial, late=True)
