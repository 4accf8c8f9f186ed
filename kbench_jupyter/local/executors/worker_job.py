"""A job on a cluster's worker: its runner process, its log as it grows, and what it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from kbench_jupyter.execution import processes
from kbench_jupyter.local.executors import keepers
from kbench_jupyter.local.executors.runners import remove_scratch
from kbench_jupyter.local.executors.work import PATIENCE, SLACK
from kbench_jupyter.local.home import not_stored
from kbench_jupyter.local.job import BEGUN, END, Job, Verdict
from kbench_jupyter.local.logs import NAME as LOG
from kbench_jupyter.local.rows import ERRORED

Fork = Callable[[Path, Path], Coroutine[Any, Any, keepers.ForkedKeeper | None]]
"""`Keepers.fork`."""

_PIECE = 2**20
"""Bytes of a log that are handed over at a time; an entry is never cut."""


class WorkerJob:
    """One attempt at a job. A thread of the worker carries it out; the server looks at it by the event loop."""

    def __init__(self, key: str, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.key = key
        self.attempt = secrets.token_hex(8)
        self.folder = folder / self.attempt
        self.result: dict[str, Any] | None = None
        self._scratch = self.folder / "scratch"
        self._loop = loop
        self._news = asyncio.Event()
        self._written = 0
        self._make: Callable[[WorkerJob], Job] | None = None
        self._fork: Fork | None = None
        self._stir = threading.Event()  # it is supplied, unwanted, or its keeper is forked, or has ended
        self._unwanted = False
        self._refused = "The embedded server did not say what is to be done."
        self._done = threading.Event()
        (self._scratch / "home").mkdir(parents=True, mode=0o700)

    # -- asked by the event loop ------------------------------------------------------------------

    @property
    def supplied(self) -> bool:
        """Whether it knows what it is to do."""
        return self._make is not None

    def supply(self, make: Callable[[WorkerJob], Job], fork: Fork | None) -> None:
        """Tell it how its order is made, and its keeper forked, if it is to be."""
        self._make, self._fork = make, fork
        self._stir.set()

    def refuse(self, why: str) -> None:
        """End it before it has begun."""
        self._refused = why
        self._stir.set()

    @property
    def home(self) -> Path:
        """The home folder of its kernel."""
        return self._scratch / "home"

    @property
    def scratch(self) -> Path:
        """A folder of its own, in which the kernel works."""
        return self._scratch

    async def look(self, offset: int, patience: float) -> dict[str, Any]:
        """Return what is new in its log from an offset on; waits a while for something."""
        if offset >= self._written and self.result is None and patience:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
        # In this order: what is written in between is read in the next look.
        result, written = self.result, self._written
        data = await asyncio.to_thread(_read, self.folder / LOG, offset, written)
        ended = result is not None and offset + len(data) >= written
        about = {"attempt": self.attempt, "supplied": self.supplied, "data": data}
        return {**about, "result": result if ended else None}

    async def part(self, offset: int, size: int) -> bytes:
        """Return a part of its archive."""
        return await asyncio.to_thread(_read_part, self.folder / "output.zip", offset, size)

    def drop(self) -> None:
        """End it if it is going; nobody will ask for it any more."""
        self._unwanted = True
        self._stir.set()
        if self._done.is_set():
            self._loop.run_in_executor(None, shutil.rmtree, self.folder, True)

    async def end(self) -> None:
        """End it, and return when its processes have ended."""
        self._unwanted = True
        self._stir.set()
        await asyncio.to_thread(self._done.wait, 2 * PATIENCE)

    # -- done by a thread of the worker -----------------------------------------------------------

    def carry_out(self, timeout: float) -> None:
        """Wait for the order, and carry it out: to its end, for so many seconds, or until nobody wants it."""
        try:
            self._stir.wait(timeout + SLACK)  # a server that is down may come back
            self._stir.clear()
            if self._make and not self._unwanted:
                verdict = self._run(self._make(self), timeout)
            else:
                verdict = Verdict(ERRORED, self._refused)
        except OSError as error:
            verdict = Verdict(ERRORED, not_stored(error))
        except Exception as error:  # noqa: BLE001 - without a result the server would ask for one for ever
            verdict = Verdict(ERRORED, f"The worker could not carry it out: {type(error).__name__}: {error}")
        finally:
            remove_scratch(self._scratch)
            self._done.set()
        archive = self.folder / "output.zip"
        size = archive.stat().st_size if archive.exists() else None
        self.result = {"verdict": asdict(verdict), "archive": size}
        self._tell()
        if self._unwanted:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, job: Job, timeout: float) -> Verdict:
        noise = self.folder / "runner.err"
        forked = self._forked(noise)
        if self._unwanted:
            return Verdict(ERRORED)
        process = forked or keepers.start(self.home, noise)
        reading = _start(self._read_log, process.stdout)
        _start(self._await_end, process)
        _tell(process, job.dumps())
        self._stir.wait(timeout + SLACK)
        self._end(process)
        reading.join(PATIENCE)
        said = _read_part(noise, max(0, noise.stat().st_size - 2000), 2000).decode(errors="replace")
        return Verdict.of_runner(self.folder, process.returncode, said)

    def _forked(self, noise: Path) -> keepers.ForkedKeeper | None:
        """Return a keeper that was forked, if one is; what it is forked off may have to import everything first."""
        if self._fork is None:
            return None
        forking = asyncio.run_coroutine_threadsafe(self._fork(self.home, noise), self._loop)
        forking.add_done_callback(lambda _: self._stir.set())
        self._stir.wait()
        self._stir.clear()
        if self._unwanted:
            forking.add_done_callback(_let_go)
            return None
        return forking.result()

    def _end(self, process: keepers.Keeper) -> None:
        if process.poll() is None:
            _tell(process, END)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        if process.poll() is None:
            processes.end_tree(process.pid)
        if process.wait() != 0:  # whoever was below a keeper that was killed
            processes.end_marked("HOME", self._scratch)
        assert process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(OSError):
            process.stdin.close()

    def _await_end(self, process: keepers.Keeper) -> None:
        process.wait()
        self._stir.set()

    def _read_log(self, stdout: IO[bytes]) -> None:
        with stdout, (self.folder / LOG).open("ab", buffering=0) as file:
            for line in stdout:
                if line != BEGUN and line.endswith(b"\n"):
                    file.write(line)
                    self._written += len(line)
                    self._tell()

    def _tell(self) -> None:
        if not self._news.is_set():
            with contextlib.suppress(RuntimeError):  # the worker is closing
                self._loop.call_soon_threadsafe(self._news.set)


def _start(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _let_go(forking: Future[keepers.ForkedKeeper | None]) -> None:
    if not forking.cancelled() and forking.exception() is None and (process := forking.result()):
        process.stdin.close()  # which its runner takes for the end


def _tell(process: keepers.Keeper, line: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - keepers have one
    with contextlib.suppress(OSError):
        process.stdin.write(line)
        process.stdin.flush()


def _read(path: Path, offset: int, end: int) -> bytes:
    """Return whole lines of a file, from an offset on."""
    data = b""
    if offset < end:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(min(_PIECE, end - offset))
    whole = data.rfind(b"\n") + 1
    return data[:whole]


def _read_part(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
