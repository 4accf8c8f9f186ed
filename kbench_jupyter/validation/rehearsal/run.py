"""The rehearsal: run a task source once in a fresh kernel, as the server will.

It runs in a scratch folder that holds nothing of the user's, since neither will the server; what fails for
want of a local file here would fail there. Places are given in the user's notebook, not in the text that
ran.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kbench_jupyter.execution import (
    CellFailed,
    CellOutput,
    CellStarted,
    Event,
    KernelAhead,
    Outcome,
    execute_notebook,
)
from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource, place_in_words
from kbench_jupyter.quick_import import load
from kbench_jupyter.validation.rehearsal.tracebacks import tell

#: Seconds a rehearsal may take unless told otherwise.
TIMEOUT = 600.0

# What a fresh kernel says when a package is missing, and what to type then. jupyter_bokeh is not among the
# SDK's requirements (0.6.1), yet showing a run in a kernel fails without it.
_MISSING = {
    "kaggle_benchmarks": "%pip install kaggle_benchmarks 'hishel<2' jupyter_bokeh",
    "jupyter_bokeh": "%pip install jupyter_bokeh",
}

# Where IPython (8.18 and later) says that a frame is in a cell, and the lines it quotes from it.
_FRAME = re.compile(r"Cell In ?\[(\d+)\], line (\d+)")
_QUOTED = re.compile(r"(-+> +| +)(\d+)(?= |$)")


@dataclass(frozen=True)
class Progress:
    """One step of a rehearsal.

    Parameters
    ----------
    cell : CellRef
        The notebook's cell.
    position, total : int
        Which of how many cells is at it, from 1.
    text : str
        Output that just came, or "" when the cell has just started.
    stream : str
        ``"stdout"`` or ``"stderr"``.
    """

    cell: CellRef
    position: int
    total: int
    text: str = ""
    stream: str = "stdout"


@dataclass(frozen=True)
class Failure:
    """Why a rehearsal stopped early.

    Parameters
    ----------
    message : str
        One line.
    cell : CellRef or None
    line : int or None
        Line in that cell of the notebook, from 1.
    traceback : str
        The kernel's traceback without ANSI codes and most frames of libraries, with the notebook's places;
        possibly empty.
    hint : str or None
        What to type next, where that is known.
    endpoint : bool
        Whether it was the model's endpoint that failed, and not the cell.
    file_line : int or None
        The line in the user's file, from 1, where the source is a file with lines.
    """

    message: str
    cell: CellRef | None = None
    line: int | None = None
    traceback: str = ""
    hint: str | None = None
    endpoint: bool = False
    file_line: int | None = None

    @property
    def where(self) -> str:
        """The place in words, or "" where there is none."""
        if self.cell is None:
            return ""
        return place_in_words(self.cell, self.line, self.file_line)


@dataclass(frozen=True)
class Rehearsal:
    """How a rehearsal went.

    Parameters
    ----------
    outcome : Outcome
        The execution's own account.
    failure : Failure or None
    hints : tuple of str
        Things its output gave away, for example a package that is missing.
    """

    outcome: Outcome
    failure: Failure | None = None
    hints: tuple[str, ...] = ()


def rehearse(
    source: TaskSource,
    *,
    folder: Path,
    env: Mapping[str, str],
    timeout: float | None = TIMEOUT,
    on_progress: Callable[[Progress], None] | None = None,
    interrupt: threading.Event | None = None,
    ahead: KernelAhead | None = None,
) -> Rehearsal:
    """Run `source` in a fresh kernel with `folder` as its working directory.

    Parameters
    ----------
    source : TaskSource
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

    Returns
    -------
    Rehearsal
        Also when a cell failed or time ran out.

    Raises
    ------
    ExecutionError
        If no kernel could be started.
    """
    from kbench_jupyter.notebook.build import push_notebook

    notebook = load("nbformat").reads(push_notebook(source), as_version=4)
    total = len(source.cells)
    missing: set[str] = set()

    def handle(event: Event) -> None:
        if not isinstance(event, CellStarted | CellOutput):
            return
        text = event.text if isinstance(event, CellOutput) else ""
        missing.update(name for name in _MISSING if f"No module named '{name}'" in text)
        if on_progress is not None:
            stream = event.stream if isinstance(event, CellOutput) else "stdout"
            on_progress(Progress(source.cells[event.index].ref, event.index + 1, total, text, stream))

    outcome = execute_notebook(
        notebook, cwd=folder, env=env, timeout=timeout, on_event=handle, interrupt=interrupt, ahead=ahead
    )
    failure = _failure(source, outcome, timeout)
    if failure is not None:
        failure = replace(failure, file_line=source.file_line(failure.cell, failure.line))
    hints = tuple(
        f"The kernel has no package {name}: {_MISSING[name]}"
        for name in sorted(missing)
        if failure is None or failure.hint != _MISSING[name]
    )
    return Rehearsal(outcome, failure, hints)


def _failure(source: TaskSource, outcome: Outcome, timeout: float | None) -> Failure | None:
    cell, line = _place(source, outcome.error)
    if outcome.kernel_died:
        return Failure("The kernel died (out of memory, or a crash in native code).", cell, line)
    if outcome.timed_out:
        return Failure(
            f"Stopped after {timeout:g} seconds.",
            cell,
            line,
            hint="Allow more: %kbench validate --timeout SECONDS",
        )
    if outcome.interrupted:
        return Failure("Interrupted.", cell, line)
    if outcome.error is None:
        return None
    error = outcome.error
    hint = next(
        (cure for name, cure in _MISSING.items() if f"No module named '{name}'" in error.evalue), None
    )
    told = tell(_in_notebook(error.plain_traceback, source, outcome), error.ename, error.evalue)
    return Failure(told.message, cell, line, told.traceback, hint, told.endpoint)


def _in_notebook(traceback: str, source: TaskSource, outcome: Outcome) -> str:
    """Name the notebook's cells and lines in a traceback that counts the prompts and lines of what ran."""
    prompts = {
        cell.get("execution_count"): source.cells[index] for index, cell in enumerate(outcome.notebook.cells)
    }
    lines: list[str] = []
    quoted: SourceCell | None = None
    for line in traceback.splitlines():
        frame = _FRAME.search(line)
        if frame is not None:
            quoted = prompts.get(int(frame[1]))
        elif not line.strip():
            quoted = None
        if quoted is None:
            lines.append(line)
        elif frame is not None:
            place = f"Cell {quoted.ref.number}, line {_own_line(quoted, int(frame[2]))}"
            lines.append(line[: frame.start()] + place + line[frame.end() :])
        elif number := _QUOTED.match(line):
            own = str(_own_line(quoted, int(number[2]))).rjust(len(number[2]))
            lines.append(number[1] + own + line[number.end() :])
        else:
            lines.append(line)
    return "\n".join(lines)


def _own_line(cell: SourceCell, line: int) -> int:
    """Return a line's number in the notebook's cell, of which some lines may have been left out."""
    return cell.lines[line - 1] if 0 < line <= len(cell.lines) else line


def _place(source: TaskSource, error: CellFailed | None) -> tuple[CellRef | None, int | None]:
    if error is None or not 0 <= error.index < len(source.cells):
        return None, None
    cell = source.cells[error.index]
    return cell.ref, None if error.line is None else _own_line(cell, error.line)
