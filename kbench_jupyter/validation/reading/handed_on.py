"""Tasks that something unseen may run: what gets them as an argument, unknown magics, code in texts."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.value import Func, Stdlib

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Place
    from kbench_jupyter.validation.reading.tasks import Tasks

__all__ = ["note_handed_on", "only_looks"]

# Calling these with a task does not run it.
_LOOKERS = words(
    "print display repr str type isinstance issubclass len id vars dir help hasattr getattr callable hash bool format"
)
_LOOKING_MODULES = words("inspect pprint typing logging warnings dis")
# What is given to these is read, by people or by a model, and executed by nobody.
_SHOWN_BY = words(
    "print display warn info debug warning error exception log prompt respond send Markdown HTML pprint exit"
)
_SHOWN_AS = words("expectation description name help msg message title")
# What cannot be a task, whatever is in it.
_NO_TASK = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.UnaryOp, ast.Compare)
_CODE = re.compile(r"\.(?:run|evaluate)\(")
_WORD = re.compile(r"\w+")


def only_looks(place: Place[ast.Call], program: Program) -> bool:
    """Whether a call does not run what it is given: ``print(task)``, ``inspect.signature(task.run)``."""
    func = place.node.func
    if isinstance(func, ast.Name) and func.id in _LOOKERS:
        return True
    found = program.values.of(func, place.scope)
    return bool(found) and all(
        isinstance(v, Stdlib) and v.path.partition(".")[0] in _LOOKING_MODULES for v in found
    )


def note_handed_on(tasks: Tasks) -> None:
    """Note, for each task, whether something that cannot be seen into may run it."""
    program = tasks.program
    for place in program.index.calls:
        if not program.executed(place):
            continue
        given = (*place.node.args, *(keyword.value for keyword in place.node.keywords))
        found = [
            task for node in given if not isinstance(node, _NO_TASK) for task in tasks.of(node, place.scope)
        ]
        if not found or only_looks(place, program):
            continue
        if not any(isinstance(v, Func) for v in program.values.of(place.node.func, place.scope)):
            for task in found:
                task.handed_on = True
    _note_hidden_runs(tasks)
    if tasks.unresolved_run:
        mentioned = {place.node.id for place in program.index.loads if program.executed(place)}
        for task in tasks.all:
            task.handed_on = task.handed_on or task.label in mentioned or task.function is None


def _note_hidden_runs(tasks: Tasks) -> None:
    """Note tasks named where only running the notebook would tell: unknown magics, code in texts."""
    program = tasks.program
    hidden = [cell.source.text for cell in program.cells if cell.opaque]
    hidden += _texts_with_code(program)
    named = {word for text in hidden for word in _WORD.findall(text)}
    elsewhere = any(magic.name in ("run", "load", "notebook_run") for _, magic in program.magics)
    for task in tasks.all:
        label = task.label
        if (
            elsewhere
            or label in named
            or (not label.isidentifier() and any(label in text for text in hidden))
        ):
            task.handed_on = True


def _texts_with_code(program: Program) -> list[str]:
    """The texts that hold a run and may be executed: not those that stand alone, and not messages."""
    found = []
    shown: dict[int, set[ast.AST]] = {}
    for place in program.index.strings:
        text = str(place.node.value)
        if _CODE.search(text) is None or place.node in program.index.statements:
            continue
        cell = place.cell
        if cell.number not in shown:
            shown[cell.number] = _shown_texts(cell)
        if place.node not in shown[cell.number]:
            found.append(text)
    return found


def _shown_texts(cell: Cell) -> set[ast.AST]:
    """The texts of a cell that are only read or compared: in messages, expectations, descriptions, prompts."""
    todo: list[ast.AST | None] = []
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Assert):
            todo.append(node.msg)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            todo += node.exc.args
        elif isinstance(node, ast.Compare):
            todo += [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            word = last_name(node.func)
            if word in _SHOWN_BY or word.startswith("assert"):
                todo += node.args
            todo += [keyword.value for keyword in node.keywords if keyword.arg in _SHOWN_AS]
    found: set[ast.AST] = set()
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Constant):
            found.add(part)
        elif isinstance(part, ast.Call):
            # Of `print(eval("..."))` only what eval returns is shown; of a text's method, the text is.
            todo.append(part.func.value if isinstance(part.func, ast.Attribute) else None)
        elif part is not None:
            todo += ast.iter_child_nodes(part)
    return found
