"""Safe fixes of findings, as new cell texts that the user can accept.

Only three findings have a fix that cannot change what a task does: a missing run call, a missing
``store_task=False`` and missing parentheses.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource
from kbench_jupyter.validation.findings import Finding
from kbench_jupyter.validation.reading.cells import Cell, read_cell, read_cells
from kbench_jupyter.validation.reading.program import Program, read_program, reading
from kbench_jupyter.validation.reading.run_places import place_for_run
from kbench_jupyter.validation.reading.task import Task
from kbench_jupyter.validation.reading.tasks import Tasks
from kbench_jupyter.validation.reading.types_of import says_model
from kbench_jupyter.validation.reading.value import SDK, Sdk, written
from kbench_jupyter.validation.rules.choice import SUBTASK
from kbench_jupyter.validation.rules.running import NEVER_RUN, never_run, required_parameters
from kbench_jupyter.validation.rules.structure import BARE


@dataclass(frozen=True)
class Fix:
    """A change of one cell that puts findings right without changing what a task does."""

    cell: CellRef
    title: str  #: what the change does, in a few words
    new_text: str  #: the cell's whole new text, with the lines that a push leaves out still in it


@dataclass(frozen=True)
class _Edit:
    """Text to insert into a cell's text, at a line (from 1) and a column, or at its end (line 0).

    With `above`, it becomes a line of its own above that line.
    """

    title: str
    line: int
    column: int
    text: str
    above: bool = False


def fixes(source: TaskSource, findings: Sequence[Finding]) -> list[Fix]:
    """Return the safe fixes of findings, one for each cell that changes.

    Parameters
    ----------
    source : TaskSource
        The task source that was checked.
    findings : sequence of Finding
        What `check` returned for it, or some of it.

    Returns
    -------
    list of Fix
        In the order of the notebook. Findings without a safe fix are passed over.
    """
    with reading():
        program = read_program(source)
        tasks = Tasks(program)
        edits: dict[int, list[_Edit]] = defaultdict(list)
        for finding in findings:
            for cell, edit in _edits(finding, tasks):
                if edit not in edits[cell.number]:
                    edits[cell.number].append(edit)
        for cell, edit in _runs_of_bare(tasks, edits):
            edits[cell.number].append(edit)
        found = []
        for number, wanted in sorted(edits.items()):
            cell = program.cells[number]
            changed = _apply(cell.source.text, wanted)
            text = _whole_text(changed, cell, source)
            # What does not parse is no fix, wherever the edit went wrong.
            if text is not None and read_cell(_changed(cell, changed), number).problem is None:
                found.append(Fix(cell.source.ref, "; ".join(edit.title for edit in wanted), text))
    return found


def _edits(finding: Finding, tasks: Tasks) -> list[tuple[Cell, _Edit]]:
    here = [task for task in tasks.stored if _is_at(task.place.cell, task.node, finding)]
    made: list[tuple[Cell, _Edit] | None] = []
    if finding.code == NEVER_RUN.code:
        made = [_run_call(task, tasks) for task in here]
    elif finding.code == SUBTASK.code:
        made = [_not_stored(task) for task in here]
    elif finding.code == BARE.code:
        made = [
            _insert(bare.place.cell, bare.decorator, "()", f"add parentheses to @{written(bare.decorator)}")
            for bare in tasks.bare
            if not isinstance(bare.decorator, ast.Call) and _is_at(bare.place.cell, bare.decorator, finding)
        ]
    return [edit for edit in made if edit is not None]


def _is_at(cell: Cell, node: ast.AST, finding: Finding) -> bool:
    line = cell.original_line(cell.text_line(getattr(node, "lineno", 0)))
    return cell.source.ref == finding.cell and line == finding.line


def _runs_of_bare(tasks: Tasks, edits: dict[int, list[_Edit]]) -> list[tuple[Cell, _Edit]]:
    """The missing runs of tasks that get their parentheses: before that, they are no tasks yet."""
    program = tasks.program
    repaired = [
        (bare.place.cell.number, getattr(bare.place.node, "lineno", 0))
        for bare in tasks.bare
        if any(edit.text == "()" for edit in edits.get(bare.place.cell.number, ()))
    ]
    if not repaired or program.broken:
        return []
    changed = [
        _changed(cell, _apply(cell.source.text, [e for e in edits.get(cell.number, ()) if e.text == "()"]))
        for cell in program.cells
    ]
    after = Tasks(Program(read_cells(changed), program.prose))
    missing = [
        _run_call(task, after)
        for task in after.stored
        if never_run(task) and (task.place.cell.number, getattr(task.node, "lineno", 0)) in repaired
    ]
    return [(program.cells[cell.number], edit) for cell, edit in filter(None, missing)]


def _changed(cell: Cell, lines: list[str]) -> SourceCell:
    return replace(cell.source, text="\n".join(lines))


def _run_call(task: Task, tasks: Tasks) -> tuple[Cell, _Edit] | None:
    """``task.run(kbench.llm)``, where everything the task uses is there."""
    program = tasks.program
    model = _model_name(program)
    if model is None or task.function is None or task.place.scope is not program.module:
        return None
    parameters = required_parameters(task)
    if len(parameters) != 1 or not _takes_model(task.function, parameters[0]):
        return None
    place = place_for_run(task, program, model.partition(".")[0])
    # Further down, the task's name may be another thing's.
    if place is None or tasks.variable_of(task) != task.label:
        return None
    cell, line = place
    call = f"{task.label}.run({model})"
    return cell, _Edit(f"add {call}", line, 0, call, above=line > 0)


def _takes_model(function: ast.AST, parameter: str) -> bool:
    """Whether a task's one parameter is the model: it says so, or the function asks it something."""
    return says_model(parameter) or any(
        isinstance(node, ast.Attribute)
        and node.attr in ("prompt", "respond")
        and isinstance(node.value, ast.Name)
        and node.value.id == parameter
        for node in ast.walk(function)
    )


