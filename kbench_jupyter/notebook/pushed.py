"""The notebook that is pushed, and the way back from one that was."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import percent
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import notebook_from_json
from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.quick_import import load

# The official client names every task's kernel so, whatever the notebook ran on (kaggle 2.2.4).
_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def push_notebook(source: TaskSource, *, choose: str | None = None) -> str:
    """Return the notebook that is pushed, as the official client makes it from the same percent text.

    Parameters
    ----------
    source : TaskSource
        What to push.
    choose : str, optional
        A task's name. ``%choose NAME``, a magic of the task SDK, is added as the last cell: the server
        stores one task a notebook and wants to know which.

    Returns
    -------
    str
        Notebook JSON. The same source always gives the same bytes, cell ids included.

    Raises
    ------
    NotebookError
        The text is not read back as the cells of `source`, or `choose` is not one line of text.
    """
    notebook = percent.read(source.text)
    if source.cells and not percent.holds(notebook, source.cells):
        raise NotebookError(
            f"The percent text of {source.origin} is not read back as the cells it was made of.",
            hint="Please report this, with `%kbench show`; until then, tag odd cells kbench-skip.",
        )
    if choose is not None:
        notebook.cells.append(_choose_cell(choose))
    for index, cell in enumerate(notebook.cells):
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode("utf-8", "replace")).hexdigest()
        cell["id"] = f"{index:04d}-{digest[:8]}"  # the position keeps equal cells apart
    notebook.metadata["kernelspec"] = dict(_KERNELSPEC)
    return str(load("jupytext").writes(notebook, fmt="ipynb"))


def _choose_cell(name: str) -> Any:
    if not name.strip() or len(name.splitlines()) != 1:
        raise NotebookError(f"A task's name is one line of text, not {name!r}.")
    return load("nbformat").v4.new_code_cell(f"%choose {name.strip()}")


def notebook_from_pushed(text: str) -> Any:
    """Read a task's source notebook, as the server hands it back, into a notebook to work on.

    Parameters
    ----------
    text : str
        Notebook JSON (``__notebook_source__.ipynb`` of a download).

    Returns
    -------
    nbformat.NotebookNode
        Without outputs, execution counts and what jupytext noted about percent format.

    Raises
    ------
    NotebookError
        Not a notebook.
    """
    notebook = notebook_from_json(text, "the pushed notebook")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"], cell["execution_count"] = [], None
    for key in ("jupytext", "widgets", "papermill"):
        notebook.metadata.pop(key, None)
    return notebook


def percent_from_pushed(text: str) -> str:
    """Return a pushed notebook as percent text; see `notebook_from_pushed`."""
    return task_source(json.loads(json.dumps(notebook_from_pushed(text))), origin="the pushed notebook").text
