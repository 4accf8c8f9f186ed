"""Finding a value that may be None and is used as if it were not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.rules.guards import caught_around

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Place

__all__ = ["first_unchecked_use"]

_NEEDS_A_VALUE = frozenset({"len", "iter", "sorted", "list", "sum", "max", "min", "enumerate"})


def first_unchecked_use(place: Place[ast.Call], program: Program) -> ast.AST | None:
    """Return the first place that would fail if a call gave None, when nothing tests for it.

    Parameters
    ----------
    place : Place
        The call that may give None.
    program : Program

    Returns
    -------
    ast.AST or None
        The use, or None when there is none, the value is tested somewhere in the same function, or what it
        raises is caught there.
    """
    call, scope = place.node, place.scope
    root = scope.node if scope.node is not None else place.cell.tree
    parents = {child: parent for parent in ast.walk(root) for child in ast.iter_child_nodes(parent)}

    def fails(node: ast.AST) -> bool:
        error = _error_on_none(node, parents)
        return error is not None and not caught_around(error, node, root, scope, program)

    if fails(call):
        return call
    parent = parents.get(call)
    if not isinstance(parent, ast.Assign | ast.NamedExpr | ast.AnnAssign):
        return None
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    reads = [
        node
        for node in parents
        if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)
    ]
    if isinstance(parent, ast.NamedExpr) or any(_is_tested(node, parents) for node in reads):
        return None
    failing = [node for node in reads if fails(node)]
    return min(failing, key=lambda node: (node.lineno, node.col_offset), default=None)


def _error_on_none(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str | None:
    """What a use of a value raises when that is None, or None when it raises nothing."""
    parent = parents.get(node)
    if isinstance(parent, ast.Attribute):
        return "AttributeError"
    if isinstance(parent, ast.Subscript):
        fails = parent.value is node
    elif isinstance(parent, ast.For | ast.comprehension):
        fails = parent.iter is node
    elif isinstance(parent, ast.Compare):
        fails = any(
            isinstance(op, ast.In | ast.NotIn) and right is node
            for op, right in zip(parent.ops, parent.comparators, strict=True)
        )
    elif isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        fails = parent.func.id in _NEEDS_A_VALUE and node in parent.args
    else:
        fails = False
    return "TypeError" if fails else None


def _is_tested(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a read stands in a test by itself: ``if x``, ``x is None``, ``x or ...``, ``assert x``.

    An assertion of the SDK or a call that gets the value whole may test it as well.
    """
    parent = parents.get(node)
    if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
        return True
    if isinstance(parent, ast.Compare):
        return _error_on_none(node, parents) is None
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id in ("isinstance", "bool")
    if isinstance(parent, ast.If | ast.IfExp | ast.While | ast.Assert):
        return parent.test is node
    return isinstance(parent, ast.BoolOp | ast.Match)
