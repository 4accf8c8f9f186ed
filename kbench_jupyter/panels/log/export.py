"""Saving a run's log as a text file beside the notebook."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

from kbench_jupyter.panels.log.buffer import LogBuffer

__all__ = ["save"]


def save(buffer: LogBuffer, name: str, folder: Path | None = None) -> Generator[None, None, tuple[Path, int]]:
    """Write the lines there are now to a new file, some at each step; no file is ever written over.

    Parameters
    ----------
    buffer : LogBuffer
    name : str
        What the file is called, without ending.
    folder : Path or None
        By default the kernel's working directory, which is the notebook's.

    Returns
    -------
    Path, int
        The file, and how many lines it has.

    Raises
    ------
    OSError
        If it cannot be written; then no file is left.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:150] or "log"
    folder = (folder or Path.cwd()).resolve()
    path = folder / f"{stem}.log"
    number = 1
    while True:
        try:
            file = path.open("x", encoding="utf-8", newline="\n")
            break
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-{number}.log"
    lines, whole = 0, False
    try:
        with file:
            for place, (_, text) in enumerate(buffer.texts()):
                file.write(text + "\n")
                lines += text.count("\n") + 1
                if place % 16 == 15:
                    yield
        whole = True
    finally:
        if not whole:
            path.unlink(missing_ok=True)
    return path, lines
