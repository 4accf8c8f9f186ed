"""Task sources for the tests of this room, from plain cell texts."""

from __future__ import annotations

from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource
from kbench_jupyter.validation import check
from kbench_jupyter.validation.findings import Finding

IMPORT = "import kaggle_benchmarks as kbench"


def source_of(*cells: str) -> TaskSource:
    """Return a task source of code cells, each with its own lines."""
    made = tuple(
        SourceCell("code", text, CellRef(index, f"id{index}"), tuple(range(1, text.count("\n") + 2)))
        for index, text in enumerate(cells)
    )
    return TaskSource("\n\n".join(f"# %%\n{text}" for text in cells), made, "a test")


def findings_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[Finding]:
    """Check cells as one notebook."""
    return check(source_of(*cells), task=task, datasets=datasets)


def codes_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[str]:
    """Check cells as one notebook and return the codes alone."""
    return [finding.code for finding in findings_of(*cells, task=task, datasets=datasets)]


def errors_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[str]:
    """Check cells as one notebook and return errors as readable lines."""
    return [
        f"{finding.code} {finding.where}: {finding.message}"
        for finding in findings_of(*cells, task=task, datasets=datasets)
        if finding.severity == "error"
    ]
