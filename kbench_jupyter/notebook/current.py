"""The current notebook: which it is, what it says now, and what of it cannot be seen.

No single source knows in every front end, so small probes are asked in turn, the one that knows most
first (`PROBES`). Each answers, or says in a few words why it cannot. What no probe can see (edits neither
saved nor run) is said in the notes, never guessed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import headless, probes
from kbench_jupyter.notebook.files import read_notebook
from kbench_jupyter.notebook.mirror import link_of
from kbench_jupyter.notebook.overlay import Laid, lay_over
from kbench_jupyter.notebook.probes import Answer, Surroundings
from kbench_jupyter.notebook.server_sessions import jupyter_server


@dataclass(frozen=True)
class CurrentNotebook:
    """The current notebook."""

    path: Path | None  # where it lies, absolute where that is known
    notebook: Any  # nbformat's, with cells and metadata; from a live front end without outputs
    probe: str  # which probe answered
    notes: tuple[str, ...] = ()  # what the user should know: what cannot be seen, and how to make it visible


Probe = Callable[[Surroundings], Answer | str]

PROBES: tuple[tuple[str, Probe], ...] = (
    ("the browser", probes.mirror),
    ("KBENCH_NOTEBOOK", probes.environment),
    ("Kaggle", probes.kaggle),
    ("Colab", probes.colab),
    ("VS Code", probes.vscode),
    ("the Jupyter server", jupyter_server),
    ("the program that runs it", headless.program),
    ("JPY_SESSION_NAME", headless.session_name),
    ("the working directory", headless.working_directory),
)


def current_notebook(shell: Any = None, *, chain: Sequence[tuple[str, Probe]] = PROBES) -> CurrentNotebook:
    """Find the current notebook.

    Parameters
    ----------
    shell : InteractiveShell, optional
        The shell that runs the user's cells; by default IPython's current one.
    chain : sequence of (str, probe), optional
        The probes to ask, in order.

    Returns
    -------
    CurrentNotebook
        The first answer.

    Raises
    ------
    NotebookError
        No probe knows the notebook; the detail says what each one found.
    """
    around = _surroundings(shell)
    tried = []
    for name, probe in chain:
        answer = probe(around)
        if not isinstance(answer, str):
            return _settled(name, answer, around)
        tried.append(f"{name}: {answer}")
    hint = _how_to_name(around)
    raise NotebookError("The current notebook cannot be found.", detail="\n".join(tried), hint=hint)


def _how_to_name(around: Surroundings) -> str:
    """Say how to name the notebook: to save it helps only where somebody has it on a screen."""
    if not hasattr(around.shell, "kernel"):  # a terminal
        return "Name a file: -f task.py, or %env KBENCH_NOTEBOOK=task.py for every command."
    if around.running and not around.running.shown:  # nbconvert, papermill
        return "Name the file: -f FILE, or %env KBENCH_NOTEBOOK=FILE for every command."
    return "Save the notebook (Ctrl+S), or name a file: -f task.ipynb (or task.py)."


def _surroundings(shell: Any) -> Surroundings:
    if shell is None:
        from IPython import get_ipython

        shell = get_ipython()
    if shell is None:
        return Surroundings(None, dict(os.environ), Path.cwd())
    link = link_of(shell)
    return Surroundings(shell, dict(os.environ), Path.cwd(), link.state, link.executed)


def _settled(name: str, answer: Answer, around: Surroundings) -> CurrentNotebook:
    """Turn a probe's answer into the notebook."""
    if answer.notebook is None:
        return _from_file(name, answer, around)
    running = around.running  # as the front end shows it; only the running cell can be newer
    newer = [running] if running else []
    notebook, _ = lay_over(answer.notebook, newer, since=0.0, session=running.session if running else None)
    return CurrentNotebook(answer.path, notebook, name)


def _from_file(name: str, answer: Answer, around: Surroundings) -> CurrentNotebook:
    """Read the file, and lay over it what the window that asks has executed since it was saved."""
    path = answer.path
    assert path is not None  # noqa: S101 -- an answer has a notebook or a path
    saved = path.stat().st_mtime if path.exists() else 0.0
    runs = around.executed.runs if around.executed else []
    notebook, laid = lay_over(read_notebook(path), runs, since=saved, session=around.session)
    if answer.shown:
        _refuse_what_is_older(path, laid)
    notes: tuple[str, ...] = ()
    has_ids = any("id" in cell for cell in notebook["cells"])  # if not, cells run may be another notebook's
    if has_ids and any(run.cell_id and headless.holds_code(run.text) for run in laid.unknown):
        notes = (
            f"{path.name} has unsaved edits that cannot be seen: a cell that was run is not in the "
            "file. Save the notebook (Ctrl+S), then run this again.",
        )
    elif answer.shown:
        named = any(run.cell_id for run in runs)
        unseen = "neither saved (Ctrl+S) nor run" if named else "not saved (Ctrl+S)"
        notes = (f"Read from the saved {path.name}: edits {unseen} are not included.",)
    return CurrentNotebook(path, notebook, name, notes)


def _refuse_what_is_older(path: Path, laid: Laid) -> None:
    """Refuse a file that is surely not what a front end shows: other code was run since it was saved."""
    if laid.others:
        what = "another text of one of its cells"
    elif any(headless.holds_code(run.text) for run in laid.unknown):
        what = "a cell that is not in it"
    else:
        return
    raise NotebookError(
        f"The saved {path.name} is older than what was run: {what} was run since it was saved.",
        hint="Save the notebook (Ctrl+S), then run this again; or name a file: -f FILE.",
    )
