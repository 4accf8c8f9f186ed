"""A job's log: a file of JSON lines, which can be followed while it grows."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from kbench_jupyter.local.home import not_stored

KEEPALIVE = 15.0
"""Seconds of silence after which a follower is told that the stream is alive."""
NAME = "log.jsonl"
MOST, LAST = 19 * 2**20, 2**20
"""Characters of a job's output that its log has from its beginning, and from its end."""
_ENTRY = 2**16


class LogWriter:
    """Writes a job's output as entries, a line of JSON each.

    Its beginning comes as it is written, and, of an output without measure, the end at the end.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._began = time.monotonic()
        self._left = MOST
        self._last: deque[dict[str, Any]] = deque()
        self._held = self._left_out = 0

    def __call__(self, stream: str, text: str) -> None:
        """Write text of one of the two streams; it need not be whole lines."""
        seconds = round(time.monotonic() - self._began, 3)
        for start in range(0, len(text), _ENTRY):
            piece = text[start : start + _ENTRY]
            entry = {"stream_name": stream, "time": seconds, "data": piece}
            if self._left > 0:
                self._left -= len(piece)
                self._write(entry)
                if self._left <= 0:
                    self._note(
                        seconds,
                        "Of what follows the log keeps the last MB, which comes when the job has ended.",
                    )
                continue
            self._last.append(entry)
            self._held += len(piece)
            while self._held - len(self._last[0]["data"]) >= LAST:
                gone = len(self._last.popleft()["data"])
                self._held -= gone
                self._left_out += gone
        self._file.flush()

    def end(self) -> None:
        """Write what was held back."""
        if self._left_out:
            seconds = self._last[0]["time"]
            self._note(seconds, f"The log is too long: {self._left_out:,} characters are left out here.")
        for entry in self._last:
            self._write(entry)
        self._file.flush()

    def _note(self, seconds: float, text: str) -> None:
        self._write({"stream_name": "stderr", "time": seconds, "data": f"\n[{text}]\n"})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")


class LiveLog:
    """The log, in its folder, of a job that is going."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._path = folder / NAME
        self._file = self._path.open("wb" if anew else "ab", buffering=0)
        self._missing = 0
        self._ended = False
        self.problem = ""
        self._changed = asyncio.Condition()

    async def append(self, line: bytes) -> None:
        """Add an entry, a line of JSON with its end: as a whole, or, where the disk is full, not at all."""
        self._add(line)
        async with self._changed:
            self._changed.notify_all()

    def _add(self, line: bytes) -> None:
        if self._missing:  # say so first
            text = f"\n[{self._missing} entries of the log are missing here. {self.problem}]\n"
            entry = {"stream_name": "stderr", "time": json.loads(line)["time"], "data": text}
            line = json.dumps(entry).encode() + b"\n" + line
        before, rest = self._file.tell(), memoryview(line)
        try:
            while rest:  # after a write that fell short the next one fails, and says why
                rest = rest[self._file.write(rest) :]
            self._missing = 0
        except OSError as error:
            self._file.truncate(before)
            self._file.seek(before)
            self._missing += 1
            self.problem = not_stored(error)

    async def note(self, text: str) -> None:
        """Add a line of our own."""
        entry = {"stream_name": "stderr", "time": 0, "data": f"[{text}]\n"}
        await self.append(json.dumps(entry).encode() + b"\n")

    async def end(self) -> None:
        """Tell the followers that nothing more will come."""
        self._file.close()
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    async def follow(self) -> AsyncIterator[str | None]:
        """Yield each entry from the first on, and None after a silence; ends with the job."""
        with self._path.open("rb") as file:
            while True:
                # Looked at before reading: an entry written in between is read in the next round.
                ended = self._ended
                while line := file.readline():
                    yield line.decode().rstrip("\n")
                    await asyncio.sleep(0)  # a reader as quick as this file would hold up everybody else
                if ended:
                    return
                if await self._silent(file.tell()):
                    yield None

    async def _silent(self, position: int) -> bool:
        """Wait until the file has grown or the log has ended; say whether neither came for a while."""
        async with self._changed:
            grown = lambda: self._ended or self._path.stat().st_size > position  # noqa: E731
            try:
                await asyncio.wait_for(self._changed.wait_for(grown), KEEPALIVE)
            except TimeoutError:
                return True
            return False


def persisted(folder: Path) -> bytes:
    """Return the entries of a job that has ended, as one JSON array."""
    try:
        lines = (folder / NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return b"[]"
    if lines and not _whole(lines[-1]):
        lines.pop()  # the server was killed in the middle of it
    return b"[" + b",".join(lines) + b"]"


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
