"""The other end of a template: the process that runners are forked off, where the platform forks safely.

A runner that is started anew imports what its task will, which takes 4 s of a core; a forked one finds it imported.
The server has one, which leaves runners to it, and so has a cluster's worker, which puts a keeper above each.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kbench_jupyter.execution import IDLE, ROOM, free_memory
from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.execution.packages import packages_state
from kbench_jupyter.local.children import Children

log = logging.getLogger("kbench.local.templates")

_Made = TypeVar("_Made")
Ask = Callable[[Path, Sequence[int]], Awaitable[int]]
"""Has a template fork for a home folder, with such descriptors (`local.template` says which); returns a process id."""

_READY = b"ready\n"
_STARTUP = 90.0
"""Seconds that one may take to import everything."""
_PATIENCE = 30.0
"""Seconds that one may take to fork."""


def can_fork() -> bool:
    """Whether processes can be forked and followed here: on Linux, unless something keeps us from it."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):  # an old kernel, or a sandbox that knows no such call
        return False
    return True


@dataclass(eq=False)
class _Template:
    """One that was started."""

    process: asyncio.subprocess.Process
    requests: socket.socket
    scratch: Path
    packages: tuple[object, ...]  # as they were before it imported them
    ready: asyncio.Task[None]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, home: Path, descriptors: Sequence[int]) -> int:
        """Have it fork, and return the new process's id; raises EOFError when it has died, or found no memory."""
        assert self.process.stdout is not None  # noqa: S101 - Children.start asks for it
        async with self.turn:
            socket.send_fds(self.requests, [os.fsencode(home)], list(descriptors))
            try:
                async with asyncio.timeout(_PATIENCE):
                    answer = await self.process.stdout.readline()
            except BaseException:  # cancelled, for one: the answer would be taken for that of who asks next
                with suppress(ProcessLookupError):
                    self.process.kill()
                raise
        if not (pid := int(answer or 0)):
            raise EOFError("the template has died, or found no memory")
        return pid


class Templates:
    """At most one template, which goes when nothing was expected for a while."""

    def __init__(self, work: Path, children: Children) -> None:
        self._work = work
        self._children = children
        self._started: asyncio.Task[_Template] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False

    def expect(self) -> None:
        """Have a template ready, if there is memory, until nothing was expected for a while."""
        if self._started is None:
            if self._closed or free_memory() < ROOM:
                return
            self._started = asyncio.create_task(self._start())
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(IDLE, self._expire)

    async def fork(self, make: Callable[[Ask], Awaitable[_Made]]) -> _Made | None:
        """Return what is made by asking the template, which is started for that if need be; None if none can be."""
        for _ in range(2):  # it may have died since, or packages may have changed
            self.expect()
            started = self._started
            if started is None:
                return None
            try:
                template = await asyncio.shield(started)
                await asyncio.shield(template.ready)
                if await asyncio.to_thread(_packages) == template.packages:
                    return await make(template.ask)
                log.info("packages have changed: a new template is started")
            except (OSError, EOFError, ValueError) as error:
                log.warning("no runner could be forked: %s", error or type(error).__name__)
            if self._started is started:
                await self._drop()
        return None

    async def close(self) -> None:
        """End it."""
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        await self._drop()

    async def _start(self) -> _Template:
        packages = await asyncio.to_thread(_packages)
        scratch = self._work / f"template-{secrets.token_hex(4)}"
        home = scratch / "home"
        home.mkdir(parents=True, mode=0o700)
        requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, (scratch / "template.err").open("wb") as stderr:
            process = await self._children.start("template", home, stderr, stdin=theirs.fileno(), cwd=home)
        ready = asyncio.create_task(_until_ready(process, scratch / "template.err"))
        return _Template(process, requests, scratch, packages, ready)

    def _expire(self) -> None:
        self._dropping = asyncio.create_task(self._drop())

    async def _drop(self) -> None:
        started, self._started = self._started, None
        if started is not None:
            with suppress(OSError):  # it was none
                await self._end(await started)

    async def _end(self, template: _Template) -> None:
        template.requests.close()  # which is its stdin
        # At once: it has nothing to tidy up, and what it has forked goes on, which `Children.end` might not spare.
        with suppress(ProcessLookupError):
            template.process.kill()
        await self._children.end(template.process)
        # Not cancelled: whoever waits for it would be, too. Its output has ended.
        await asyncio.gather(template.ready, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, template.scratch, ignore_errors=True)


async def _until_ready(process: asyncio.subprocess.Process, stderr: Path) -> None:
    assert process.stdout is not None  # noqa: S101 - Children.start asks for it
    async with asyncio.timeout(_STARTUP):
        if await process.stdout.readline() == _READY:
            return
    raise EOFError(f"the template ended before it was ready: {stderr.read_text(errors='replace')[-2000:]}")


def _packages() -> tuple[object, ...]:
    return packages_state(kernel_environment())
