"""What a rule is, and how it reports."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from kbench_jupyter.notebook.source import LeftOut
from kbench_jupyter.validation.findings import Finding, Severity
from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place
from kbench_jupyter.validation.reading.sdk.installed import installed
from kbench_jupyter.validation.reading.sdk.typed import Typed
from kbench_jupyter.validation.reading.task import Task, slug_of
from kbench_jupyter.validation.reading.tasks import Tasks
from kbench_jupyter.validation.rules.secrets import mask

_IGNORE = re.compile(r"#\s*kbench:\s*ignore\[([^\]]*)\]")


@dataclass(frozen=True)
class Rule:
    """A rule, with the page that ``%kbench rule CODE`` shows."""

    code: str  #: ``KB`` and three digits; the first is the group
    name: str  #: short, in kebab case
    severity: Severity  #: how bad a finding of it is; where a rule cannot be sure, its finding is a warning
    summary: str  #: what it finds, in one sentence
    why: str  #: what happens when it is not heeded
    example: str  #: code it objects to
    fix: str  #: the same code put right
    #: What its findings say, with ``{names}`` that a report fills in. Empty where each finding says it anew.
    message: str = ""
    hint: str = ""

    def finding(self, message: str, hint: str, words: Mapping[str, object], *, sure: bool) -> Finding:
        """Return a finding of it, without its place."""
        severity = self.severity if sure else Severity.WARNING
        message, hint = message or self.message.format(**words), hint or self.hint.format(**words)
        return Finding(self.code, severity, mask(message), hint)


def error(title: str, *texts: str) -> Rule:
    """Return a rule whose findings stop a push: its code and name in one, then its texts as in `Rule`."""
    code, name = title.split()
    return Rule(code, name, Severity.ERROR, *texts)


def warning(title: str, *texts: str) -> Rule:
    """Return a rule whose findings never stop a push."""
    return replace(error(title, *texts), severity=Severity.WARNING)


@dataclass
class Check:
    """One check of one program: what rules read, and where they report.

    `task` is the one to be pushed, as the user gave it; `datasets` are those to be attached; `left_out` is not pushed;
    modules in `folder`, where the notebook lies, are not on the server.

    A report gives a message and a hint, or the words that those of the rule lack. When it is not `sure`, the finding
    is a warning whatever the rule's severity.
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

    def nodes(self, word: str) -> Iterator[tuple[Cell, ast.AST]]:
        """Yield every node of the cells that mention a word."""
        for cell in self.program.cells:
            if word in cell.source.text:
                yield from ((cell, node) for node in ast.walk(cell.tree))

    def at(
        self,
        rule: Rule,
        place: Place[ast.AST],
        message: str = "",
        hint: str = "",
        /,
        *,
        node: ast.AST | None = None,
        sure: bool = True,
        **words: Any,
    ) -> None:
        """Report a place, or a node in it."""
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
        self.on_line(rule, cell, cell.text_line(first), message, hint, sure=sure, silenced_by=lines, **words)

    def on_line(
        self,
        rule: Rule,
        cell: Cell,
        line: int,
        message: str = "",
        hint: str = "",
        /,
        *,
        sure: bool = True,
        silenced_by: Collection[int] = (),
        **words: Any,
    ) -> None:
        """Report a line of a cell's text."""
        texts = cell.text_lines
        for number in silenced_by or {line}:
            if 0 < number <= len(texts) and _ignores(texts[number - 1], rule.code):
                return
        text = _masked(cell.source.text)[line - 1].strip() if 0 < line <= len(texts) else ""
        finding = rule.finding(message, hint, words, sure=sure)
        ref, own_line = cell.source.ref, cell.original_line(line)
        self.findings.append(replace(finding, cell=ref, line=own_line, text=text))

    def on_task(
        self, rule: Rule, task: Task, message: str = "", hint: str = "", /, *, sure: bool = True, **words: Any
    ) -> None:
        """Report a task, at its definition."""
        self.at(rule, task.place, message, hint, sure=sure, task=task.label, **words)

    def on_notebook(
        self, rule: Rule, message: str = "", hint: str = "", *, sure: bool = True, **words: object
    ) -> None:
        """Report the notebook as a whole."""
        self.findings.append(rule.finding(message, hint, words, sure=sure))

    def pushed(self, task: Task) -> bool:
        """Whether a task is the one that is pushed, as far as anybody has said."""
        if self.task is not None:
            return task.slug is None or task.slug == slug_of(self.task.rpartition("/")[2])
        return not self.tasks.chosen or task in self.tasks.chosen


def _ignores(text: str, code: str) -> bool:
    match = _IGNORE.search(text)
    return match is not None and code in {part.strip().upper() for part in match[1].split(",")}


@lru_cache(maxsize=16)
def _masked(text: str) -> list[str]:
    """The lines of a cell as they may be shown: a secret may begin lines above the one that is asked for."""
    return mask(text).split("\n")
