"""Notebooks to execute, and what was heard of them."""

from __future__ import annotations

import contextlib

import psutil
from nbformat.v4 import new_code_cell, new_notebook

from kbench_jupyter.execution import CellOutput


def notebook(*cells):
    return new_notebook(cells=[new_code_cell(c) if isinstance(c, str) else c for c in cells])


def text_of(events, stream="stdout"):
    return "".join(e.text for e in events if isinstance(e, CellOutput) and e.stream == stream)


def kernels_below():
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may end while it is looked at
            if "ipykernel" in " ".join(process.cmdline()):
                found.append(process)
    return found
