"""Fix: the safe repairs of findings, as new cell texts for the user to take over."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.cards import finding_parts
from kbench_jupyter.actions.check import check, refuse_errors
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.display.view import Cell, Part, Shown, Text, View, count
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation import Fix, fixes
from kbench_jupyter.validation.findings import Finding
from kbench_jupyter.validation.rules.secrets import mask


@dataclass(frozen=True)
class Fixes(Shown):
    """Repairs, one a cell, that change nothing about what a task does, and the findings that need a person."""

    fixes: tuple[Fix, ...] = ()
    left: tuple[Finding, ...] = ()
    #: Whether the first fix was put into the next cell.
    placed: bool = False
    #: What to type to check them again.
    check: str = "%kbench validate --static"

    def view(self) -> View:
        """Describe the fixes, with the whole new text of each cell."""
        parts: list[Part] = []
        for fix in self.fixes:
            parts += [Text(f"cell {fix.cell.number}: {fix.title}"), Text(mask(fix.new_text), code=True)]
        if self.left:
            parts.append(Text(f"{count(len(self.left), 'finding')} without a safe fix:"))
            parts += finding_parts(self.left)
        if not self.fixes:
            return View(Cell("Nothing here has a safe fix", "warn" if self.left else "good"), parts)
        notes = ["The first of them is in the cell below: let it replace the old one."]
        return View(
            Cell(f"{count(len(self.fixes), 'safe fix', 'safe fixes')}; your cells are as they were", "good"),
            parts,
            notes=notes if self.placed else (),
            next=[(self.check, "check again when you have taken them over")],
        )


def fix(session: Session, chosen: ChosenTask, task: str | None = None) -> Fixes:
    """Return safe fixes for what the rules find, changing no cell.

    Parameters
    ----------
    task : str, optional
        The task meant, by name or slug.
    """
    checked = check(session, task, chosen=chosen)
    if checked.unchecked:
        refuse_errors(checked, "no fix was looked for")
    findings = checked.findings
    left = tuple(finding for finding in findings if not fixes(chosen.source, [finding]))
    return Fixes(tuple(fixes(chosen.source, findings)), left, check=chosen.line("validate --static"))
