"""Runner processes: one for each job, and one that is kept ready for the next.

A task's first line imports the task SDK, which takes longer than most tasks take to run: 4 s of 5 on two
cores. So when a job is to be expected, a runner is started ahead of it, with its kernel up and the packages
imported that the SDK will import (`execution.WARM_UP`). It knows nothing of the job, and does one job only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.execution import IDLE, ROOM, free_memory
from kbench_jupyter.execution.environment import base_environment, kernel_environment
from kbench_jupyter.local.home import Home
from kbench_jupyter.local.job import Ahead
from kbench_jupyter.local.processes import kill_tree, start_time
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.local.store import Store

log = logging.getLogger("kbench.local.runners")


@dataclass(eq=False)
class Runner:
    """A runner process that waits for its job.

    Parameters
    ----------
    process : asyncio.subprocess.Process
    started : float
        When, in seconds since the epoch.
    scratch : Path
        A folder of its own.
    """

    process: asyncio.subprocess.Process
    started: float
    scratch: Path

    @property
    def home(self) -> Path:
        """The home folder of its kernel."""
        return self.scratch / "home"

    @property
    def noise(self) -> str:
        """The end of what it wrote to stderr."""
        with contextlib.suppress(OSError):
            return self._stderr.read_text(errors="replace")[-2000:]
        return ""

    @property
    def _stderr(self) -> Path:
        return self.scratch / "runner.err"

    @classmethod
    async def start(cls, scratch: Path) -> Runner:
        """Start one.

        Raises
        ------
        OSError
            The system has no room for another process.
        """
        (scratch / "home").mkdir(parents=True, mode=0o700)
        with (scratch / "runner.err").open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kbench_jupyter.local.runner",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
                env=base_environment(), limit=2**24,
            )  # fmt: skip
        return cls(process, start_time(process.pid), scratch)

    async def tell(self, line: bytes) -> None:
        """Write a line to its stdin; a process that is gone shows elsewhere."""
        assert self.process.stdin is not None  # noqa: S101 - asked for in start()
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(line)
            await self.process.stdin.drain()

    async def end(self) -> None:
        """Kill it and all it has started."""
        kill_tree(self.process.pid, self.started)
        await self.process.wait()


class Runners:
    """Where the queue gets its runners from.

    Parameters
    ----------
    home, store
        Where scratch folders are made, and where processes are noted for a later server to end.
    ahead : bool
        Whether any is started before its job.
    sandbox : Sandbox or None
        What their kernels are started in.
    """

    def __init__(self, home: Home, store: Store, *, ahead: bool, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox
        self._home = home
        self._store = store
        self._ahead: asyncio.Task[Runner] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._off = not ahead

    def expect(self) -> None:
        """Have a runner ready: a job will come soon."""
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
        early = runner is not None
        if runner is None:
            runner = await Runner.start(self._home.work / f"{key}-{secrets.token_hex(4)}")
        self._store.note_process(key, runner.process.pid, runner.started)
        if early:
            self._store.forget_process(runner.scratch.name)
        return runner, early

    def around(self, runner: Runner) -> list[str]:
        """Return what comes before the command of a runner's kernel."""
        return self._sandbox.around(runner.scratch) if self._sandbox else []

    async def close(self) -> None:
        """End the one that is ready."""
        self._off = True
        if self._expiry is not None:
            self._expiry.cancel()
        await self._drop()

    async def _prepare(self) -> Runner:
        runner = await Runner.start(self._home.work / f"ahead-{secrets.token_hex(4)}")
        self._store.note_process(runner.scratch.name, runner.process.pid, runner.started)
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
            await runner.end()
            self._store.forget_process(runner.scratch.name)
            await asyncio.to_thread(shutil.rmtree, runner.scratch, ignore_errors=True)
