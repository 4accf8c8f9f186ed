"""The static check: a task source in, findings out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.validation import rules
from kbench_jupyter.validation.findings import Finding
from kbench_jupyter.validation.reading.program import read_program, reading
from kbench_jupyter.validation.reading.task import TaskDefinition
from kbench_jupyter.validation.reading.tasks import Tasks
from kbench_jupyter.validation.rules.rule import Check, Rule

#: Words and signs that are read: a million take two seconds, and 400 MB while it is looked through.
MOST = 1_000_000
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")

RULES: Mapping[str, Rule] = MappingProxyType(rules.RULES)


def check(
    source: TaskSource,
    *,
    task: str | None = None,
    datasets: Sequence[str] = (),
    folder: Path | None = None,
) -> list[Finding]:
    """Check a task source without running it.

    Parameters
    ----------
    source : TaskSource
        The task source; only its cells are looked at.
    task : str, optional
        The task that is to be pushed, as the user gave it (a slug or a name, also ``owner/slug``).
    datasets : sequence of str, optional
        The datasets that are to be attached, ``owner/slug`` or ``slug``.
    folder : Path, optional
        The folder the source lies in: modules beside it are not on the server.

    Returns
    -------
    list of Finding
        Sorted by cell and line; findings about the notebook as a whole come first. No secret of the
        source is in them.

    Notes
    -----
    Never raises on odd text. ``# kbench: ignore[CODE]`` on a line silences a rule there. Nobody should ask this
    of what is `too_large`.
    """
    with reading():
        program = read_program(source)
        run = Check(program, Tasks(program), task, tuple(datasets), source.left_out, folder)
        rules.run_all(run)
    found = sorted(set(run.findings), key=_order)
    return [replace(f, file_line=source.file_line(f.cell, f.line)) for f in found] if source.file else found


def too_large(source: TaskSource) -> str:
    """Return how large a task source is that is too large to be read within seconds, "" of any other."""
    texts = [cell.text for cell in source.cells if cell.kind == "code"]
    if sum(map(len, texts)) <= MOST:
        return ""
    size = sum(1 for text in texts for _ in _WORD_OR_SIGN.finditer(text))
    cells = f"{len(source.cells):,} cell{'s' if len(source.cells) != 1 else ''}"
    return f"{cells} with {size:,} words and signs of code (at most {MOST:,})" if size > MOST else ""


def tasks_in(source: TaskSource) -> list[TaskDefinition]:
    """Return the tasks a task source defines, in order.

    Parameters
    ----------
    source : TaskSource
        The task source; only its cells are looked at.
    """
    with reading():
        return Tasks(read_program(source)).definitions()


def _order(finding: Finding) -> tuple[int, int, str, str]:
    cell = -1 if finding.cell is None else finding.cell.index
    return cell, finding.line or 0, finding.code, finding.message
