"""The server's end of a template: the process that runners are forked off, where the platform forks safely.

A runner that is started anew imports what its task will, which takes 4 s of a core; a forked one finds it imported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from kbench_jupyter.execution import IDLE, ROOM, free_memory
from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.execution.packages import packages_state
from kbench_jupyter.execution.processes import adopts_orphans
from kbench_jupyter.local.children import Children, Forked

log = logging.getLogger("kbench.local.templates")

_READY = b"ready\n"
_STARTUP = 90.0
"""Seconds that one may take to import everything."""
_PATIENCE = 30.0
"""Seconds that one may take to fork."""


def can_fork() -> bool:
    """Whether processes can be forked for this one, and followed: on Linux, unless something keeps us from it."""
    if sys.platform != "linux" or not adopts_orphans():
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

    async def fork(self, home: Path, stderr: IO[bytes]) -> Forked | None:
        """Return a runner forked off the template, which is started for that if need be; None if there can be none."""
        for _ in range(2):  # it may have died since, or packages may have changed
            self.expect()
            started = self._started
            if started is None:
                return None
            try:
                template = await asyncio.shield(started)
                await asyncio.shield(template.ready)
                if await asyncio.to_thread(_packages) == template.packages:
                    return await self._children.fork(partial(_ask, template, home, stderr))
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


async def _ask(template: _Template, home: Path, stderr: IO[bytes]) -> Forked:
    ours, theirs = socket.socketpair()
    with ExitStack() as held:
        held.enter_context(ours)
        with theirs:
            descriptors = [theirs.fileno(), theirs.fileno(), stderr.fileno()]
            socket.send_fds(template.requests, [os.fsencode(home)], descriptors)
            assert template.process.stdout is not None  # noqa: S101 - Children.start asks for it
            async with asyncio.timeout(_PATIENCE):
                answer = await template.process.stdout.readline()
        if not (pid := int(answer or 0)):
            raise EOFError("the template has died, or found no memory")
        followed = await Forked.follow(pid, ours)
        held.pop_all()  # it is that one's now
        return followed
