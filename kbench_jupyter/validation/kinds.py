"""What kinds of value an expression may give, as far as recording a result is concerned.

The SDK records a result that is a bool, an int, a float, a dict, a pair of numbers or None; anything else
ends a run without a run file (tried with kaggle_benchmarks 0.6.2).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from kbench_jupyter.validation.kinds_of_calls import NUMPY, call_kinds
from kbench_jupyter.validation.types_of import dotted

if TYPE_CHECKING:
    from kbench_jupyter.validation.program import Program
    from kbench_jupyter.validation.scopes import Binding, Scope

__all__ = ["Kinds", "Reader", "unrecordable"]

#: Every kind that an expression may give: ``""`` in it for what cannot be told, ``none`` for None.
Kinds = frozenset[str]

_UNKNOWN: Kinds = frozenset({""})
_WORDS = {
    "text": "a text",
    "list": "a list",
    "set": "a set",
    "bytes": "bytes",
    "object": "an object",
    "dataclass": "an object",
    "model": "an object",
    "numpy": "a numpy value",
    "array": "a numpy array",
    "nan": "nan",
    "infinity": "infinity",
    "tuple": "a tuple that is no pair of numbers",
    "assertion": "an AssertionResult",
    "match": "a match object",
    "run": "a Run",
    "runs": "Runs",
    "time": "a date",
}
# A pair of these is no pair of numbers; None neither.
_NO_NUMBER = frozenset(_WORDS) - {"nan", "infinity"} | {"none", "dict", "pair"}
_ALWAYS_TRUE = frozenset({"object", "dataclass", "model", "assertion", "match", "run", "time"})
_CONSTANTS = {
    "math.nan": "nan",
    "numpy.nan": "nan",
    "numpy.NaN": "nan",
    "math.inf": "infinity",
    "numpy.inf": "infinity",
}


def unrecordable(kind: str) -> str:
    """Return what to call a value that the SDK cannot record, or an empty string."""
    return _WORDS.get(kind, "")


class Reader:
    """Tells the kinds of expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._known: dict[tuple[int, int], Kinds] = {}

    def kinds(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> Kinds:
        """Return every kind of value an expression may give.

        Parameters
        ----------
        node : expression or None
        scope : Scope
            Where it stands.
        depth : int
            How many expressions have been followed.

        Returns
        -------
        frozenset of str
            Those that `unrecordable` has a word for, ``number``, ``dict``, ``pair`` (of numbers, perhaps), ``none``,
            ``numpy float`` (which is a float as well), ``numpy any`` (that, or an integer of numpy's), or ``""``.
        """
        if node is None:
            return frozenset({"none"})
        kind = _DISPLAYS.get(type(node))
        if kind:
            return frozenset({kind})
        reader = _READERS.get(type(node))
        if reader is None or depth > 12:
            return _UNKNOWN
        key = (id(node), id(scope))
        if key not in self._known:
            self._known[key] = _UNKNOWN  # where it comes back to itself: total = total + 1
            self._known[key] = reader(self, node, scope, depth + 1)
        return self._known[key]

    def only(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> str:
        """Return the one kind an expression gives, or ``""``."""
        kinds = self.kinds(node, scope, depth)
        return next(iter(kinds)) if len(kinds) == 1 else ""

    def _constant(self, node: ast.Constant, _scope: Scope, _depth: int) -> Kinds:
        value = node.value
        if value is None:
            return frozenset({"none"})
        if isinstance(value, float) and math.isinf(value):
            return frozenset({"infinity"})
        if isinstance(value, bool | int | float):
            return frozenset({"number"})
        return frozenset(
            {"text" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "object"}
        )

    def _name(self, node: ast.Name, scope: Scope, depth: int) -> Kinds:
        bindings = list(self.program.bindings(node.id, scope))
        if len(bindings) == 1 and bindings[0].kind == "import":
            return self._imported(node, scope, depth)
        if (
            not bindings
            or any(binding.kind != "value" for binding in bindings)
            or _is_shared(node.id, bindings)
        ):
            return _UNKNOWN
        found = [self.kinds(binding.node, binding.scope, depth) for binding in bindings]
        # A name that is given values of several kinds has one of them at its end: which, is not known.
        return found[0] if len(set(found)) == 1 and (len(found) == 1 or len(found[0]) == 1) else _UNKNOWN

    def _imported(self, node: ast.AST, scope: Scope, _depth: int) -> Kinds:
        return frozenset({_CONSTANTS.get(dotted(node, scope, self.program), "")})

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Kinds:
        return call_kinds(self, node, scope, depth)

    def _tuple(self, node: ast.Tuple, scope: Scope, depth: int) -> Kinds:
        if any(isinstance(part, ast.Starred) for part in node.elts):
            return _UNKNOWN
        parts = [self.kinds(part, scope, depth) for part in node.elts]
        if len(parts) != 2 or any(part <= _NO_NUMBER for part in parts):
            return frozenset({"tuple"})
        for kind in ("nan", "infinity"):
            if frozenset({kind}) in parts:
                return frozenset({kind})
        return frozenset({"pair"})

    def _binary(self, node: ast.BinOp, scope: Scope, depth: int) -> Kinds:
        left, right = self.kinds(node.left, scope, depth), self.kinds(node.right, scope, depth)
        if isinstance(node.op, ast.Add | ast.Mod) and left in (frozenset({"text"}), frozenset({"list"})):
            return left
        if left == right == frozenset({"number"}):
            return left
        if left <= NUMPY or right <= NUMPY:
            is_float = "numpy float" in left | right
            return frozenset({"numpy float" if is_float else "numpy any"})
        return _UNKNOWN

    def _unary(self, node: ast.UnaryOp, scope: Scope, depth: int) -> Kinds:
        if isinstance(node.op, ast.Not):
            return frozenset({"number"})
        kinds = self.kinds(node.operand, scope, depth)
        return kinds if kinds <= NUMPY | {"nan", "infinity", "number"} else _UNKNOWN

    def _compare(self, node: ast.Compare, scope: Scope, depth: int) -> Kinds:
        if all(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops):
            return frozenset({"number"})
        if len(node.ops) != 1:
            return _UNKNOWN
        sides = [self.kinds(side, scope, depth) for side in (node.left, node.comparators[0])]
        if any(side <= NUMPY for side in sides):
            # Whether numpy's values are equal to something unseen may be a plain bool.
            plain = isinstance(node.ops[0], ast.Eq | ast.NotEq) and not all(
                side <= NUMPY | {"number"} for side in sides
            )
            return frozenset({"numpy any" if plain else "numpy"})
        return frozenset({"number"}) if all(side <= {"text", "number"} for side in sides) else _UNKNOWN

    def _either(self, node: ast.IfExp, scope: Scope, depth: int) -> Kinds:
        return self.kinds(node.body, scope, depth) | self.kinds(node.orelse, scope, depth)

    def _any_of(self, node: ast.BoolOp, scope: Scope, depth: int) -> Kinds:
        return _joined(node.op, [self.kinds(part, scope, depth) for part in node.values])

    def _through(self, node: ast.NamedExpr, scope: Scope, depth: int) -> Kinds:
        return self.kinds(node.value, scope, depth)


def _is_shared(name: str, bindings: list[Binding]) -> bool:
    """Whether a function within the one that binds a name may give it another value: ``nonlocal``."""
    function = bindings[0].scope.node
    return function is not None and any(
        isinstance(part, ast.Nonlocal) and name in part.names for part in ast.walk(function)
    )


def _joined(op: ast.boolop, parts: list[Kinds]) -> Kinds:
    """Return the kinds of `a and b`, or of `a or b`: of all but the last only what is false, or true."""
    found: set[str] = set(parts[-1])
    for part in parts[:-1]:
        found |= part - _ALWAYS_TRUE if isinstance(op, ast.And) else part - {"none"}
    return frozenset(found)


_DISPLAYS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "text",
    ast.List: "list",
    ast.ListComp: "list",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.GeneratorExp: "object",
    ast.Lambda: "object",
}
_READERS: dict[type[ast.AST], Callable[..., Kinds]] = {
    ast.Constant: Reader._constant,
    ast.Name: Reader._name,
    ast.Attribute: Reader._imported,
    ast.Call: Reader._call,
    ast.Tuple: Reader._tuple,
    ast.BinOp: Reader._binary,
    ast.UnaryOp: Reader._unary,
    ast.Compare: Reader._compare,
    ast.IfExp: Reader._either,
    ast.BoolOp: Reader._any_of,
    ast.NamedExpr: Reader._through,
}
