"""Task sources from files: notebooks, percent scripts, and whatever else jupytext reads."""

from __future__ import annotations

import codecs
import io
import json
import re
import tokenize
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import percent
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.size import MOST_CELLS, refuse_irregular, refuse_too_large
from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource
from kbench_jupyter.paths import expanded
from kbench_jupyter.quick_import import load

MAX_BYTES = 64 * 1024 * 1024  # outputs included; a notebook's own text is a thousandth of that
_LIGHT = re.compile(r"^#[ \t]*(?:\+(?:\s.*)?|region\b.*)$|^#[ \t]+format_name: light$", re.MULTILINE)
_PERCENT = re.compile(r"^[ \t]*#[ \t]*%%(?:\s|$)", re.MULTILINE)
# What begins a cell in the formats that jupytext reads, at least.
_BEGINNING = re.compile(r"^[ \t]*(?:#[ \t]*(?:%%|\+)|```|~~~)", re.MULTILINE)


def percent_task_source(text: str, *, origin: str) -> TaskSource:
    """Build a task source from percent-format text: a ``%%kbench`` cell's body or a ``.py`` file.

    Parameters
    ----------
    text : str
        Percent-format text; a plain script is one cell.
    origin : str
        What a person would call it.

    Raises
    ------
    NotebookError
        As `kbench_jupyter.notebook.build.task_source`.
    """
    return _percent_source(text.removeprefix("\ufeff"), origin)[0]


def _percent_source(text: str, origin: str) -> tuple[TaskSource, Any]:
    """Build the task source of percent-format text, and return the notebook that was read as well."""
    _refuse_long(text, origin)
    notebook = percent.read(text)
    source = _source(notebook, origin)
    if source.left_out or not percent.holds(notebook, source.cells):
        return source, notebook
    # Nothing of it is ours, so it is pushed to the letter, cell titles and all, as the official client does.
    return replace(source, text=text), notebook


def file_task_source(path: str | Path) -> TaskSource:
    """Build a task source from a file.

    Parameters
    ----------
    path : str or Path
        ``.ipynb``, ``.py`` (percent, light or plain), ``.md``, or any other text jupytext reads.

    Raises
    ------
    NotebookError
        The file is missing, unreadable, too large, binary, of an unsupported kind or not a notebook.
    """
    path = expanded(path)
    if path.suffix.lower() == ".ipynb":
        return _source(read_notebook(path), str(path))
    text = _read_text(path)
    if path.suffix.lower() == ".py" and not _is_light(text):
        source, notebook = _percent_source(text, str(path))
    else:
        notebook = read_notebook(path)
        source = _source(notebook, str(path))
    return replace(source, file=_lines_of(notebook.cells, text))


def read_notebook(path: str | Path) -> Any:
    """Read a file as a notebook; kinds and errors as in `file_task_source`.

    Returns
    -------
    nbformat.NotebookNode
        In format 4. Cells of text files have no stable id, so theirs is dropped.
    """
    path = expanded(path)
    text = _read_text(path)
    suffix = path.suffix.lower()
    if suffix == ".ipynb":
        return notebook_from_json(text, str(path))
    _refuse_long(text, str(path))
    jupytext = load("jupytext")
    from jupytext.formats import NOTEBOOK_EXTENSIONS

    by_name = {extension.lower(): extension for extension in NOTEBOOK_EXTENSIONS}
    if suffix not in by_name:
        raise NotebookError(
            f"{path} is not a kind of file that can hold a task ({suffix or 'no extension'}).",
            hint="Give a notebook (.ipynb), a Python file (.py) or a markdown notebook (.md).",
        )
    if suffix == ".py":
        light = _is_light(text)
        return _without_ids(jupytext.reads(text, fmt="py:light") if light else percent.read(text))
    try:
        notebook = jupytext.reads(text, fmt=by_name[suffix][1:])
    except Exception as error:  # parsers of a dozen formats, each with its own exceptions
        raise NotebookError(f"jupytext cannot read {path}: {error}") from error
    return _without_ids(notebook)


def notebook_from_json(text: str, name: str) -> Any:
    """Parse notebook JSON of any format version; `name` is what a person would call it, for the error."""
    nbformat = load("nbformat")
    if not text.strip():
        raise NotebookError(f"{name} is empty.", hint="Save the notebook first (Ctrl+S).")
    _refuse_many(text, name)
    try:
        with warnings.catch_warnings():  # missing or doubled cell ids: nbformat mends them
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(text, as_version=4)
    except Exception as error:  # nbformat raises whatever the broken value leads to
        raise NotebookError(f"{name} is not a Jupyter notebook: {_why(text, error)}") from error
    if not isinstance(notebook.get("cells"), list):
        raise NotebookError(f"{name} is not a Jupyter notebook: it has no list of cells.")
    return notebook


