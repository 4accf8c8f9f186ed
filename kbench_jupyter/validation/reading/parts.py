"""Parts of syntax that the walk and the rules take a closer look at: signatures, names, tests of branches."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.scopes import Certainty


def arguments(args: ast.arguments) -> list[ast.arg]:
    """Return every parameter of a signature."""
    more = [argument for argument in (args.vararg, args.kwarg) if argument is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *more]


def default_values(args: ast.arguments) -> dict[str, ast.expr]:
    """Return the default of each parameter that has one."""
    positional = [*args.posonlyargs, *args.args]
    pairs = [
        *zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    return {argument.arg: default for argument, default in pairs if default is not None}


def last_name(node: ast.AST) -> str:
    """Return the name that a plain or a dotted name ends with, ``""`` for anything else."""
    return getattr(node, "id", getattr(node, "attr", ""))


def base_name(node: ast.AST) -> str:
    """Return the last name of what is called or subscripted."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return last_name(node)


def managers(node: ast.With | ast.AsyncWith, name: str) -> list[ast.Call]:
    """Return the calls of that name that a ``with`` enters."""
    entered = (item.context_expr for item in node.items)
    return [call for call in entered if isinstance(call, ast.Call) and last_name(call.func) == name]


def branches(test: ast.AST) -> tuple[int, int]:
    """Return how sure the two branches of a test are: ``__name__ == "__main__"`` holds in a notebook."""
    taken, passed = (Certainty.SURE, Certainty.DEAD), (Certainty.DEAD, Certainty.SURE)
    match test:
        case ast.Constant(value=value):
            return taken if value else passed
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return passed
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]):
            names = {side.id for side in (left, right) if isinstance(side, ast.Name)}
            values = {side.value for side in (left, right) if isinstance(side, ast.Constant)}
            if names == {"__name__"} and values == {"__main__"}:
                return taken if isinstance(op, ast.Eq) else passed
    return Certainty.CONDITIONAL, Certainty.CONDITIONAL
