"""The entries of a dict that stands in the source, also under a name: ``OPTIONS = {"store_task": False}``."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope

Entries: TypeAlias = dict[str, tuple["ast.expr", "Scope"]]
_MAX_DEPTH = 8
# What gives a dict other keys, or a table other columns.
_CHANGED = r"\b{}\s*(?:\|=|\.(?:insert|pop|popitem|update|setdefault|clear|columns|drop|rename|eval)\b)"


def bound_once(name: str, scope: Scope, program: Program) -> tuple[ast.AST, Scope] | None:
    """Return what a name is given once and for all, and where; None if that is not all there is to it."""
    bindings = list(program.bindings(name, scope))
    if len(bindings) != 1 or bindings[0].kind != "value" or re.search(_CHANGED.format(name), program.text):
        return None
    return bindings[0].node, bindings[0].scope


def entries_of(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> Entries | None:
    """Return the entries of a dict by their keys, each with where it stands; None where not all can be seen."""
    if depth > _MAX_DEPTH:
        return None
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [getattr(key, "value", "") if key else None for key in keys]
            pairs = list(zip(names, values, strict=True))
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            pairs = [(keyword.arg, keyword.value) for keyword in keywords]
        case ast.Name(id=name) if given := bound_once(name, scope, program):
            return entries_of(*given, program, depth + 1)
        case _:
            return None
    found: Entries = {}
    for key, value in pairs:
        if key is None:  # another dict, unpacked
            more = entries_of(value, scope, program, depth + 1)
        else:
            more = {key: (value, scope)} if key and isinstance(key, str) else None
        if more is None:
            return None
        found |= more
    return found
