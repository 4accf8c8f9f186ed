"""Runner processes: one for each job, and one that is kept ready for the next.

A task's first line imports the task SDK, which takes longer than most tasks take to run: 4 s of 5 on two
cores. So when a job is to be expected, a runner is started ahead of it, with its kernel up and the packages
imported that the SDK will import (`execution.WARM_UP`). It knows nothing of the job, and does one job only.
Where runners can be forked off a template, that is kept ready instead, for any number of them (`templates`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from kbench_jupyter.execution import IDLE, ROOM, free_memory
from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.execution.processes import adopts_orphans
from kbench_jupyter.execution.scratch import remove_folder
from kbench_jupyter.local.children import Children, Forked
from kbench_jupyter.local.executors.templates import Ask, Templates, can_fork
from kbench_jupyter.local.job import Ahead
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.local.temporary import remove_temporary

log = logging.getLogger("kbench.local.runners")

_STDERR = "runner.err"


@dataclass(eq=False)
class Runner:
    """A runner process, and a scratch folder of its own."""

    process: asyncio.subprocess.Process | Forked
    scratch: Path

    @property
    def home(self) -> Path:
        """The home folder of its kernel."""
        return self.scratch / "home"

    @property
    def noise(self) -> str:
        """The end of what it wrote to stderr."""
        with contextlib.suppress(OSError):
            return (self.scratch / _STDERR).read_text(errors="replace")[-2000:]
        return ""

    async def tell(self, line: bytes) -> None:
        """Write a line to its stdin; a process that is gone shows elsewhere."""
        assert self.process.stdin is not None  # noqa: S101 - Children.start asks for it
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(line)
            await self.process.stdin.drain()


def remove_scratch(folder: Path) -> None:
    """Remove a runner's scratch folder, and the temporary one of a runner that had no time to."""
    remove_temporary(folder)
    remove_folder(folder)


class Runners:
    """Where the queue gets its runners from, with scratch folders in `work`.

    None is there before its job unless `ahead`, and none is forked unless `fork`.
    """

    def __init__(
        self, work: Path, children: Children, *, ahead: bool, fork: bool, sandbox: Sandbox | None = None
    ) -> None:
        self._work = work
        self._children = children
        self._sandbox = sandbox
        self._ahead: asyncio.Task[Runner] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._off = not ahead
        # A sandbox is put around a command, and a forked runner is left to this process.
        forked = ahead and fork and not sandbox and can_fork() and adopts_orphans()
        self._templates = Templates(work, children) if forked else None

    def expect(self) -> None:
        """Have a runner ready, or what it is forked off: a job will come soon."""
        if self._templates is not None:
            self._templates.expect()
            return
        if self._off or free_memory() < ROOM:
            return
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._prepare())
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(IDLE, self._expire)

    async def take(self, key: str) -> tuple[Runner, bool]:
        """Return a runner for a job, and whether it had been started ahead."""
        ahead, self._ahead = self._ahead, None
        runner = await self._usable(ahead) if ahead else None
        return runner or await self._start(key), runner is not None

    async def end(self, runner: Runner) -> None:
        """End one, and all it has started."""
        await self._children.end(runner.process)

    def around(self, runner: Runner) -> list[str]:
        """Return what comes before the command of a runner's kernel."""
        return self._sandbox.around(runner.scratch) if self._sandbox else []

    async def close(self) -> None:
        """End the one that is ready."""
        self._off = True
        if self._templates is not None:
            await self._templates.close()
        if self._expiry is not None:
            self._expiry.cancel()
        await self._drop()

    async def _start(self, name: str) -> Runner:
        scratch = self._work / f"{name}-{secrets.token_hex(4)}"
        (scratch / "home").mkdir(parents=True, mode=0o700)
        with (scratch / _STDERR).open("wb") as stderr:
            home = scratch / "home"

            async def forked(ask: Ask) -> Forked:
                return await self._children.fork(partial(_forked, ask, home, stderr))

            process = await self._templates.fork(forked) if self._templates else None
            return Runner(process or await self._children.start("runner", home, stderr), scratch)

    async def _prepare(self) -> Runner:
        runner = await self._start("ahead")
        env = {**kernel_environment(), "HOME": str(runner.home)}
        await runner.tell(Ahead(str(runner.scratch), env, self.around(runner)).dumps())
        return runner

    async def _usable(self, ahead: asyncio.Task[Runner]) -> Runner | None:
        try:
            runner = await ahead
        except OSError as error:
            log.warning("no runner could be started ahead: %s", error)
            return None
        if runner.process.returncode is None:
            return runner
        log.warning(
            "the runner that was ready ended with code %s: %s", runner.process.returncode, runner.noise
        )
        return None

    def _expire(self) -> None:
        self._dropping = asyncio.create_task(self._drop())

    async def _drop(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (runner := await self._usable(ahead)):
            await self.end(runner)
            await asyncio.to_thread(remove_scratch, runner.scratch)


async def _forked(ask: Ask, home: Path, stderr: IO[bytes]) -> Forked:
    ours, theirs = socket.socketpair()
    with ExitStack() as held:
        held.enter_context(ours)
        with theirs:
            pid = await ask(home, [theirs.fileno(), theirs.fileno(), stderr.fileno()])
        followed = await Forked.follow(pid, ours)
        held.pop_all()  # it is that one's now
        return followed
