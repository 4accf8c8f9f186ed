"""KB9xx: names that depend on the order in which cells happened to be executed."""

from __future__ import annotations

import ast
import re

from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.program import BUILTINS
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope, SiteIndex
from kbench_jupyter.validation.reading.walk import walk_cell
from kbench_jupyter.validation.rules.rule import Check, error

UNDEFINED = error(
    "KB901 undefined-name",
    "A name is used that no cell defines.",
    "It is known in this kernel because of a cell that was changed or deleted. The server runs the notebook "
    "from the top in a fresh kernel and stops with NameError.",
    "# the cell with `rows = ...` was deleted\nquiz.evaluate(llm=[kbench.llm], evaluation_data=rows)",
    "rows = pd.read_csv(...)\nquiz.evaluate(llm=[kbench.llm], evaluation_data=rows)",
    "{name} is not defined in any cell.",
    "Define or import {name} in a cell above, or restore the cell that did.",
)
TOO_EARLY = error(
    "KB902 used-before-defined",
    "A name is used in a cell above the one that defines it.",
    "It works here because the cells were executed in another order. The server runs them from the top.",
    "# cell 1\nprint(rows)\n\n# cell 2\nrows = [1, 2]",
    "# cell 1\nrows = [1, 2]\n\n# cell 2\nprint(rows)",
    "{name} is used here, but defined only in cell {other}.",
    "Move the cell that defines {name} above this one.",
)

# What IPython and the SDK's own setup put into a notebook's namespace.
_GIVEN = words(
    "get_ipython display In Out exit quit _ __ ___ _i _ii _iii _ih _oh _dh _exit_code __name__ __doc__"
    " __builtins__ __builtin__ __package__ __loader__ __spec__ __annotations__ __session__ __vsc_ipynb_file__"
    " __debug__ __IPYTHON__ __class__ __module__ __qualname__ WindowsError reveal_type reveal_locals __path__"
)
_HISTORY = re.compile(r"_(?:i?\d+)\Z")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    program = check.program
    first_defined = program.first_defined
    known = BUILTINS | _GIVEN
    # From the first cell on that may define what it likes, nothing is sure any more.
    for cell in program.cells[: program.opaque_from]:
        early = {n for n in cell.names.used if first_defined.get(n, cell.number) > cell.number}
        missing = {n for n in cell.names.mentioned if n not in first_defined and not _HISTORY.match(n)}
        if program.opaque_from < len(program.cells):
            # A function may be called after the cell that brings the name.
            missing &= cell.names.used
        suspects = (early | missing) - known
        if suspects:
            _report(check, cell, suspects, first_defined)


def _report(check: Check, cell: Cell, suspects: set[str], first_defined: dict[str, int]) -> None:
    told: set[str] = set()
    postponed = _annotations(check, cell)
    for place in _loads(cell):
        name = place.node.id
        if name not in suspects - told or _bound_locally(name, place.scope) or place.node in postponed:
            continue
        later = first_defined.get(name)
        inside = place.scope.kind != "module"
        if not place.certainty & Certainty.DEAD and not (inside and later is not None):
            told.add(name)
            _one(check, place, name, later)


def _one(check: Check, place: Place[ast.Name], name: str, later: int | None) -> None:
    message = hint = ""
    if later is not None:
        other = check.program.cells[later].source.ref.number
        check.at(TOO_EARLY, place, sure=_is_sure(check, place), name=name, other=other)
        return
    if name == "__file__":
        message = "__file__ does not exist in a notebook."
        hint = "Use Path.cwd(), or a path under /kaggle/input."
    elif (line := _left_out_line(check, name)) is not None:
        message = f"{name} comes from a line that is not pushed: {line}"
        hint = (
            f"If the task needs {name}, define it in a line that is pushed. If this cell only looks at what %kbench "
            "said, keep it out of the task: give it the tag kbench-skip (in JupyterLab: Property Inspector > Cell "
            "Tags)."
        )
    check.at(UNDEFINED, place, message, hint, sure=_is_sure(check, place), name=name)


def _left_out_line(check: Check, name: str) -> str | None:
    """The left-out line that assigns a name (``rows = %kbench list``), if there is one."""
    return next((item.text for item in check.left_out if re.match(rf"\s*{name}\s*=", item.text)), None)


def _loads(cell: Cell) -> list[Place[ast.Name]]:
    """The reads of names in a cell, each with its scope; the cell may not have been walked before."""
    index = SiteIndex()
    walk_cell(cell, Scope("module"), index)
    return index.loads


def _annotations(check: Check, cell: Cell) -> set[ast.AST]:
    """What stands in annotations that nobody evaluates: IPython keeps a ``from __future__`` for all later cells."""
    futures = [place.node for place in check.program.index.futures if place.cell.number <= cell.number]
    if not any(alias.name == "annotations" for node in futures for alias in node.names):
        return set()
    parts = [getattr(node, part, None) for node in ast.walk(cell.tree) for part in ("annotation", "returns")]
    return {node for root in parts if root is not None for node in ast.walk(root)}


def _is_sure(check: Check, place: Place[ast.Name]) -> bool:
    if place.certainty != Certainty.SURE:
        return False
    if place.scope.kind == "module":
        return True
    # In a function: its scope here is a copy; its node is the same.
    original = check.program.index.functions_by_node.get(place.scope.node) if place.scope.node else None
    return original is not None and check.program.surely_entered(original)


def _bound_locally(name: str, scope: Scope) -> bool:
    """Whether a function, or one around it, binds a name itself."""
    inner: Scope | None = scope
    while inner is not None and inner.kind != "module":
        if name in inner.bindings:
            return True
        inner = inner.parent
    return False