def _why(text: str, error: Exception) -> str:
    """Say why a text is no notebook, in words for those who do not know how it is read."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply."
    try:
        read = json.loads(text)
        if not (isinstance(read, dict) and "nbformat" in read):
            return "it is JSON, but no notebook."
    except (ValueError, RecursionError):  # the reason given says so
        pass
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _refuse_long(text: str, origin: str) -> None:
    refuse_too_large(origin, [text], sum(1 for _ in _BEGINNING.finditer(text)))


def _refuse_many(text: str, name: str) -> None:
    """Refuse notebook JSON of very many cells before nbformat looks at each; some may be tagged to be left out."""
    if text.count('"cell_type"') > 2 * MOST_CELLS:
        with suppress(ValueError, RecursionError, LookupError, TypeError):  # for nbformat to say
            cells = len(json.loads(text)["cells"])
            refuse_too_large(name, (), cells if cells > 2 * MOST_CELLS else 0)


def _is_light(text: str) -> bool:
    return bool(_LIGHT.search(text)) and not _PERCENT.search(text)


def _aligned(lines: list[str], cells: tuple[SourceCell, ...]) -> tuple[tuple[CellRef, int] | None, ...]:
    """Find each cell's lines in the text they were read from: as they are, commented out, or in quotes."""
    bare = [_bare(line) for line in lines]
    out: list[tuple[CellRef, int] | None] = [None] * len(lines)
    at = 0
    for cell in cells:
        content = [_bare(line) for line in cell.text.split("\n")]
        skip = int(cell.text.startswith("%%") and len(content) > 1)  # `%%bash` may stand in the marker
        for first in (0, skip):
            wanted = content[first:]
            places = range(at, len(bare) - len(wanted) + 1)
            start = next((i for i in places if bare[i : i + len(wanted)] == wanted), None)
            if start is not None:
                for offset, number in enumerate(cell.lines[first:]):
                    out[start + offset] = (cell.ref, number)
                at = start + len(wanted)
                break
    return tuple(out)


def _lines_of(cells: Sequence[Any], text: str) -> tuple[tuple[CellRef, int] | None, ...]:
    """Find the lines of all cells in the file that they were read from, of those as well that are not pushed."""
    numbered = (
        SourceCell(cell.cell_type, cell.source, CellRef(n), tuple(range(1, cell.source.count("\n") + 2)))
        for n, cell in enumerate(cells)
        if cell.source.strip()
    )
    return _aligned(text.split("\n"), tuple(numbered))


def _bare(line: str) -> str:
    return re.sub(r"""^[\s#]*(?:[rR]?(?:\"{3}|'{3}))?|(?:\"{3}|'{3})\s*$""", "", line).strip()


def _source(notebook: Any, origin: str) -> TaskSource:
    return task_source(_without_ids(notebook) if not origin.endswith(".ipynb") else notebook, origin=origin)


def _without_ids(notebook: Any) -> Any:
    for cell in notebook.cells:
        cell.pop("id", None)
    return notebook


def _read_text(path: Path) -> str:
    try:
        refuse_irregular(path)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NotebookError(
                f"{path} is too large for a task: {size / 2**20:.0f} MiB, at most {MAX_BYTES >> 20} MiB.",
                hint="Clear the notebook's outputs and save it.",
            )
        with path.open("rb") as file:
            # It may have grown since, or be of a file system that tells no sizes.
            data = file.read(MAX_BYTES)
    except FileNotFoundError:
        raise NotebookError(
            f"There is no file {path}.",
            hint=f"Looked in {Path.cwd()}. Give the path of a .ipynb, .py or .md file: -f PATH",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotebookError(f"{path} cannot be read: {reason}.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise NotebookError(f"{path} is not a text file in UTF-8.", hint=_how_to_save(data))
    return text


def _how_to_save(data: bytes) -> str:
    """Say what to do with a file that is not UTF-8; what is pushed is, whatever the file says about itself."""
    if b"\0" in data and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "Give a notebook or a Python file."
    try:
        declared, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:  # nothing that Python reads either
        declared = "utf-8"
    if declared.startswith("utf-8"):
        return "Save it as UTF-8."
    return f"It says itself that it is {declared}: take out that line, and save it as UTF-8."
