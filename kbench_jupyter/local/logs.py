"""A job's log: a file of JSON lines, which can be followed while it grows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

KEEPALIVE = 15.0
"""Seconds of silence after which a follower is told that the stream is alive."""
NAME = "log.jsonl"


class LiveLog:
    """The log of a job that is going.

    Parameters
    ----------
    folder : Path
        The job's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._path.open("ab")
        self._ended = False
        self._changed = asyncio.Condition()

    async def append(self, line: bytes) -> None:
        """Add an entry, a line of JSON with its end."""
        self._file.write(line)
        self._file.flush()
        async with self._changed:
            self._changed.notify_all()

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
