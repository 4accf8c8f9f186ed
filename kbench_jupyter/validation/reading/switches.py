"""Branches that the notebook itself switches off: ``RUN = False`` above ``if RUN:``.

Only what is sure counts: a name of the notebook that is bound to constants, and to nothing else anywhere.
"""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program

__all__ = ["Switch", "constants_of", "switch_off"]

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


@dataclass(frozen=True)
class Switch:
    """A branch that is never taken: its test and how that comes out, the cell, and where it starts and ends."""

    test: ast.expr
    truth: bool
    cell: int
    start: tuple[int, int]
    end: tuple[int, int]

    def covers(self, node: ast.AST, cell: int) -> bool:
        """Whether a node of a cell stands in the branch."""
        at = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        return cell == self.cell and self.start <= at < self.end


def switch_off(program: Program) -> list[Switch]:
    """Mark everything under a test that surely fails as never executed, and return those branches."""
    switches = []
    for place in program.index.tests:
        holds = _truth(place.node.test, place.scope, program)
        if holds is None:
            continue
        branch = place.node.orelse if holds else place.node.body
        nodes = branch if isinstance(branch, list) else [branch]
        if nodes and not (holds and isinstance(place.node, ast.While)):
            first, last = nodes[0], nodes[-1]
            # A function's own line is below its decorators.
            lines = [first.lineno, *(d.lineno for d in getattr(first, "decorator_list", ()))]
            start = (min(lines), 0 if len(lines) > 1 else first.col_offset)
            end = (last.end_lineno or 0, last.end_col_offset or 0)
            switches.append(Switch(place.node.test, holds, place.cell.number, start, end))
    if switches:
        _mark(program, switches)
    return switches


def _mark(program: Program, switches: list[Switch]) -> None:
    index = program.index
    groups: tuple[Sequence[Place[ast.AST]], ...] = (
        index.calls,
        index.attributes,
        list(index.stores.values()),
        index.subscripts,
        index.loads,
        index.functions,
        index.strings,
        index.built,
        index.withs,
    )
    by_cell: dict[int, list[Switch]] = defaultdict(list)
    for switch in switches:
        by_cell[switch.cell].append(switch)
    for group in groups:
        for place in group:
            number = place.cell.number
            if number in by_cell and any(switch.covers(place.node, number) for switch in by_cell[number]):
                place.certainty |= Certainty.DEAD
    for node, scope in index.functions_by_node.items():
        number = scope.cell.number if scope.cell is not None else -1
        if number in by_cell and any(switch.covers(node, number) for switch in by_cell[number]):
            scope.certainty |= Certainty.DEAD


def _truth(test: ast.expr, scope: Scope, program: Program) -> bool | None:
    """Whether a test surely holds, surely fails, or (None) may do either."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand, scope, program)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        parts = {_truth(part, scope, program) for part in test.values}
        decides = isinstance(test.op, ast.Or)
        if decides in parts:
            return decides
        return None if None in parts else not decides
    if isinstance(test, ast.Compare):
        return _compared(test, scope, program)
    truths = {bool(value) for value in constants_of(test, scope, program)}
    return truths.pop() if len(truths) == 1 else None


def _compared(test: ast.Compare, scope: Scope, program: Program) -> bool | None:
    """The truth of ``MODE == "full"``, ``LIMIT > 0``, ``MODE in ("full", "quick")``."""
    if len(test.ops) != 1 or type(test.ops[0]) not in _COMPARISONS:
        return None
    compare = _COMPARISONS[type(test.ops[0])]
    left = constants_of(test.left, scope, program)
    right = _sides(test.comparators[0], scope, program)
    try:
        truths = {bool(compare(a, b)) for a in left for b in right}
    except TypeError:
        return None
    return truths.pop() if len(truths) == 1 else None


def _sides(node: ast.expr, scope: Scope, program: Program) -> list[object]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        items = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        return [items] if len(items) == len(node.elts) else []
    return constants_of(node, scope, program)


def constants_of(node: ast.expr, scope: Scope, program: Program) -> list[object]:
    """Return everything that a constant, or a name of the notebook that is bound to constants alone, may be.

    Parameters
    ----------
    node : expression
    scope : Scope
        Where it stands.
    program : Program

    Returns
    -------
    list of object
        Nothing when it may be something else as well.
    """
    if isinstance(node, ast.Constant):
        return [node.value]
    if not isinstance(node, ast.Name):
        return []
    if node.id == "__name__" and not list(program.bindings(node.id, scope)):
        return ["__main__"]
    # A local name may be given its value by whoever calls the function.
    if program.bindings(node.id, scope) is not program.module.bindings.get(node.id):
        return []
    known = program.constants
    if node.id not in known:
        known[node.id] = _bound_constants(node.id, program)
    return known[node.id]


def _bound_constants(name: str, program: Program) -> list[object]:
    bindings = program.module.bindings[name]
    values: list[object] = [
        b.node.value for b in bindings if b.kind == "value" and isinstance(b.node, ast.Constant)
    ]
    if len(values) < len(bindings) or program.opaque_from < len(program.cells):
        return []
    # Code in a text may bind it as well, and so may what is given its name as a text.
    return [] if any(f"{quote}{name}" in program.text for quote in "'\"") else values
