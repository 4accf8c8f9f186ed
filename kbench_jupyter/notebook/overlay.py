"""Cells executed since a notebook was saved, laid over the saved file."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.notebook.executed import Executed


@dataclass(frozen=True)
class Laid:
    """What an overlay did.

    Parameters
    ----------
    replaced : frozenset of str
        Ids of cells whose text was replaced by a newer execution.
    unknown : frozenset of str
        Ids of cells executed since, of which the notebook has none: it has changed unseen.
    """

    replaced: frozenset[str]
    unknown: frozenset[str]


def lay_over(notebook: Any, executed: Mapping[str, Executed], *, since: float | None) -> tuple[Any, Laid]:
    """Replace cells by what was executed of them.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The base; it is not changed.
    executed : mapping of str to Executed
        The newest execution of each cell, by cell id.
    since : float or None
        Only executions after this time (seconds since the epoch) count: a file saved later than an
        execution is newer than it. None counts them all.

    Returns
    -------
    tuple of (NotebookNode, Laid)
        The notebook, and what was done.
    """
    newer = {ident: run for ident, run in executed.items() if since is None or run.at > since}
    known = {cell.get("id"): cell for cell in notebook["cells"] if cell.get("cell_type") == "code"}
    replaced = {
        ident for ident, run in newer.items() if ident in known and known[ident]["source"] != run.text
    }
    if replaced:
        notebook = deepcopy(notebook)
        for cell in notebook["cells"]:
            if cell.get("id") in replaced:
                cell["source"] = newer[cell["id"]].text
    return notebook, Laid(frozenset(replaced), frozenset(newer) - frozenset(known))
