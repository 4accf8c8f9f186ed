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
_HERE = frozenset({"pathlib.Path.cwd", "os.getcwd"})
_SAME_METHODS = frozenset({"absolute", "as_posix", "resolve"})
_LAST_CONVERSION = re.compile(r".*%[^A-Za-z%]*[A-Za-z]", re.DOTALL)
_MAX_DEPTH = 8


class Built(NamedTuple):
    """What can be seen of a text: what it begins with, what it ends with, and whether the beginning is all of it."""

    start: str = ""
    end: str = ""
    complete: bool = False

    def may_be(self, path: str) -> bool:
        """Whether it may be a path, or a folder or the stem of it."""
        if not self.start and not self.complete:
            return f"/{path}".endswith(self.end)
        if not self.start or not path.startswith(self.start):
            return False
        rest = path[len(self.start) :]
        # A whole text may be the folder of data/q.csv or the stem of data.csv; a mere `r` is no part of rows.csv.
        return not self.complete or len(self.start) > 2 or not rest[:1].isalpha()


_UNKNOWN = Built()


def is_builder(call: ast.Call, scope: Scope, program: Program) -> bool:
    """Whether a call does no more than put a path together."""
    name = last_name(call.func)
    if name in ("str", "fspath", "joinpath") or name in _SAME_METHODS:
        return True
    return dotted(call.func, scope, program) in _JOINS


def built(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> Built:
    """Return what can be seen of a text or a path.

    Texts are put together with f-strings, ``+`` and ``%``, paths with ``Path(...)``, ``/``, ``joinpath`` and
    ``os.path.join(...)``, through names.
    """
    value = program.values.const(node, scope)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Built(str(value), str(value), complete=True)

    def parts(nodes: list[ast.expr]) -> list[Built]:
        return [built(part, scope, program, depth + 1) for part in nodes]

    match node:
        case _ if depth > _MAX_DEPTH:
            return _UNKNOWN
        case ast.JoinedStr(values=values):
            return _put_together(parts(values), path=False)
        case ast.FormattedValue(value=inner, conversion=conversion, format_spec=None) if conversion <= 0:
            return built(inner, scope, program, depth + 1)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _put_together(parts([left, right]), path=False)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _put_together(parts([left, right]), path=True)
        case ast.BinOp(left=left, op=ast.Mod()):
            text = program.values.const(left, scope)
            if isinstance(text, str):
                return Built(text.partition("%")[0], _LAST_CONVERSION.sub("", text))
        case ast.Call(func=ast.Attribute(value=receiver, attr="format")):
            text = program.values.const(receiver, scope)
            if isinstance(text, str):
                pieces = re.split(r"[{}]", text)
                return Built(pieces[0], pieces[-1])
        case ast.Call(func=ast.Attribute(attr="with_suffix" | "with_name"), args=[*_, last]):
            return Built(end=built(last, scope, program, depth + 1).end)
        case ast.Call(func=func, args=[]) if dotted(func, scope, program) in _HERE:
            return Built("", "", complete=True)  # a path that goes on from here is a relative one
        case ast.Call(func=func, args=args, keywords=keywords) if is_builder(node, scope, program):
            if isinstance(func, ast.Attribute) and func.attr in ("joinpath", *_SAME_METHODS):
                args = [func.value, *args]
            whole = _put_together(parts(args), path=True)
            return Built(end=whole.end) if keywords else whole
        case ast.Name(id=name):
            bindings = list(program.bindings(name, scope))
            if len(bindings) == 1 and bindings[0].kind == "value":
                return built(bindings[0].node, bindings[0].scope, program, depth + 1)
    return _UNKNOWN


def _put_together(parts: list[Built], *, path: bool) -> Built:
    """Parts in a row, or of a path, with slashes between them."""
    text = ""
    for part in parts:
        # Of a path a later part that is absolute is all that counts. One that cannot be seen may be absolute.
        if path and text and not part.start.startswith("/"):
            text = f"{text.rstrip('/')}/{part.start}"
        else:
            text = part.start if path else text + part.start
        if not part.complete:
            break
    complete = all(part.complete for part in parts) and (bool(parts) or not path)
    return Built(text, parts[-1].end if parts else "", complete)
