"""Fix: the safe repairs of findings, as new cell texts for the user to take over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbench_jupyter.actions.cards import finding_parts
from kbench_jupyter.actions.check import check
from kbench_jupyter.display.view import Cell, Part, Shown, Text, View, count
from kbench_jupyter.validation.rules.secrets import mask

if TYPE_CHECKING:
    from kbench_jupyter.actions.sources import ChosenTask
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.validation import Fix
    from kbench_jupyter.validation.rules.findings import Finding


@dataclass(frozen=True)
class Fixes(Shown):
    """Repairs that change nothing about what a task does.

    Parameters
    ----------
    fixes : tuple of Fix
        One a cell.
    left : tuple of Finding
        Findings that need a person.
    placed : bool
        Whether the first fix was put into the next cell.
    """

    fixes: tuple[Fix, ...] = ()
    left: tuple[Finding, ...] = ()
    placed: bool = False

    def view(self) -> View:
        """Describe the fixes, with the whole new text of each cell."""
        parts: list[Part] = []
        for fix in self.fixes:
            parts += [Text(f"cell {fix.cell.number}: {fix.title}"), Text(mask(fix.new_text), code=True)]
        if self.left:
            parts += [
                Text(f"{count(len(self.left), 'finding')} without a safe fix:"),
                *finding_parts(self.left),
            ]
        if not self.fixes:
            return View(Cell("Nothing here has a safe fix", "warn" if self.left else "good"), parts)
        notes = (
            ("The first of them is in the cell below: let it replace the old one.",) if self.placed else ()
        )
        return View(
            Cell(f"{count(len(self.fixes), 'safe fix', 'safe fixes')}; your cells are as they were", "good"),
            parts,
            notes=notes,
            next=[("%kbench validate --static", "check again when you have taken them over")],
        )


def fix(session: Session, chosen: ChosenTask, task: str | None = None) -> Fixes:
    """Return safe fixes for what the rules find, changing no cell.

    Parameters
    ----------
    session : Session
    chosen : ChosenTask
    task : str, optional
        The task meant, by name or slug.
    """
    from kbench_jupyter.validation import fixes

    findings = check(session, task, chosen=chosen).findings
    left = tuple(finding for finding in findings if not fixes(chosen.source, [finding]))
    return Fixes(tuple(fixes(chosen.source, findings)), left)
