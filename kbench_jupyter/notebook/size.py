"""How large a task source may be, and which files are read at all.

jupytext reads a task source at least twice on its way to the server. It takes a second for 100,000 lines, and with
the cells its time grows by their square: two seconds for 5,000, more than a minute for 50,000. What is larger than
these limits holds data, not a task; it is refused with its size before anything is done with it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from kbench_jupyter.errors import NotebookError

MOST_CELLS = 5_000
MOST_LINES = 200_000
MOST_CHARACTERS = 4 * 2**20

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def refuse_too_large(origin: str, texts: Iterable[str], cells: int) -> None:
    """Raise NotebookError if a task source of these texts, with so many cells, is too large."""
    lines = characters = 0
    for text in texts:
        lines += text.count("\n") + 1
        characters += len(text)
    sizes = (
        (cells, MOST_CELLS, "cells"),
        (lines, MOST_LINES, "lines"),
        (characters, MOST_CHARACTERS, "characters"),
    )
    for size, most, unit in sizes:
        if size > most:
            raise NotebookError(
                f"{origin} is too large for a task: {size:,} {unit}, at most {most:,}.",
                hint="Keep data in files or in a dataset (%kbench push -d OWNER/NAME), and tag cells that are not "
                "part of the task kbench-skip.",
            )


def refuse_irregular(path: Path) -> None:
    """Raise NotebookError for what is no regular file: a pipe would be waited for, a device read without end."""
    mode = path.stat().st_mode
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise NotebookError(f"{path} is {what}, not a file.")
