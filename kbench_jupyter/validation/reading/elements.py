"""What an element of a container of a notebook may stand for: of lists and rows, of what calls return."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.value import (
    UNKNOWN,
    Found,
    Func,
    HardModel,
    Value,
    argument_of,
    unique,
)

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.scopes import Scope
    from kbench_jupyter.validation.reading.values import Values

__all__ = ["elements_of"]

_ELEMENTWISE = words("list tuple set frozenset sorted reversed enumerate zip iter filter chain dict")


def elements_of(values: Values, node: ast.AST, scope: Scope) -> Found:
    """Return everything an element of `node` may stand for."""
    found: list[Value] = []
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        for item in node.elts:
            if isinstance(item, ast.Starred):
                found.extend(values.elements(item.value, scope))
            else:
                found.extend(_item(values, item, scope))
    elif isinstance(node, ast.Dict):
        for entry in node.values:
            found.extend(_item(values, entry, scope))
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        found.extend(_item(values, node.elt, scope))
    elif isinstance(node, ast.DictComp):
        found.extend(_item(values, node.value, scope))
    elif isinstance(node, ast.Name):
        for binding in values.program.bindings(node.id, scope):
            if binding.kind == "value":
                found.extend(values.elements(binding.node, binding.scope))
            elif binding.kind == "part":
                found.extend(_item(values, binding.node, binding.scope))
            elif binding.kind == "param":
                for place in values.program.calls_of(binding.scope):
                    argument = argument_of(place.node, binding.scope, node.id)
                    if argument is not None:
                        found.extend(values.elements(argument, place.scope))
            else:
                found.append(UNKNOWN)
    elif isinstance(node, ast.Call):
        found.extend(_call_elements(values, node, scope))
    elif isinstance(node, ast.BinOp):
        found.extend((*values.elements(node.left, scope), *values.elements(node.right, scope)))
    elif isinstance(node, ast.Attribute):
        for binding in values.program.index.attribute_bindings.get(node.attr, ()):
            found.extend(values.elements(binding.node, binding.scope))
    return unique(found) if found else (UNKNOWN,)


def _item(values: Values, node: ast.AST, scope: Scope) -> Found:
    """An item, or, when it is a container itself (a pair, a row), what it holds."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
        return values.elements(node, scope)
    return values.of(node, scope)


def _call_elements(values: Values, node: ast.Call, scope: Scope) -> Found:
    name = last_name(node.func)
    if name in ("values", "items", "copy", "keys", "sample", "shuffle") and isinstance(
        node.func, ast.Attribute
    ):
        if values.sdk_path(node.func.value, scope) == "llms":
            return (HardModel("*"),)
        return values.elements(node.func.value, scope)
    if name in _ELEMENTWISE:
        return tuple(value for arg in node.args for value in values.elements(arg, scope))
    if name == "vars" or name == "globals":
        return (UNKNOWN,)
    return tuple(
        value
        for callee in values.of(node.func, scope)
        if isinstance(callee, Func)
        for statement in (*callee.scope.returns, *callee.scope.yields)
        if (value_node := getattr(statement, "value", None)) is not None
        for value in values.elements(value_node, callee.scope)
    )
