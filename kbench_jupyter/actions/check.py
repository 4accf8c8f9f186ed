"""Check: what the rules say about the task source, running nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.actions.cards import finding_lines, finding_parts, notes_on
from kbench_jupyter.actions.sources import ChosenTask, choose_task, say_if_large
from kbench_jupyter.display.view import Cell, Shown, View, count
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation import check as check_rules
from kbench_jupyter.validation import installed, too_large
from kbench_jupyter.validation.findings import Finding, Severity

_NO_SDK = "kaggle_benchmarks is not installed here: whether its names and parameters are right (KB6xx) was not checked."


@dataclass(frozen=True)
class Checked(Shown):
    """What the rules had to say; `notes` tell what could not be checked, and why.

    Where nothing could be, `unchecked` says so, and the source counts as valid no more than one with errors.
    """

    source: TaskSource
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unchecked: str = ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a push."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    def view(self) -> View:
        """Describe the findings."""
        title = Cell("No findings", "good")
        if self.findings:
            title = Cell(count(len(self.findings), "finding"), "bad" if self.errors else "warn")
        if self.unchecked:
            title = Cell(f"Not checked: {self.unchecked}", "bad")
        notes = [*notes_on(self.source), *self.notes]
        return View(title, finding_parts(self.findings), notes=notes, footer=self.footer)


def check(
    session: Session,
    task: str | None = None,
    *,
    chosen: ChosenTask | None = None,
    datasets: Sequence[str] = (),
) -> Checked:
    """Check the current notebook's task source against the rules, running nothing.

    Parameters
    ----------
    task : str, optional
        The task meant, by name or slug.
    chosen : ChosenTask, optional
        Another source than the current notebook's.
    datasets : sequence of str
        Datasets that will be attached, ``owner/name``.

    Returns
    -------
    Checked
        Findings of any severity.
    """
    chosen = chosen or choose_task(session, task, required=False)
    say_if_large(session, f"Checking {chosen.source.origin}", len(chosen.source.text))
    if size := too_large(chosen.source):
        unchecked = f"{chosen.source.origin} is too large to check statically: {size}"
        return Checked(chosen.source, unchecked=unchecked)
    folder = chosen.path.parent if chosen.path is not None else Path.cwd()
    findings = check_rules(chosen.source, task=task, datasets=datasets, folder=folder)
    notes = () if installed() is not None else (_NO_SDK,)
    return Checked(chosen.source, tuple(findings), notes)


def refuse_errors(checked: Checked, doing: str) -> None:
    """Raise ValidationError, listing every finding, if one is an error; or if nothing could be checked."""
    if checked.unchecked:
        raise ValidationError(
            f"{checked.unchecked}, so {doing}.",
            hint="Keep data in files or in a dataset (%kbench push -d OWNER/NAME), and tag cells that are not part of "
            "the task kbench-skip.",
        )
    if not checked.errors:
        return
    many = count(len(checked.errors), "finding")
    raise ValidationError(
        f"{many} would make this task fail or record nothing, so {doing}.",
        detail="\n".join(line for finding in checked.findings for line in finding_lines(finding)),
        hint=f"Explain a rule: %kbench rule {checked.errors[0].code}",
    )
