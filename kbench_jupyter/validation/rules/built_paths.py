"""What a path that is put together from parts begins and ends with, and whether that is all of it."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.types_of import dotted

_JOINS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "os.path.join"})
_SAME_METHODS = frozenset({"absolute", "as_posix", "resolve"})
# Of these the last argument is what the path ends with.
_ENDING_METHODS = frozenset({"joinpath", "with_suffix", "with_name"})
_LAST_CONVERSION = re.compile(r".*%[^A-Za-z%]*[A-Za-z]", re.DOTALL)
_MAX_DEPTH = 8


class Beginning(NamedTuple):
    """The first part of a text, and whether it is the whole text."""

    text: str
    complete: bool


_UNKNOWN = Beginning("", complete=False)


def is_builder(call: ast.Call, scope: Scope, program: Program) -> bool:
    """Whether a call does no more than put a path together."""
    name = last_name(call.func)
    if name in ("str", "fspath", "joinpath") or name in _SAME_METHODS:
        return True
    return dotted(call.func, scope, program) in _JOINS


def beginning(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> Beginning:
    """Return what a text or a path begins with, as far as it can be seen.

    Parameters
    ----------
    node : expression
        Texts put together with f-strings, ``+`` and ``%``, and paths with ``Path(...)``, ``/``, ``joinpath`` and
        ``os.path.join(...)``, through names.
    scope : Scope
        Where it stands.
    program : Program

    Returns
    -------
    Beginning
        An empty text if nothing of it can be seen.
    """
    value = program.values.const(node, scope)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Beginning(str(value), complete=True)
    if depth > _MAX_DEPTH:
        return _UNKNOWN
    if isinstance(node, ast.JoinedStr):
        return _in_a_row(node.values, scope, program, depth)
    if isinstance(node, ast.FormattedValue):
        plain = node.format_spec is None and node.conversion <= 0
        return beginning(node.value, scope, program, depth + 1) if plain else _UNKNOWN
    if isinstance(node, ast.BinOp):
        return _operation(node, scope, program, depth)
    if isinstance(node, ast.Call):
        return _call(node, scope, program, depth)
    if isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if len(bindings) == 1 and bindings[0].kind == "value":
            return beginning(bindings[0].node, bindings[0].scope, program, depth + 1)
    return _UNKNOWN


def ending(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> str:
    """Return what a text or a path ends with, as far as it can be seen.

    Parameters
    ----------
    node : expression
        Put together as for `beginning`; ``with_suffix`` and ``with_name`` are understood as well.
    scope : Scope
        Where it stands.
    program : Program

    Returns
    -------
    str
        An empty text if nothing of it can be seen.
    """
    value = program.values.const(node, scope)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    last: ast.AST | None = None
    if isinstance(node, ast.JoinedStr):
        last = node.values[-1] if node.values else None
    elif isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion <= 0:
        last = node.value
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
        last = node.right
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        text = program.values.const(node.left, scope)
        return _LAST_CONVERSION.sub("", text) if isinstance(text, str) else ""
    elif isinstance(node, ast.Call):
        return _end_of_call(node, scope, program, depth)
    elif isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if len(bindings) == 1 and bindings[0].kind == "value":
            last, scope = bindings[0].node, bindings[0].scope
    return "" if last is None or depth > _MAX_DEPTH else ending(last, scope, program, depth + 1)


def _end_of_call(node: ast.Call, scope: Scope, program: Program, depth: int) -> str:
    func = node.func
    name = getattr(func, "attr", "")
    if isinstance(func, ast.Attribute) and name == "format":
        text = program.values.const(func.value, scope)
        return re.split(r"[{}]", text)[-1] if isinstance(text, str) else ""
    last: ast.AST | None = None
    if node.args and (name in _ENDING_METHODS or is_builder(node, scope, program)):
        last = node.args[-1]
    elif isinstance(func, ast.Attribute) and name in _SAME_METHODS:
        last = func.value
    return "" if last is None or depth > _MAX_DEPTH else ending(last, scope, program, depth + 1)


def _operation(node: ast.BinOp, scope: Scope, program: Program, depth: int) -> Beginning:
    if isinstance(node.op, ast.Add):
        return _in_a_row([node.left, node.right], scope, program, depth)
    if isinstance(node.op, ast.Div):
        return _joined([node.left, node.right], scope, program, depth)
    if isinstance(node.op, ast.Mod):
        text = program.values.const(node.left, scope)
        return Beginning(text.partition("%")[0], complete=False) if isinstance(text, str) else _UNKNOWN
    return _UNKNOWN


def _call(node: ast.Call, scope: Scope, program: Program, depth: int) -> Beginning:
    func = node.func
    if isinstance(func, ast.Attribute) and func.attr == "format":
        text = program.values.const(func.value, scope)
        return Beginning(re.split(r"[{}]", text)[0], complete=False) if isinstance(text, str) else _UNKNOWN
    if node.keywords or not is_builder(node, scope, program):
        return _UNKNOWN
    name = getattr(func, "attr", "")
    if isinstance(func, ast.Attribute) and name in ("joinpath", *_SAME_METHODS):
        return _joined([func.value, *node.args], scope, program, depth)
    return _joined(node.args, scope, program, depth)


def _in_a_row(nodes: list[ast.expr], scope: Scope, program: Program, depth: int) -> Beginning:
    text = ""
    for node in nodes:
        part = beginning(node, scope, program, depth + 1)
        text += part.text
        if not part.complete:
            return Beginning(text, complete=False)
    return Beginning(text, complete=True)


def _joined(nodes: list[ast.expr], scope: Scope, program: Program, depth: int) -> Beginning:
    """The parts of a path, with slashes between them. A later part that is absolute is all that counts."""
    parts = [beginning(node, scope, program, depth + 1) for node in nodes]
    text = ""
    for part in parts:
        # A part that cannot be seen may as well be absolute, and then what comes before it does not count.
        text = part.text if part.text.startswith("/") or not text else f"{text.rstrip('/')}/{part.text}"
        if not part.complete:
            return Beginning(text, complete=False)
    return Beginning(text, complete=bool(parts))
