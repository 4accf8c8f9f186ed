"""What of a task's results the SDK surely cannot record: texts, lists, and what its own calls give.

It records a bool, a number, a dict, a pair of numbers or None; anything else ends a run without a run file (tried
with kaggle_benchmarks 0.6.2). Values that only running shows, such as numpy's, are left to the dry run, which tells
the SDK's own reason.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.sdk.answers import Answer, answer_in
from kbench_jupyter.validation.reading.sdk.things import Instance, Plain
from kbench_jupyter.validation.reading.types_of import is_model

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.scopes import Scope
    from kbench_jupyter.validation.rules.rule import Check

__all__ = ["FINE", "kinds"]

#: What may be recorded, or cannot be told.
FINE = frozenset({""})
_DISPLAYS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "a text",
    ast.List: "a list",
    ast.ListComp: "a list",
    ast.Set: "a set",
    ast.SetComp: "a set",
    ast.GeneratorExp: "an object",
    ast.Lambda: "an object",
}
_BUILTINS = {"str": "a text", "repr": "a text", "list": "a list", "sorted": "a list", "set": "a set"}
_TEXT_TO_TEXT = words("strip lstrip rstrip lower upper title capitalize casefold replace join format")
_TYPES: dict[type, str] = {str: "a text", list: "a list", set: "a set"}


def kinds(check: Check, node: ast.AST | None, scope: Scope, depth: int = 0) -> frozenset[str]:
    """Return what to call every value an expression may give.

    Parameters
    ----------
    check : Check
    node : expression or None
    scope : Scope
        Where it stands.
    depth : int
        How many expressions have been followed.

    Returns
    -------
    frozenset of str
        ``""`` in it for what may be recorded, or cannot be told.
    """
    if node is None or depth > 12:
        return FINE
    if isinstance(node, ast.IfExp):
        return kinds(check, node.body, scope, depth + 1) | kinds(check, node.orelse, scope, depth + 1)
    if isinstance(node, ast.Name):
        bindings = list(check.program.bindings(node.id, scope))
        # A name that is given several things has one of them at its end: which, is not known.
        if len(bindings) == 1 and bindings[0].kind == "value":
            return kinds(check, bindings[0].node, bindings[0].scope, depth + 1)
    return frozenset({_kind(check, node, scope, depth)})


def _kind(check: Check, node: ast.AST, scope: Scope, depth: int) -> str:
    match node:
        case ast.Constant(value=str()):
            return "a text"
        case ast.Constant(value=bytes()):
            return "bytes"
        case ast.Tuple(elts=elts):
            starred = any(isinstance(part, ast.Starred) for part in elts)
            none = any(isinstance(part, ast.Constant) and part.value is None for part in elts)
            bad = none or len(elts) != 2 or any("" not in kinds(check, p, scope, depth + 1) for p in elts)
            return "a tuple that is no pair of numbers" if bad and not starred else ""
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            left = _kind(check, node.left, scope, depth + 1) if depth < 12 else ""
            return left if left in ("a text", "a list") else ""
        case ast.Call():
            return _call_kind(check, node, scope, depth)
    return _DISPLAYS.get(type(node), "") or _sdk_kind(check, node, scope)


def _call_kind(check: Check, node: ast.Call, scope: Scope, depth: int) -> str:
    func = node.func
    if isinstance(func, ast.Name) and not list(check.program.bindings(func.id, scope)):
        return _BUILTINS.get(func.id, "")
    if isinstance(func, ast.Attribute):
        plain = not node.keywords and len(node.args) == 1
        if plain and func.attr == "prompt" and is_model(func.value, scope, check.program):
            return "a text"
        if func.attr in (*_TEXT_TO_TEXT, "split") and kinds(check, func.value, scope, depth + 1) == {
            "a text"
        }:
            return "a list" if func.attr == "split" else "a text"
    made = answer_in(func, scope, check.program)
    return "an object" if isinstance(made, Answer) else _sdk_kind(check, node, scope)


def _sdk_kind(check: Check, node: ast.AST, scope: Scope) -> str:
    """What the SDK's own functions, and those that its decorators made, give."""
    thing = check.typed.of(node, scope) if check.typed is not None else None
    if isinstance(thing, Answer):
        return "an object"
    if isinstance(thing, Plain):
        return _TYPES.get(thing.type, "")
    if isinstance(thing, Instance):
        name = thing.of.node.name
        return {"AssertionResult": "an AssertionResult", "Run": "a Run", "Runs": "Runs"}.get(
            name, "an object"
        )
    return ""
