"""Where a run of a task can be added to a notebook: as far down as possible.

What a task uses may be defined, filled or set up in any cell, so only the notebook's end is sure to have it all.
A run has to stand above a ``%choose``, though, which deletes the files of what was run, and above what ends the
notebook.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.task import Task

_ENDING_WORDS = ("raise", "exit", "quit")


def place_for_run(task: Task, program: Program, model: str) -> tuple[Cell, int] | None:
    """Return the cell for a task's run and the line of its text to put it above (0: at the cell's end).

    Parameters
    ----------
    task : Task
        A task that a cell defines at its top.
    program : Program
        The notebook.
    model : str
        The name of the notebook that the run starts from to get its model.

    Returns
    -------
    tuple of Cell and int, or None
        None when no place is sure to have what the task uses.
    """
    first = task.place.cell.number
    last = len(program.cells) - 1
    stop = _first_stop(task, program)
    if stop is not None:
        cell, line = stop
        has_code_above = any(cell.text_line(node.lineno) < line for node in cell.tree.body)
        if cell.number == first or has_code_above:
            return None if _defined_below(cell.number, task, program, model) else stop
        last = cell.number - 1
    # A cell magic is about the code that it stands above; one that does not let Python through is no place at all.
    cells = [cell for cell in reversed(program.cells[first : last + 1]) if _takes_code(cell)]
    for cell in sorted(cells, key=lambda cell: any(magic.cell_magic for magic in cell.magics)):
        if not _defined_below(cell.number, task, program, model):
            return cell, 0
    return None


def _first_stop(task: Task, program: Program) -> tuple[Cell, int] | None:
    """The first line below a task that no run may stand behind."""
    home = task.place.cell
    below = (home.number, home.text_line(getattr(task.node, "end_lineno", None) or 1))
    stops = [
        (cell.number, _statement_line(cell, magic.line))
        for cell, magic in program.magics
        if magic.name == "choose"
    ]
    for cell in program.cells[home.number :]:
        if any(word in cell.source.text for word in _ENDING_WORDS):
            stops += [(cell.number, cell.text_line(node.lineno)) for node in cell.tree.body if _ends(node)]
    found = min((stop for stop in stops if stop > below), default=None)
    return None if found is None else (program.cells[found[0]], found[1])


def _statement_line(cell: Cell, line: int) -> int:
    """The first line of the statement at a cell's top that a line is part of."""
    lines = [cell.text_line(node.lineno) for node in cell.tree.body]
    return max((number for number in lines if number <= line), default=line)


def _ends(node: ast.stmt) -> bool:
    """Whether a statement ends the notebook: ``raise``, ``exit()``, ``sys.exit()``."""
    value = node.value if isinstance(node, ast.Expr) else None
    func = value.func if isinstance(value, ast.Call) else value
    ends = getattr(func, "id", "") in ("exit", "quit") or getattr(func, "attr", "") in ("exit", "_exit")
    return ends or isinstance(node, ast.Raise)


def _takes_code(cell: Cell) -> bool:
    return not cell.opaque and (bool(cell.python.strip()) or not cell.source.text.strip())


def _defined_below(number: int, task: Task, program: Program, model: str) -> bool:
    """Whether a cell below one defines what a task uses, or what that uses."""
    later = program.cells[number + 1 :]
    if not later:
        return False
    needed = {*task.place.cell.names.used_inside, model}
    todo = set(needed)
    while todo:
        more = {
            name for cell in program.cells if cell.names.defined & todo for name in cell.names.used_inside
        }
        todo = more - needed
        needed |= more
    return any(cell.names.defined & needed for cell in later)
