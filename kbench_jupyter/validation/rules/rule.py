"""What a rule is, and how it reports."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.sdk.installed import installed
from kbench_jupyter.validation.reading.sdk.typed import Typed
from kbench_jupyter.validation.reading.task import slug_of
from kbench_jupyter.validation.rules.findings import Finding, Severity
from kbench_jupyter.validation.rules.secrets import mask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kbench_jupyter.notebook.source import LeftOut
    from kbench_jupyter.validation.reading.cells import Cell
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Place
    from kbench_jupyter.validation.reading.task import Task
    from kbench_jupyter.validation.reading.tasks import Tasks

__all__ = ["Check", "Rule"]

_IGNORE = re.compile(r"#\s*kbench:\s*ignore\[([^\]]*)\]")


@dataclass(frozen=True)
class Rule:
    """A rule, with the page that ``%kbench rule CODE`` shows.

    Parameters
    ----------
    code : str
        ``KB`` and three digits; the first is the group.
    name : str
        A short name in kebab case.
    severity : Severity
        How bad a finding of it is. Where a rule cannot be sure, its finding is a warning.
    summary : str
        What it finds, in one sentence.
    why : str
        What happens when it is not heeded.
    example : str
        Code it objects to.
    fix : str
        The same code put right.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    example: str
    fix: str


@dataclass
class Check:
    """One check of one program: what rules read, and where they report.

    Parameters
    ----------
    program : Program
        The parsed task source.
    tasks : Tasks
        Its tasks.
    task : str or None
        The task that is to be pushed, as the user gave it.
    datasets : sequence of str
        The datasets that are to be attached, ``owner/slug`` or ``slug``.
    left_out : sequence of LeftOut
        What of the notebook is not pushed.
    folder : Path or None
        Where the notebook lies, if it is to be looked at for modules beside it.
    """

    program: Program
    tasks: Tasks
    task: str | None
    datasets: Sequence[str]
    left_out: Sequence[LeftOut] = ()
    folder: Path | None = None
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def typed(self) -> Typed | None:
        """What expressions are to the installed SDK; None where it is not installed."""
        sdk = installed()
        return Typed(sdk, self.program, self.tasks) if sdk is not None else None

    def at(
        self,
        rule: Rule,
        place: Place[ast.AST],
        message: str,
        hint: str,
        *,
        node: ast.AST | None = None,
        sure: bool = True,
    ) -> None:
        """Report a node. When not `sure`, the finding is a warning whatever the rule's severity."""
        node = node if node is not None else place.node
        first = getattr(node, "lineno", 1)
        last = getattr(node, "end_lineno", None) or first
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # A comment on a decorator or anywhere in the signature speaks for the definition.
            last = max(first, node.body[0].lineno - 1)
            above = min([first, *(decorator.lineno for decorator in node.decorator_list)])
        else:
            above = first
        cell = place.cell
        lines = {cell.text_line(line) for line in range(above, last + 1)}
        self.on_line(rule, cell, cell.text_line(first), message, hint, sure=sure, silenced_by=lines)

    def on_line(
        self,
        rule: Rule,
        cell: Cell,
        line: int,
        message: str,
        hint: str,
        *,
        sure: bool = True,
        silenced_by: set[int] | None = None,
    ) -> None:
        """Report a line of a cell's text."""
        texts = cell.text_lines
        for number in silenced_by or {line}:
            if 0 < number <= len(texts) and _ignores(texts[number - 1], rule.code):
                return
        self.findings.append(
            Finding(
                code=rule.code,
                severity=rule.severity if sure else Severity.WARNING,
                message=mask(message),
                hint=hint,
                cell=cell.source.ref,
                line=cell.original_line(line),
                text=_masked(cell.source.text)[line - 1].strip() if 0 < line <= len(texts) else "",
            )
        )

    def pushed(self, task: Task) -> bool:
        """Whether a task is the one that is pushed, as far as anybody has said."""
        if self.task is not None:
            return task.slug is None or task.slug == slug_of(self.task.rpartition("/")[2])
        return not self._kept or task in self._kept

    @cached_property
    def _kept(self) -> list[Task]:
        """The tasks that the notebook's own ``%choose`` keeps."""
        lines = {magic.argument.strip() for _, magic in self.program.magics if magic.name == "choose"}
        return [task for line in lines for task in self.tasks.kept_by(line)]

    def on_task(self, rule: Rule, task: Task, message: str, hint: str, *, sure: bool = True) -> None:
        """Report a task, at its definition."""
        self.at(rule, task.place, message, hint, sure=sure)

    def on_notebook(self, rule: Rule, message: str, hint: str, *, sure: bool = True) -> None:
        """Report the notebook as a whole."""
        severity = rule.severity if sure else Severity.WARNING
        self.findings.append(Finding(rule.code, severity, mask(message), hint))


def _ignores(text: str, code: str) -> bool:
    match = _IGNORE.search(text)
    return match is not None and code in {part.strip().upper() for part in match[1].split(",")}


@lru_cache(maxsize=16)
def _masked(text: str) -> list[str]:
    """The lines of a cell as they may be shown: a secret may begin lines above the one that is asked for."""
    return mask(text).split("\n")
