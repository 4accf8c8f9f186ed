"""The lines of one run's log by number: the newest in memory, older ones in a temporary file.

Lines have absolute numbers from 0, which never change, so that a browser that lost some can ask again. They
are kept as blocks of bytes. When the blocks in memory take more than their limit, the oldest go to a file
without a name, which the system removes when the kernel's process ends, also after a crash.
"""

from __future__ import annotations

import tempfile
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, NamedTuple

from kbench_jupyter.following.logs.terminal import strip_codes

#: Bytes of lines a buffer keeps in memory.
MEMORY = 4_000_000
#: A block is closed when it has so many lines or bytes.
_BLOCK_LINES = 512
_BLOCK_BYTES = 64_000
_LOST = b"e(this line was not kept: there was no room for it on the disk)"


class LogLine(NamedTuple):
    """A line and what kind it is."""

    kind: str  # "o" stdout, "e" stderr, "t" a traceback there; in capitals when it was missed when it was written
    text: str  # may hold colours; never a line end


@dataclass
class _Block:
    first: int
    lines: int
    data: bytes | None  # None when it is in the file
    size: int
    place: int = -1  # in the file; -1 when it is not there


class LogBuffer:
    """One run's lines, so many bytes of them in memory. Any thread may call anything."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._lock = threading.RLock()
        self._blocks: list[_Block] = []
        self._firsts = array("Q")
        self._held = 0  # bytes in memory, of closed blocks
        self._oldest = 0  # index of the oldest block in memory
        self._tail: list[bytes] = []  # the block in the making
        self._tail_bytes = 0
        self._tail_first = 0
        self._file: IO[bytes] | None = None
        self.spilled = 0  # bytes in the file
        self._closed = False

    def __len__(self) -> int:
        return self._tail_first + len(self._tail)

    def append(self, lines: Iterable[LogLine]) -> None:
        """Add lines at the end; after `close` they are dropped.

        A line end within a line, or what is no Unicode text, is spelled out.
        """
        with self._lock:
            if self._closed:
                return
            for kind, text in lines:
                raw = f"{kind}{text}".encode("utf-8", "backslashreplace")
                if b"\n" in raw:
                    raw = raw.replace(b"\n", b"\\n")
                self._tail.append(raw)
                self._tail_bytes += len(raw) + 1
                if len(self._tail) >= _BLOCK_LINES or self._tail_bytes >= _BLOCK_BYTES:
                    self._close_block()

    def read(self, start: int, count: int) -> Iterator[LogLine]:
        """Yield up to `count` lines from number `start`, as many as there are when each block is read."""
        start = max(0, start)
        end = start + max(0, count)
        while start < end:
            lines = self._block_lines(start)
            if not lines:
                return
            for raw in lines[: end - start]:
                yield LogLine(raw[:1].decode("ascii"), raw[1:].decode("utf-8"))
            start += len(lines)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield each block's first line number and its lines as plain text."""
        for first, _, text in self.blocks():
            yield first, text

    def blocks(self, start: int = 0) -> Iterator[tuple[int, list[bytes], str]]:
        """Yield from `start` on each block's first line number, its lines as kept, and as plain text."""
        while True:
            lines = self._block_lines(start)
            if not lines:
                return
            text = b"\n".join([raw[1:] for raw in lines]).decode("utf-8")
            yield start, lines, strip_codes(text) if "\x1b" in text else text
            start += len(lines)

    def close(self) -> None:
        """Let go of everything, the file too."""
        with self._lock:
            self._closed = True
            self._blocks, self._tail, self._firsts = [], [], array("Q")
            self._tail_first = self._held = 0
            if self._file is not None:
                self._file.close()
                self._file = None

    def _block_lines(self, start: int) -> list[bytes]:
        """Return the encoded lines from `start` to the end of their block."""
        with self._lock:
            if start >= self._tail_first:
                return self._tail[start - self._tail_first :]
            block = self._blocks[bisect_right(self._firsts, start) - 1]
            data = block.data
            if data is None:
                data = self._fetch(block)
        return data.split(b"\n")[start - block.first :]

    def _close_block(self) -> None:
        data = b"\n".join(self._tail)
        self._blocks.append(_Block(self._tail_first, len(self._tail), data, len(data)))
        self._firsts.append(self._tail_first)
        self._tail_first += len(self._tail)
        self._tail, self._tail_bytes = [], 0
        self._held += len(data)
        while self._held > self._memory and self._oldest < len(self._blocks):
            self._spill(self._blocks[self._oldest])
            self._oldest += 1

    def _spill(self, block: _Block) -> None:
        data, block.data = block.data or b"", None
        self._held -= block.size
        # Without room on the disk the lines are given up: what a run prints may not fill the memory.
        with suppress(OSError):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="kbench-log-")  # noqa: SIM115 - closed by `close`
            self._file.seek(self.spilled)
            self._file.write(data)
            self._file.flush()
            block.place = self.spilled
            self.spilled += block.size

    def _fetch(self, block: _Block) -> bytes:
        if self._file is not None and block.place >= 0:
            with suppress(OSError):
                self._file.seek(block.place)
                data = self._file.read(block.size)
                if len(data) == block.size:
                    return data
        return b"\n".join([_LOST] * block.lines)
