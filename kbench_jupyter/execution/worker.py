"""A kernel and the thread that executes a notebook in it, which hands what happens to the thread that waits.

nbclient runs the cells and builds their outputs; this module adds what it does not have: a deadline for
the notebook as a whole, outputs as they come, an interrupt from outside, and events delivered in the
*calling* thread (in a kernel, output that another thread prints lands in whichever cell runs then).
"""

from __future__ import annotations

import _asyncio
import asyncio
import copy
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution.events import CellFailed, CellFinished, CellStarted, Event, Outcome
from kbench_jupyter.execution.kernel import FreshKernel, ToBe, check_installed
from kbench_jupyter.quick_import import load

if TYPE_CHECKING:
    from nbformat import NotebookNode

#: Seconds between looks at `interrupt`, and the most Windows is kept from seeing a Ctrl+C.
_TICK = 0.1
#: Seconds an interrupted cell gets to say where it stood.
_GRACE = 3.0
_END: Any = object()


def _task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task as asyncio does by itself.

    nest_asyncio, which the task SDK applies where it is imported, puts another class into asyncio: since Python 3.14 a
    time-out does not know that it is within one of those.
    """
    return _asyncio.Task(coroutine, loop=loop, **options)


@dataclass(frozen=True)
class _Order:
    """What to execute, within how many seconds, with what changed in the environment (None: taken away)."""

    nb: NotebookNode
    timeout: float | None
    env: Mapping[str, str | None]


class KernelAhead:
    """A fresh kernel, started at once, and the thread that executes a notebook in it when one comes.

    `env` is its environment as far as it is known. Meanwhile it executes `warm_up`, of which the notebook sees nothing.
    What comes `around` the kernel's command, and what is `to_be` the kernel: see `FreshKernel`.

    Raises
    ------
    ExecutionError
        No kernel can be started by this interpreter.
    """

    def __init__(
        self,
        cwd: Path,
        env: Mapping[str, str],
        *,
        warm_up: str = "",
        around: Sequence[str] = (),
        to_be: ToBe | None = None,
    ) -> None:
        check_installed()
        self._kernel = FreshKernel(cwd, env, around, to_be)
        self._warm_up = warm_up
        self._order: _Order | None = None
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ordered, self._stopped = asyncio.Event(), asyncio.Event()
        self._stop_wanted = self._hurry = False
        self._lock = threading.Lock()
        self._failed: CellFailed | None = None
        self._began = time.monotonic()
        self._result: Outcome | BaseException | None = None
        self._worker = threading.Thread(target=self._run, name="kbench-execution", daemon=True)
        self._worker.start()

    # -- calling thread ---------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it still waits for a notebook, as far as is known."""
        return self._worker.is_alive()

    def execute(
        self,
        nb: NotebookNode,
        env: Mapping[str, str],
        timeout: float | None,
        on_event: Callable[[Event], None],
        interrupt: threading.Event | None = None,
    ) -> Outcome:
        """Execute a notebook, once, as `execute_notebook` does; `env` becomes the kernel's whole environment."""
        known = self._kernel.env
        changes: dict[str, str | None] = dict.fromkeys(known.keys() - env.keys())
        changes |= {name: value for name, value in env.items() if known.get(name) != value}
        with self._lock:
            self._began = time.monotonic()
            self._order = _Order(copy.deepcopy(nb), timeout, changes)
            self._tell(self._ordered)
        try:
            while (event := self._next_event()) is not _END:
                if event is not None:
                    on_event(event)
                if interrupt is not None and interrupt.is_set():
                    self._stop()
        except BaseException:
            self._stop(now=True)
            raise
        finally:
            self._worker.join()
        if isinstance(self._result, BaseException):
            raise self._result
        assert self._result is not None  # noqa: S101 - _run() always sets it
        return self._result

    def close(self) -> None:
        """End a kernel that is not wanted any more, whatever it is at."""
        self._stop(now=True)
        self._worker.join()

    def _tell(self, event: asyncio.Event) -> None:
        """Set an event of the worker's loop; the lock is held."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)

    def _next_event(self) -> Any:
        """Return the next event, None when none came within a tick, or the end mark."""
        try:
            return self._events.get(timeout=_TICK)
        except queue.Empty:
            return None

    def _stop(self, *, now: bool = False) -> None:
        """Ask the worker to interrupt the cell and end; safe from any thread, any number of times."""
        with self._lock:
            self._hurry = self._hurry or now
            if self._stop_wanted:
                return
            self._stop_wanted = True
            self._tell(self._stopped)

    # -- worker thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        # zmq needs a selector loop, which on Windows is not the default.
        factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.get_loop().set_task_factory(_task)
                self._result = runner.run(self._supervise())
        except BaseException as error:  # noqa: BLE001 - handed to the calling thread
            self._result = error
        finally:
            with self._lock:
                self._loop = None
            self._events.put(_END)

    async def _supervise(self) -> Outcome:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            # What was said before there was a loop to be told.
            if self._stop_wanted:
                self._stopped.set()
            if self._order is not None:
                self._ordered.set()
        cells = asyncio.create_task(self._execute_cells())
        stopped = asyncio.create_task(self._stopped.wait())
        ordered = asyncio.create_task(self._ordered.wait())
        first = asyncio.FIRST_COMPLETED
        try:
            await asyncio.wait({ordered, stopped, cells}, return_when=first)
            timeout = self._order.timeout if self._order is not None else None
            await asyncio.wait({cells, stopped}, timeout=timeout, return_when=first)
            ended = cells.done()
            interrupted = not ended and stopped.done()
            if not ended:
                await self._kernel.interrupt()
                await asyncio.wait({cells}, timeout=0 if self._hurry else _GRACE)
        finally:
            stopped.cancel()
            ordered.cancel()
            quiet_end = cells.done() and not cells.cancelled() and cells.exception() is None and ended
            if not cells.done():
                cells.cancel()
                await asyncio.wait({cells}, timeout=_GRACE)
            await self._kernel.close(now=not quiet_end)
        kernel_died = self._settle(cells, ended)
        if self._order is None:
            raise ExecutionError("The kernel was ended before it had a notebook.")
        return Outcome(
            notebook=self._order.nb,
            error=self._failed,
            timed_out=not ended and not interrupted,
            interrupted=interrupted,
            kernel_died=kernel_died,
            seconds=time.monotonic() - self._began,
        )

    def _settle(self, cells: asyncio.Task[bool], ended: bool) -> bool:
        """Return whether the kernel died; raise what ended the cells if it is no outcome of theirs."""
        if cells.cancelled() or not cells.done() or (cells.exception() and not ended):
            return False
        return cells.result() and ended

    async def _execute_cells(self) -> bool:
        load("nbclient")
        from nbclient.exceptions import CellExecutionError, DeadKernelError

        from kbench_jupyter.execution.streaming import StreamingClient

        await self._kernel.start()
        if self._warm_up:
            await self._kernel.quietly(f"exec({self._warm_up!r}, {{}})")
        if not self._ordered.is_set():
            await self._kernel.outlive(self._ordered.wait())
        assert self._order is not None  # noqa: S101 - set before the event is
        await self._kernel.change_environment(self._order.env)
        nb = self._order.nb
        client = StreamingClient(nb, self._kernel, self._events.put)
        for index, cell in enumerate(nb.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            self._events.put(CellStarted(index))
            try:
                await client.async_execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
            except CellExecutionError:
                self._failed = client.failure
                self._events.put(self._failed)
                return False
            except DeadKernelError:
                return True
            self._events.put(CellFinished(index))
        return False
