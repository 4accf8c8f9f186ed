"""The rehearsal: run a task source once in a fresh kernel, as the server will.

It runs in a scratch folder that holds nothing of the user's, since neither will the server; what fails for
want of a local file here would fail there. Places are given in the user's notebook, not in the text that
ran.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.execution import (
    CellOutput,
    CellStarted,
    Event,
    KernelAhead,
    Outcome,
    execute_notebook,
)
from kbench_jupyter.notebook.source import CellRef, TaskSource
from kbench_jupyter.quick_import import load
from kbench_jupyter.validation.rehearsal.places import Place, Places
from kbench_jupyter.validation.rehearsal.tracebacks import tell

#: Seconds a rehearsal may take unless told otherwise.
TIMEOUT = 600.0

# What a fresh kernel says when a package is missing, and what to type then. jupyter_bokeh is not among the
# SDK's requirements (0.6.1), yet showing a run in a kernel fails without it.
_MISSING = {
    "kaggle_benchmarks": "%pip install kaggle_benchmarks 'hishel<2' jupyter_bokeh",
    "jupyter_bokeh": "%pip install jupyter_bokeh",
}


@dataclass(frozen=True)
class Progress:
    """One step of a rehearsal."""

    cell: CellRef  #: the notebook's cell
    position: int  #: which of how many cells is at it, from 1
    total: int
    text: str = ""  #: output that just came, or "" when the cell has just started
    stream: str = "stdout"  #: ``"stdout"`` or ``"stderr"``


@dataclass(frozen=True)
class Failure:
    """Why a rehearsal stopped early."""

    message: str  #: one line
    place: Place | None = None  #: the line of the executed cell
    #: The other place there is to name: where the exception was raised, or where the code that raised it was
    #: called; "" where there is none.
    also: str = ""
    #: The kernel's traceback without ANSI codes and most frames of libraries, with the notebook's places;
    #: possibly empty.
    traceback: str = ""
    hint: str | None = None  #: what to type next, where that is known
    endpoint: bool = False  #: whether it was the model's endpoint that failed, and not the cell
    displaying: bool = False  #: whether all had run, and showing what the cell ends in failed

    @property
    def where(self) -> str:
        """The place in words, or "" where there is none."""
        return str(self.place or "")


@dataclass(frozen=True)
class Rehearsal:
    """How a rehearsal went."""

    outcome: Outcome  #: the execution's own account
    failure: Failure | None = None
    hints: tuple[str, ...] = ()  #: things its output gave away, for example a package that is missing


def rehearse(
    source: TaskSource,
    *,
    folder: Path,
    env: Mapping[str, str],
    timeout: float | None = TIMEOUT,
    on_progress: Callable[[Progress], None] | None = None,
    interrupt: threading.Event | None = None,
    ahead: KernelAhead | None = None,
    prelude: str = "",
) -> Rehearsal:
    """Run `source` in a fresh kernel with `folder` as its working directory.

    Parameters
    ----------
    folder : Path
        An empty scratch folder; run files are left in it.
    env : mapping
        The kernel's whole environment.
    timeout : float or None
        Seconds for all cells together.
    on_progress : callable, optional
        Called in this thread as cells start and put out text.
    interrupt : threading.Event, optional
        Set it to stop.
    ahead : KernelAhead, optional
        A kernel that waits in `folder`; as fresh as one started now.
    prelude : str
        Python that is executed before the first cell, and is no cell of `source`.

    Returns
    -------
    Rehearsal
        Also when a cell failed or time ran out.

    Raises
    ------
    ExecutionError
        If no kernel could be started.
    """
    from kbench_jupyter.notebook.pushed import push_notebook

    notebook = load("nbformat").reads(push_notebook(source), as_version=4)
    if prelude:
        notebook.cells.insert(0, load("nbformat").v4.new_code_cell(prelude))
    places = Places(source, notebook.cells, before=bool(prelude))
    total = len(source.cells)
    missing: set[str] = set()

    def handle(event: Event) -> None:
        if not isinstance(event, CellStarted | CellOutput):
            return
        text = event.text if isinstance(event, CellOutput) else ""
        missing.update(name for name in _MISSING if f"No module named '{name}'" in text)
        cell = places.cell(event.index)
        if on_progress is not None and cell is not None:
            stream = event.stream if isinstance(event, CellOutput) else "stdout"
            on_progress(Progress(cell.ref, source.cells.index(cell) + 1, total, text, stream))

    outcome = execute_notebook(
        notebook, cwd=folder, env=env, timeout=timeout, on_event=handle, interrupt=interrupt, ahead=ahead
    )
    failure = _failure(Places(source, outcome.notebook.cells, before=bool(prelude)), outcome, timeout)
    hints = tuple(
        f"The kernel has no package {name}: {_MISSING[name]}"
        for name in sorted(missing)
        if failure is None or failure.hint != _MISSING[name]
    )
    return Rehearsal(outcome, failure, hints)


def _failure(places: Places, outcome: Outcome, timeout: float | None) -> Failure | None:
    error = outcome.error
    place = None if error is None else places.place(error.index, error.line)
    if outcome.kernel_died:
        return Failure("The kernel died (out of memory, or a crash in native code).", place)
    if outcome.timed_out:
        more = "Allow more: %kbench validate --timeout SECONDS"
        return Failure(f"Stopped after {timeout:g} seconds.", place, hint=more)
    if outcome.interrupted:
        return Failure("Interrupted.", place)
    if error is None:
        return None
    hint = next(
        (cure for name, cure in _MISSING.items() if f"No module named '{name}'" in error.evalue), None
    )
    told = tell(places.named(error.plain_traceback), error.ename, error.evalue)
    frames = places.frames(error.plain_traceback)
    if error.displaying:
        place = places.last_statement(error.index)
    elif place is not None:
        place = next((frame for frame in reversed(frames) if frame.cell == place.cell), place)
    return Failure(
        told.message, place, _also(place, frames), told.traceback, hint, told.endpoint, error.displaying
    )


def _also(place: Place | None, frames: Sequence[Place]) -> str:
    """Name the place beside `place` that one has to look at: what raised, or else what called it."""
    if place is None or not frames:
        return ""
    if frames[-1].cell != place.cell:
        return f"raised in {frames[-1]}"
    return f"called from {frames[0]}" if frames[0] != place else ""
