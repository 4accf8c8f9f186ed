"""A worker's end of its keepers, one for each job: forked off a template, else started.

Either is spoken to by threads of the worker, like a `subprocess.Popen` that was started with three pipes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO

from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.templates import Ask, Templates, can_fork

_KILLED = 255


class ForkedKeeper:
    """A keeper that was forked: what is used of `subprocess.Popen`, with the same names."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes], told: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._await_end, args=(told,), daemon=True).start()

    def poll(self) -> int | None:
        """Return its exit code, None while it lives."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("keeper", timeout or 0)
        assert self.returncode is not None  # noqa: S101 - set before the event is
        return self.returncode

    def _await_end(self, told: IO[bytes]) -> None:
        with told:
            code = int(told.read() or _KILLED)
        # Its template may have gone before it; the first process of a container is then its parent.
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.returncode = code
        self._ended.set()


Keeper = subprocess.Popen[bytes] | ForkedKeeper


class Keepers:
    """Where a worker's jobs get their keepers from, where these can be forked. Must be used in its event loop."""

    def __init__(self, folder: Path) -> None:
        self._templates = Templates(folder, Children(folder, alone=False)) if can_fork() else None

    async def fork(self, home: Path, noise: Path) -> ForkedKeeper | None:
        """Return one whose runner has a home folder, and a file for its stderr; None if none can be forked."""
        if self._templates is None:
            return None
        with noise.open("ab") as stderr:
            return await self._templates.fork(partial(_forked, home, stderr))

    async def close(self) -> None:
        """End what they are forked off."""
        if self._templates is not None:
            await self._templates.close()


def start(home: Path, noise: Path) -> subprocess.Popen[bytes]:
    """Start one whose runner has a home folder, and a file for its stderr."""
    with noise.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "kbench_jupyter.local.executors.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**kernel_environment(), "HOME": str(home)},
            start_new_session=True,  # Ctrl+C at the worker ends the worker, and that its jobs, in good order
        )


async def _forked(home: Path, stderr: IO[bytes], ask: Ask) -> ForkedKeeper:
    (stdin, to_stdin), (of_stdout, stdout), (of_told, told) = (os.pipe() for _ in range(3))
    with ExitStack() as held:
        ours: list[IO[bytes]] = [
            os.fdopen(to_stdin, "wb"),
            os.fdopen(of_stdout, "rb"),
            os.fdopen(of_told, "rb"),
        ]
        for file in ours:
            held.enter_context(file)
        try:
            pid = await ask(home, [stdin, stdout, stderr.fileno(), told])
        finally:
            for descriptor in (stdin, stdout, told):
                os.close(descriptor)
        held.pop_all()  # they are the keeper's now
        return ForkedKeeper(pid, *ours)
