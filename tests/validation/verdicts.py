"""What the static check and the dry run say about the seeded mistakes, read strictly."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from seeded_mistakes import Mistake

from kbench_jupyter.actions.dry_run import DryRun
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.notebook.files import percent_task_source
from kbench_jupyter.validation import check
from kbench_jupyter.validation.findings import Finding


@cache
def findings_on(text: str) -> list[Finding]:
    """Return what the static check says about a notebook in percent format, with nothing beside it."""
    return check(percent_task_source(text, origin="a seeded mistake"))


def _findings_beside(mistake: Mistake) -> list[Finding]:
    """Return what the static check says about a mistake, in a folder with what its author has there."""
    if not mistake.files:
        return findings_on(mistake.wrong)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in mistake.files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return check(percent_task_source(mistake.wrong, origin="a seeded mistake"), folder=Path(folder))


def found_by_reading(mistake: Mistake) -> list[Finding]:
    """Return the findings that mean a mistake.

    Such a finding stands at a statement that the mistake changed, or names in its message what is wrong; and the
    notebook without the mistake has none like it.
    """
    before = {(finding.code, finding.message) for finding in findings_on(mistake.right)}
    new = [found for found in _findings_beside(mistake) if (found.code, found.message) not in before]
    return [
        found
        for found in new
        if (found.cell is not None and (found.cell.number, found.line) in mistake.places)
        or mistake.names(found.message)
    ]


def dry_run(text: str) -> str:
    """Run a notebook once on the stand-in model, in a kernel of its own, and return what is wrong with it, or ""."""
    import kbench_jupyter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "task.py")
        path.write_text(text)
        try:
            ran = kbench_jupyter.validate(path, dry_run=True)
        except ValidationError as error:
            return "\n".join(filter(None, [error.message, error.detail]))
    assert isinstance(ran, DryRun)
    return ran.raised


def found_by_running(mistake: Mistake, said: str) -> bool:
    """Whether what a dry run said means a mistake: it says where it is or names it, or that nothing is recorded."""
    unrecorded = mistake.effect == "unrecorded" and "no run" in said
    return bool(said) and (unrecorded or mistake.locates(said) or mistake.names(said))


def errors_in(findings: Iterable[Finding]) -> list[str]:
    """Return the errors among findings, each as a line."""
    return [f"{each.code} {each.where}: {each.message}" for each in findings if each.severity == "error"]
