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
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope
    from kbench_jupyter.validation.reading.sdk.typed import Typed

# What may be recorded, or cannot be told.
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
_OF_TEXTS = words("strip lstrip rstrip lower upper title capitalize casefold replace join format split")
_TYPES: dict[type, str] = {str: "a text", list: "a list", set: "a set"}
_NAMED = {"AssertionResult": "an AssertionResult", "Run": "a Run", "Runs": "Runs"}
_MAX_DEPTH = 12


class Unrecordable:
    """What to call the values of a program that cannot be recorded; `typed` is None where the SDK is not installed."""

    def __init__(self, program: Program, typed: Typed | None) -> None:
        self.program = program
        self.typed = typed

    def of(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> frozenset[str]:
        """Return what to call every value an expression may give.

        Parameters
        ----------
        scope : Scope
            Where the expression stands.
        depth : int
            How many expressions have been followed.

        Returns
        -------
        frozenset of str
            ``""`` in it for what may be recorded, or cannot be told.
        """
        if node is None or depth > _MAX_DEPTH:
            return FINE
        if isinstance(node, ast.IfExp):
            return self.of(node.body, scope, depth + 1) | self.of(node.orelse, scope, depth + 1)
        # A name that is given several things has one of them at its end: which, is not known.
        binding = self.program.binding(node, scope)
        if binding is not None and binding.kind == "value":
            return self.of(binding.node, binding.scope, depth + 1)
        return frozenset({self._kind(node, scope, depth)})

    def _kind(self, node: ast.AST, scope: Scope, depth: int) -> str:
        match node:
            case ast.Constant(value=str()):
                return "a text"
            case ast.Constant(value=bytes()):
                return "bytes"
            case ast.Tuple(elts=elts):
                starred = any(isinstance(part, ast.Starred) for part in elts)
                none = any(isinstance(part, ast.Constant) and part.value is None for part in elts)
                bad = none or len(elts) != 2 or any("" not in self.of(p, scope, depth + 1) for p in elts)
                return "a tuple that is no pair of numbers" if bad and not starred else ""
            case ast.BinOp(op=ast.Add() | ast.Mod()):
                left = self._kind(node.left, scope, depth + 1) if depth < _MAX_DEPTH else ""
                return left if left in ("a text", "a list") else ""
            case ast.Call(func=ast.Name(id=name)) if not self.program.bindings(name, scope):
                return _BUILTINS.get(name, "")
            case ast.Call():
                return self._call_kind(node, scope, depth)
        return _DISPLAYS.get(type(node), "") or self._sdk_kind(node, scope)

    def _call_kind(self, node: ast.Call, scope: Scope, depth: int) -> str:
        func = node.func
        if isinstance(func, ast.Attribute):
            plain = not node.keywords and len(node.args) == 1
            if plain and func.attr == "prompt" and is_model(func.value, scope, self.program):
                return "a text"
            if func.attr in _OF_TEXTS and self.of(func.value, scope, depth + 1) == {"a text"}:
                return "a list" if func.attr == "split" else "a text"
        made = answer_in(func, scope, self.program)
        return "an object" if isinstance(made, Answer) else self._sdk_kind(node, scope)

    def _sdk_kind(self, node: ast.AST, scope: Scope) -> str:
        """What the SDK's own functions, and those that its decorators made, give."""
        match self.typed.of(node, scope) if self.typed is not None else None:
            case Plain(python):
                return _TYPES.get(python, "")
            case Instance(cls):
                return _NAMED.get(cls.node.name, "an object")
            case Answer():
                return "an object"
        return ""
