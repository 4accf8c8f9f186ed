"""The processes that the server starts, and how they end: with all they have started, and never after the server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import IO

from kbench_jupyter.execution import processes
from kbench_jupyter.execution.environment import kernel_environment

_MARK = "HOME"
"""The variable by which a later server knows what an earlier one left: it lies in the folder for scratch folders."""

_PATIENCE = 3.0
"""Seconds that one has to end by itself, and to take its temporary files with it."""


class Children:
    """The server's children: runners and the small model's engine. The home of each lies in `work`.

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
        self, module: str, home: Path, stderr: int | IO[bytes] = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        """Start a module of this room with pipes for stdin and stdout, and none of the user's secrets."""
        async with self._starting:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"kbench_jupyter.local.{module}",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
                env={**kernel_environment(), _MARK: str(home)}, limit=2**24,
            )  # fmt: skip
            self._pids.add(process.pid)
        return process

    async def end(self, process: asyncio.subprocess.Process) -> None:
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
