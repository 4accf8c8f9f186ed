"""The task source of a notebook: its cells as percent text, without what is this package's own.

Everything a push sends goes through `task_source`, so what ``%kbench show`` prints, what the rules check,
what a rehearsal runs and what the server receives are one text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import percent
from kbench_jupyter.notebook.ipython_syntax import TooMuchSyntaxError, limited
from kbench_jupyter.notebook.leave_out import keep, keep_prose
from kbench_jupyter.notebook.size import refuse_too_large
from kbench_jupyter.notebook.source import CellRef, LeftOut, SourceCell, TaskSource

SKIP_TAG = "kbench-skip"
_KINDS = ("code", "markdown", "raw")


def task_source(cells_or_nb: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, origin: str) -> TaskSource:
    """Build the task source of a notebook.

    Left out, and reported: ``%load_ext kbench_jupyter`` (also ``%reload_ext``, ``%unload_ext``), ``%kbench``
    lines (also ``x = %kbench ...``), ``%%kbench`` cells, lines that set or read this package's own settings
    (``%env KBENCH_...``, ``%config KBench...``), and cells tagged ``kbench-skip``. Everything else stays, other
    magics and ``!`` lines included; outputs, execution counts and metadata do not.

    Parameters
    ----------
    cells_or_nb : notebook or sequence of cells
        An nbformat 4 notebook, or its cells.
    origin : str
        What a person would call it: a path, or ``"the %%kbench cell"``.

    Returns
    -------
    TaskSource
        The same cells always give the same text.

    Raises
    ------
    NotebookError
        Not a notebook, or too large for a task; ``%kbench`` in the middle of code; or code that percent format
        cannot hold.
    """
    left_out: list[LeftOut] = []
    parts = [(cell, *_parts(cell, index)) for index, cell in enumerate(_cells(cells_or_nb, origin))]
    meant = [text for cell, _, text, _ in parts if SKIP_TAG not in _tags(cell)]
    refuse_too_large(origin, meant, len(meant))
    try:
        with limited():
            text, cells, unwritable = _written(parts, left_out)
    except TooMuchSyntaxError:
        raise NotebookError(
            f"{origin} has too many magics and other lines of IPython's own, in one cell or in all.",
            hint="Put magics into cells of their own, or tag cells that are not part of the task kbench-skip.",
        ) from None
    left_out = sorted([*left_out, *unwritable], key=lambda out: (out.ref.index, out.line or 0))
    return TaskSource(text, cells, origin, tuple(left_out))


def _written(
    parts: Sequence[tuple[Mapping[str, Any], str, str, CellRef]], left_out: list[LeftOut]
) -> tuple[str, tuple[SourceCell, ...], tuple[LeftOut, ...]]:
    """Write what is kept of the cells, and note what is left out."""
    kept: list[SourceCell] = []
    for cell, kind, text, ref in parts:
        if SKIP_TAG in _tags(cell):
            first = next((line for line in text.split("\n") if line.strip()), "")
            left_out.append(LeftOut(ref, None, first.strip(), f"tagged {SKIP_TAG}"))
            continue
        part = keep(text, ref) if kind == "code" else keep_prose(text)
        left_out += part.left_out
        if part.text:
            kept.append(SourceCell(kind, part.text, ref, part.lines))
    return percent.write(kept)


def _cells(cells_or_nb: Any, origin: str) -> Sequence[Any]:
    cells = cells_or_nb.get("cells") if isinstance(cells_or_nb, Mapping) else cells_or_nb
    if not isinstance(cells, (list, tuple)):
        raise NotebookError(f"{origin} is not a Jupyter notebook: it has no list of cells.")
    return cells


def _parts(cell: Any, index: int) -> tuple[str, str, CellRef]:
    if not isinstance(cell, Mapping):
        raise NotebookError(f"Cell {index + 1} is not a notebook cell but {type(cell).__name__}.")
    source = cell.get("source", "")
    if isinstance(source, (list, tuple)):
        source = "".join(str(line) for line in source)  # as it stands in the file: a list of lines
    kind = cell.get("cell_type")
    if kind not in _KINDS or not isinstance(source, str):
        raise NotebookError(
            f"Cell {index + 1} is not a code, markdown or raw cell with text (cell_type: {kind!r}).",
            hint="Open and save the notebook in JupyterLab, which brings it up to date.",
        )
    ident = cell.get("id")
    text = source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source
    return kind, text, CellRef(index, ident if isinstance(ident, str) else None)


def _tags(cell: Mapping[str, Any]) -> Sequence[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    return tags if isinstance(tags, (list, tuple)) else ()
