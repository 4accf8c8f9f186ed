"""Execute a notebook from ordinary, synchronous code: in a kernel started for it, or in one started ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution.kernel import check_installed
from kbench_jupyter.execution.packages import installs_packages
from kbench_jupyter.execution.worker import KernelAhead

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from kbench_jupyter.execution.events import Event, Outcome


def execute_notebook(
    nb: NotebookNode,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None,
    on_event: Callable[[Event], None],
    interrupt: threading.Event | None = None,
    ahead: KernelAhead | None = None,
    around: Sequence[str] = (),
) -> Outcome:
    """Execute a notebook in a fresh kernel and return when the kernel is gone.

    May be called from any thread, also from a kernel's main thread while its event loop runs.

    Parameters
    ----------
    nb : nbformat.NotebookNode
        The notebook (nbformat 4); it is copied, never changed.
    cwd : Path
        The kernel's working directory. See `scratch_folder` about stray ``.env`` files.
    env : mapping
        The kernel's whole environment.
    timeout : float or None
        Seconds for the whole notebook, kernel start included.
    on_event : callable
        Called with each event, in the calling thread. What it raises stops the kernel and is raised.
    interrupt : threading.Event, optional
        Set it from elsewhere to stop the execution.
    ahead : KernelAhead, optional
        Has been started for this notebook, in `cwd`. It takes the place of a new kernel unless it has died, or the
        notebook would see a difference; it is gone either way.
    around : sequence of str
        What comes before the kernel's command; see `FreshKernel`.

    Returns
    -------
    Outcome
        Also when a cell failed, time ran out, the kernel died or the execution was interrupted.

    Raises
    ------
    ExecutionError
        No kernel could be started.
    KeyboardInterrupt
        Came while waiting; the kernel is ended first.
    """
    check_installed()
    if ahead is not None:
        # A package the notebook installs may be one that the warm-up has imported as it was before.
        if ahead.alive and not installs_packages(nb):
            with suppress(ExecutionError):  # it died over its waiting: then no cell has begun
                return ahead.execute(nb, env, timeout, on_event, interrupt)
        ahead.close()
    return KernelAhead(cwd, env, around=around).execute(nb, env, timeout, on_event, interrupt)
