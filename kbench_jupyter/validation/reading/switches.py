"""Branches that the notebook itself switches off: ``RUN = False`` above ``if RUN:``.

Only what is sure counts: a name of the notebook that is bound to constants, and to nothing else anywhere.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kbench_jupyter.validation.reading.scopes import Certainty, Scope

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.walked import Walked

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
    """A branch that is never taken: its test, how that comes out, and the nodes in it."""

    test: ast.expr
    truth: bool
    nodes: frozenset[ast.AST]


def switch_off(walked: Walked) -> list[Switch]:
    """Mark everything under a test that surely fails as never executed, and return those branches."""
    switches = []
    for place in walked.index.tests:
        holds = _truth(place.node.test, place.scope, walked)
        if holds is None or (holds and isinstance(place.node, ast.While)):
            continue
        branch: Any = place.node.orelse if holds else place.node.body
        nodes = [n for part in (branch if isinstance(branch, list) else [branch]) for n in ast.walk(part)]
        switches.append(Switch(place.node.test, holds, frozenset(nodes)))
    dead = frozenset[ast.AST]().union(*(switch.nodes for switch in switches))
    for place in walked.index.places() if dead else ():
        if place.node in dead:
            place.certainty |= Certainty.DEAD
    for node in dead & walked.index.functions_by_node.keys():
        walked.index.functions_by_node[node].certainty |= Certainty.DEAD
    return switches


def _truth(test: ast.expr, scope: Scope, walked: Walked) -> bool | None:
    """Whether a test surely holds, surely fails, or (None) may do either."""
    truths = {bool(value) for value in _values(test, scope, walked)}
    return truths.pop() if len(truths) == 1 else None


def _values(node: ast.expr, scope: Scope, walked: Walked) -> list[object]:
    """Everything a test or a side of one may be, such as ``MODE in ("full", "quick")``; nothing when unsure."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return [not value for value in _values(inner, scope, walked)]
        case ast.BoolOp(op=op, values=parts):
            decides = isinstance(op, ast.Or)
            truths = {_truth(part, scope, walked) for part in parts}
            if decides in truths:
                return [decides]
            return [] if None in truths else [not decides]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            rights = _values(right, scope, walked)
            try:
                return [
                    _COMPARISONS[type(op)](a, b) for a in constants_of(left, scope, walked) for b in rights
                ]
            except TypeError:
                return []
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            items = [item.value for item in elts if isinstance(item, ast.Constant)]
            return [items] if len(items) == len(elts) else []
    return constants_of(node, scope, walked)


def constants_of(node: ast.expr, scope: Scope, walked: Walked) -> list[object]:
    """Return everything that a constant, or a name of the notebook that is bound to constants alone, may be.

    Parameters
    ----------
    scope : Scope
        Where it stands.

    Returns
    -------
    list of object
        Nothing when it may be something else as well.
    """
    if isinstance(node, ast.Constant):
        return [node.value]
    if not isinstance(node, ast.Name):
        return []
    if node.id == "__name__" and not list(walked.bindings(node.id, scope)):
        return ["__main__"]
    # A local name may be given its value by whoever calls the function.
    if walked.bindings(node.id, scope) is not walked.module.bindings.get(node.id):
        return []
    known = walked.constants
    if node.id not in known:
        known[node.id] = _bound_constants(node.id, walked)
    return known[node.id]


def _bound_constants(name: str, walked: Walked) -> list[object]:
    bindings = walked.module.bindings[name]
    values: list[object] = [
        b.node.value for b in bindings if b.kind == "value" and isinstance(b.node, ast.Constant)
    ]
    if len(values) < len(bindings) or walked.opaque_from < len(walked.cells):
        return []
    # Code in a text may bind it as well, and so may what is given its name as a text.
    return [] if any(f"{quote}{name}" in walked.text for quote in "'\"") else values