def _model_name(program: Program) -> str | None:
    """How this notebook writes ``kbench.llm``."""
    for name in list(program.module.bindings):
        found = program.values.name(name, program.module)
        if found == (Sdk(SDK),):
            return f"{name}.llm"
        if found == (Sdk(f"{SDK}.llm"),):
            return name
    return None


def _not_stored(task: Task) -> tuple[Cell, _Edit] | None:
    cell, call = task.place.cell, task.calls[0]
    # What a function of the notebook decorates with may serve other tasks as well.
    if not task.decorated_directly or any(k.arg in (None, "store_task") for k in call.keywords):
        return None
    title = f"add store_task=False to {task.label}"
    if call.keywords:
        return _insert(cell, call.keywords[-1], ", store_task=False", title)
    if not call.args:
        return _insert(cell, call, "store_task=False", title, further=-1)
    # The node of an argument ends before parentheses around it, unlike that of a keyword.
    last = call.args[-1]
    line = cell.python.split("\n")[(last.end_lineno or 0) - 1].encode()
    until = (call.end_col_offset or 0) - 1 if call.end_lineno == last.end_lineno else None
    around = re.match(rb"[\s)]*\)", line[last.end_col_offset : until])
    return _insert(cell, last, ", store_task=False", title, around.end() if around else 0)


def _insert(
    cell: Cell, node: ast.expr | ast.keyword, text: str, title: str, further: int = 0
) -> tuple[Cell, _Edit] | None:
    """An insertion some bytes after the end of a node, unless IPython's transformer changed that line."""
    end_line = node.end_lineno or 0
    line = cell.text_line(end_line)
    python_lines, text_lines = cell.python.split("\n"), cell.text_lines
    if not (0 < end_line <= len(python_lines) and 0 < line <= len(text_lines)):
        return None
    if python_lines[end_line - 1] != text_lines[line - 1]:
        return None
    # Syntax trees count columns in bytes of UTF-8.
    before = text_lines[line - 1].encode()[: (node.end_col_offset or 0) + further]
    return cell, _Edit(title, line, len(before.decode(errors="ignore")), text)


def _apply(text: str, edits: list[_Edit]) -> list[str]:
    """The lines of a text with edits made. A line that others were put above holds them as well."""
    lines = text.split("\n")
    inside = [edit for edit in edits if edit.line and not edit.above]
    for edit in sorted(inside, key=lambda e: (e.line, e.column), reverse=True):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.column] + edit.text + line[edit.column :]
    for edit in reversed([edit for edit in edits if edit.above]):
        lines[edit.line - 1] = f"{edit.text}\n{lines[edit.line - 1]}"
    appended = [edit.text for edit in edits if not edit.line]
    if appended:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += ["", *appended] if lines else appended
    return lines


def _whole_text(lines: list[str], cell: Cell, source: TaskSource) -> str | None:
    """Put back the lines that a push leaves out; None when it cannot be told where they stood."""
    left_out = {
        item.line + offset: line
        for item in source.left_out
        if item.ref == cell.source.ref and item.line is not None
        for offset, line in enumerate(item.text.split("\n"))
    }
    if not left_out:
        return "\n".join(lines)
    places = list(cell.source.lines[: len(cell.text_lines)])
    last = max([*places, *left_out])
    missing = set(range(1, last + 1)) - {*places, *left_out}
    # Blank lines around what is pushed are in neither; between its lines none is ever dropped.
    if not places or set(places) & set(left_out) or any(places[0] < n < places[-1] for n in missing):
        return None
    kept = dict(zip(places, lines, strict=False))
    whole = [left_out.get(number, kept.get(number, "")) for number in range(1, last + 1)]
    return "\n".join([*whole, *lines[len(places) :]])
