"""Probes for the current notebook, one for each front end that can tell something about it.

A probe gets the `Surroundings` and returns an `Answer`, or a few words on why it has none. It never
raises for what the front end does, and never guesses between two candidates.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.executed import Executed, ExecutedCells, answers_click, session_of
from kbench_jupyter.notebook.files import notebook_from_json, read_notebook
from kbench_jupyter.notebook.mirror_state import MirroredNotebook, MirrorState
from kbench_jupyter.notebook.overlay import plain
from kbench_jupyter.paths import expanded
from kbench_jupyter.quick_import import load

COLAB_TIMEOUT_S = 10
_SAME_SAVE_S = 0.5  # a server may touch a file a moment after it has answered; JupyterLab allows as much


@dataclass(frozen=True)
class Surroundings:
    """What a probe may look at."""

    shell: Any  # that runs the user's cells
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    state: MirrorState | None = None  # what browsers have told
    executed: ExecutedCells | None = None

    @property
    def running(self) -> Executed | None:
        """The cell that asks; None where a click in a panel asks, whatever runs meanwhile."""
        return self.executed.running if self.executed and not answers_click(self.shell) else None

    @property
    def running_id(self) -> str | None:
        """The id of the cell that asks, where the front end tells it."""
        return self.running.cell_id if self.running else None

    @property
    def session(self) -> str | None:
        """The session that asks: which window it is, where there are several on this kernel."""
        return self.running.session if self.running else session_of(self.shell)


@dataclass(frozen=True)
class Answer:
    """What a probe knows: the notebook's content, or the path of its file, or both."""

    path: Path | None = None
    notebook: Any = None  # its content, where the front end tells it; otherwise the file is read
    shown: bool = False  # a front end shows it, which may hold edits that the file does not have


def mirror(around: Surroundings) -> Answer | str:
    """Answer from the notebook mirror: live, in JupyterLab and Notebook 7; refuse two versions of one notebook."""
    told = around.state.notebook(around.session, around.running_id) if around.state else None
    if told is None:
        return "the window that asks has no open document that tells this kernel about itself"
    running = around.running
    if running and running.cell_id is None and running.text not in [cell["source"] for cell in told.cells]:
        return "the running cell is not one of the open document's"
    path = _resolved(told.path, around)
    _refuse_two_versions(path, told)
    content = {"cells": told.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return Answer(path, load("nbformat").from_dict(content))


def _refuse_two_versions(path: Path, told: MirroredNotebook) -> None:
    try:
        if path.stat().st_mtime <= told.known + _SAME_SAVE_S:
            return
        saved = read_notebook(path).cells
    except (OSError, NotebookError):  # no file (yet), or one that cannot be read: there is one version only
        return
    ids = {cell["id"] for cell in saved if "id" in cell}
    if ids and ids.isdisjoint(cell["id"] for cell in told.cells):
        return  # another notebook, which has this path in the folder the kernel works in
    if _texts(saved) == _texts(told.cells):
        return
    raise NotebookError(
        f"There are two versions of {path.name}: the file was saved elsewhere since this window loaded or "
        "saved it, and they differ.",
        hint="Reload the notebook (File > Reload Notebook from Disk), or save this window's version (Ctrl+S), "
        "then run this again.",
    )


def _texts(cells: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    return [
        (cell["cell_type"], plain(cell["source"]), list(cell["metadata"].get("tags", ()))) for cell in cells
    ]


def _resolved(path: str, around: Surroundings) -> Path:
    """Find on disk what the Jupyter server knows by `path`, relative to a folder it does not tell."""
    relative = path.split(":", 1)[-1].lstrip("/")  # "RTC:folder/task.ipynb" names a drive
    for start in (around.cwd, Path(around.env.get("JPY_SESSION_NAME", "")).parent):
        for folder in (start, *start.parents):
            if (folder / relative).is_file():
                return folder / relative
    return Path(relative)


def environment(around: Surroundings) -> Answer | str:
    """Answer from ``KBENCH_NOTEBOOK``, a path the user or a runner has set."""
    value = around.env.get("KBENCH_NOTEBOOK")
    if not value:
        return "not set"
    path = around.cwd / expanded(value)
    if not path.is_file():
        raise NotebookError(
            f"KBENCH_NOTEBOOK names {value}, and there is no such file.",
            hint="Correct it or unset it, or name a file with -f.",
        )
    return Answer(path)


def kaggle(around: Surroundings) -> Answer | str:
    """Answer from Kaggle's editor, through the client that its notebooks carry."""
    if "KAGGLE_KERNEL_RUN_TYPE" not in around.env:
        return "not a Kaggle notebook"
    try:
        from kaggle_session import UserSessionClient  # type: ignore[import-not-found,unused-ignore]

        response = UserSessionClient().get_exportable_ipynb()
    except Exception as error:  # noqa: BLE001 -- its client raises whatever its backend answers
        return f"its session client failed ({type(error).__name__})"
    for key in ("source", "sourceNullable"):
        text = response.get(key) if isinstance(response, Mapping) else getattr(response, key, None)
        if text:
            return _from_json(text, "Kaggle's editor")
    return "its session client sent no notebook"


def colab(around: Surroundings) -> Answer | str:
    """Answer from Colab's front end, which may be asked from the main thread only."""
    if "google.colab" not in sys.modules and "COLAB_RELEASE_TAG" not in around.env:
        return "not a Colab notebook"
    if threading.current_thread() is not threading.main_thread():
        return "it can be asked from the main thread only"
    try:
        from google.colab import _message  # type: ignore[import-not-found,import-untyped,unused-ignore]

        response = _message.blocking_request("get_ipynb", request="", timeout_sec=COLAB_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 -- a private module of Colab's
        return f"its front end could not be asked ({type(error).__name__})"
    content = response.get("ipynb") if isinstance(response, Mapping) else None
    if not isinstance(content, Mapping):
        return "its front end did not answer in time"
    return _from_json(json.dumps(content), "Colab")


def vscode(around: Surroundings) -> Answer | str:
    """Answer from the variable that VS Code sets in the kernel; it may be absent there, too."""
    user_ns = getattr(around.shell, "user_ns", None) or {}
    value = user_ns.get("__vsc_ipynb_file__")
    if around.running_id:  # VS Code names cells in a way of its own; it has had this kernel before
        return "the running cell is not one of VS Code's"
    if not isinstance(value, str) or not value:
        return "not a VS Code notebook"
    path = Path(value)
    return Answer(path, shown=True) if path.is_file() else f"{path} is not saved yet, or renamed"


def _from_json(text: str, name: str) -> Answer | str:
    try:
        return Answer(None, notebook_from_json(text, name))
    except NotebookError as error:
        return str(error)
