"""Cells executed since a notebook was saved, laid over the saved file."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.notebook.executed import Executed


@dataclass(frozen=True)
class Laid:
    """What an overlay did."""

    #: Executions by the window that asks, of which the notebook has no cell: it has changed unseen.
    unknown: tuple[Executed, ...]
    others: tuple[Executed, ...]  # by other windows, which had another text in a cell of the notebook


def lay_over(
    notebook: Any, runs: Iterable[Executed], *, since: float, session: str | None
) -> tuple[Any, Laid]:
    """Return the notebook with cells replaced by what was executed of them (oldest first), and what was done.

    Only executions after the time `since` count: a file saved later than an execution is newer than it. Only
    those of one session are laid over: another window may show another text, or may have been closed.
    """
    newer = [run for run in runs if run.at > since]
    # Before format 4.5 cells have no ids (Colab's, Kaggle's, many of VS Code's): nothing can be laid over them.
    known = {
        cell["id"]: cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and "id" in cell
    }
    last = {run.cell_id: run for run in newer if run.cell_id is not None and run.cell_id in known}
    differ = {ident: run for ident, run in last.items() if plain(known[ident]["source"]) != plain(run.text)}
    replaced = {ident: run for ident, run in differ.items() if run.session == session}
    if replaced:
        notebook = deepcopy(notebook)
        for cell in notebook["cells"]:
            if cell.get("id") in replaced:
                cell["source"] = replaced[cell["id"]].text
    texts = {plain(cell["source"]) for cell in notebook["cells"]}
    unknown = (run for run in newer if run.session == session and run.cell_id not in known)
    return notebook, Laid(
        tuple(run for run in unknown if plain(run.text) not in texts),
        tuple(run for ident, run in differ.items() if ident not in replaced),
    )


def plain(text: str) -> str:
    """Return a cell's text without what front ends change on its way to the kernel or into the file."""
    return text.replace("\r\n", "\n").strip()
