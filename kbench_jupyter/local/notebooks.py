"""Reading pushed notebooks."""

from __future__ import annotations

import warnings
from typing import Any

from kbench_jupyter.quick_import import load


def read_notebook(text: str) -> Any:
    """Read a notebook of any format as one of format 4, without its warnings.

    They are about cells without ids mostly, and nobody who could see them here could do anything.
    """
    nbformat = load("nbformat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nbformat.reads(text, as_version=4)


def why_no_notebook(text: str) -> str | None:
    """Say what keeps a text from being a notebook with code in it; None when nothing does."""
    nbformat = load("nbformat")
    try:
        notebook = read_notebook(text)
        nbformat.validate(notebook)
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        RecursionError,
        nbformat.ValidationError,
    ) as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        return f"The text is not a Jupyter notebook: {first[0][:300]}"
    if not any(cell.cell_type == "code" and cell.source.strip() for cell in notebook.cells):
        return "The notebook has no code."
    return None
