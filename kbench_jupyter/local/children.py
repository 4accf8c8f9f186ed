"""The processes that the server starts, and how they end: with all they have started, and never after the server."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from kbench_jupyter.execution import processes
from kbench_jupyter.execution.environment import kernel_environment

_MARK = "HOME"
"""The variable by which a later server knows what an earlier one left: it lies in the folder for scratch folders."""

_MOST_LINE = 2**24
_PATIENCE = 3.0
"""Seconds that one has to end by itself, and to take its temporary files with it."""


class Forked:
    """A child that another one has forked: what is used of `asyncio.subprocess.Process`, with the same names.

    One socket is its stdin and its stdout.
    """

    def __init__(self, pid: int, stdout: asyncio.StreamReader, stdin: asyncio.StreamWriter) -> None:
        self.pid, self.stdout, self.stdin = pid, stdout, stdin
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        self._descriptor = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._end)

    @classmethod
    async def follow(cls, pid: int, connection: socket.socket) -> Forked:
        """Return what is known as `pid`, and holds the other end of a connection."""
        return cls(pid, *await asyncio.open_unix_connection(sock=connection, limit=_MOST_LINE))

    async def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - set before the event is
        return self.returncode

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.returncode = 255
        with suppress(ChildProcessError):
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._ended.set()


class Children:
    """The server's children: runners, what they are forked off, the small model's engine. Their homes lie in `work`.

    Each ends by itself when its stdin does, which is when the server ends, in whatever way. Unless they are `alone`,
    this process has other children too, which are nobody's business here.
    """

    def __init__(self, work: Path, *, alone: bool = True) -> None:
        self._work = work
        self._alone = alone
        self._pids: set[int] = set()
        # While one starts, it is a child that is not known yet.
        self._starting = asyncio.Lock()

    async def end_leftovers(self) -> None:
        """End what an earlier server of this home has left."""
        await asyncio.to_thread(processes.end_marked, _MARK, self._work)

    async def start(
        self,
        module: str,
        home: Path,
        stderr: int | IO[bytes] = asyncio.subprocess.DEVNULL,
        *,
        stdin: int = asyncio.subprocess.PIPE,
        cwd: Path | None = None,
    ) -> asyncio.subprocess.Process:
        """Start a module of this room with pipes for stdin and stdout, and none of the user's secrets."""
        async with self._starting:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"kbench_jupyter.local.{module}",
                stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=stderr, cwd=cwd,
                env={**kernel_environment(), _MARK: str(home)}, limit=_MOST_LINE,
            )  # fmt: skip
            self._pids.add(process.pid)
        return process

    async def fork(self, ask: Callable[[], Awaitable[Forked]]) -> Forked:
        """Have a child of ours fork another one, and return that."""
        async with self._starting:
            process = await ask()
            self._pids.add(process.pid)
        return process

    async def end(self, process: asyncio.subprocess.Process | Forked) -> None:
        """End one and all it has started: by the end of its stdin, or by force when that takes too long."""
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.wait({ending := asyncio.create_task(process.wait())}, timeout=_PATIENCE)
        if not ending.done():
            await asyncio.to_thread(processes.end_tree, process.pid)
            await ending
        async with self._starting:
            self._pids.discard(process.pid)
            if self._alone:
                # What was below one that died is adopted: nobody else's child is unknown here.
                await asyncio.to_thread(processes.end_children, frozenset(self._pids))
