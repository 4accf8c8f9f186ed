"""Document: the open document a browser shows, marked with what the rules find in it while it is edited.

JupyterLab and Notebook 7 tell of it by the notebook mirror; a page is known by the session its messages come by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.executed import session_of
from kbench_jupyter.notebook.mirror import link_of, open_mirror
from kbench_jupyter.notebook.mirror_state import MirroredNotebook
from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation import check, fixes, too_large
from kbench_jupyter.validation.findings import Finding

#: Without it in a cell, a notebook is no task in the making, and a mark in it would only disturb.
_SDK = "kaggle_benchmarks"


@dataclass(frozen=True)
class Mark:
    """A finding at a line of a cell, as plain values."""

    code: str  # the rule's
    severity: str  # "error" or "warning"
    message: str
    hint: str
    cell: str  # the cell's id
    line: int  # in that cell, from 1
    fix: str  # what a safe fix would do, "" where there is none


@dataclass(frozen=True)
class Repair:
    """The safe fix of one finding: a cell's id, its whole text, and what is to take its place."""

    cell: str
    old: str
    new: str


def open_document(session: Session) -> str:
    """Return the page that asks, and see to it that it tells of its document."""
    open_mirror(session.shell)
    return session_of(session.shell) or ""


def told(session: Session, page: str, *, wait: float = 0.0) -> MirroredNotebook | None:
    """Return what a page has told of its document, waiting at most so many seconds for the first word."""
    return link_of(session.shell).state.told(page, wait)


def listen(session: Session, page: str, changed: Callable[[], None]) -> Callable[[], None]:
    """Have `changed` called, quickly, whenever a page tells of an edit; return what ends that."""

    def heard(other: str) -> None:
        if other == page:
            changed()

    return link_of(session.shell).state.listen(heard)


def marks(session: Session, page: str) -> tuple[Mark, ...]:
    """Check a page's document, and return a mark for each finding that has a place; none where it imports no task SDK.

    Raises
    ------
    NotebookError
        If its cells make no task source.
    """
    source = _source(session, page)
    if source is None:
        return ()
    return tuple(_mark(source, finding) for finding in check(source) if finding.cell)


def repair(session: Session, page: str, code: str, cell: str, line: object) -> Repair | None:
    """Return the safe fix of a page's finding, by its rule and place; None where it has none (any more)."""
    document = told(session, page)
    source = _source(session, page)
    if document is None or source is None:
        return None
    texts = {str(each["id"]): str(each["source"]) for each in document.cells}
    for finding in check(source):
        mark = _mark(source, finding)
        if (mark.code, mark.cell, mark.line) == (code, cell, line):
            for fix in fixes(source, [finding]):
                ident = fix.cell.id or ""
                return Repair(ident, texts.get(ident, ""), fix.new_text)
    return None


def _source(session: Session, page: str) -> TaskSource | None:
    document = told(session, page)
    if document is None or not any(_SDK in cell["source"] for cell in document.cells):
        return None
    source = task_source(document.cells, origin="the notebook")
    return None if too_large(source) else source


def _mark(source: TaskSource, finding: Finding) -> Mark:
    found = fixes(source, [finding])
    ident = (finding.cell.id if finding.cell else None) or ""
    return Mark(
        finding.code, finding.severity.value, finding.message, finding.hint, ident, finding.line or 1,
        found[0].title if found else "",
    )  # fmt: skip
