"""A small evaluator that runs nothing: it remembers its answers, and stops where an expression comes back to itself.

An answer is the tuple of everything an expression may be; `Unknown` in it says that there is more that cannot
be seen.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property

from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.scopes import Place, Scope
from kbench_jupyter.validation.reading.value import SDK, UNKNOWN, Const, Found, Func, Sdk, Value, argument_of
from kbench_jupyter.validation.reading.walked import Walked

# An answer that takes longer than this to find is not one a reader would be sure of either.
_MAX_DEPTH = 24
_MAX_STEPS = 2000
# A notebook whose values go round in circles has hundreds of questions that all end there: patience wears off.
_LEAST_STEPS, _GIVEN_UP_AT_FIRST = 100, 4
# These only pass on what another expression is: nothing, where that comes back to itself.
_PASSED_ON = (ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.Await, ast.Starred)


class Evaluator(ABC):
    """What the evaluators of names, calls and containers share."""

    def __init__(self, walked: Walked) -> None:
        self.walked = walked
        self._memory: dict[tuple[int, int, str], Found] = {}
        self._depth = 0
        self._steps = 0
        self._most_steps = _MAX_STEPS
        self._given_up = 0
        self._circles = 0
        self._busy: set[tuple[int, int, str]] = set()

    def of(self, node: ast.AST, scope: Scope) -> Found:
        """Return everything `node`, read in `scope`, may stand for."""
        return self._remember(node, scope, "value")

    def elements(self, node: ast.AST, scope: Scope) -> Found:
        """Return everything an element of `node` may stand for."""
        return self._remember(node, scope, "element")

    def const(self, node: ast.AST, scope: Scope) -> object | None:
        """Return the one constant `node` stands for, or None when it is not just one."""
        found = self.of(node, scope)
        return found[0].value if len(found) == 1 and isinstance(found[0], Const) else None

    def sdk_path(self, node: ast.AST, scope: Scope) -> str:
        """Return the SDK path `node` surely stands for (without the package's name), or ``""``."""
        found = self.of(node, scope)
        if len(found) == 1 and isinstance(found[0], Sdk):
            return found[0].path.removeprefix(SDK).removeprefix(".") or "."
        return ""

    def calls_of(self, function: Scope) -> list[Place[ast.Call]]:
        """Return the calls of a function of the notebook."""
        return [
            place
            for place in self._calls_by_word.get(function.name, ())
            if any(
                isinstance(value, Func) and value.scope is function
                for value in self.of(place.node.func, place.scope)
            )
        ]

    def passed(self, function: Scope, name: str) -> list[tuple[ast.expr | None, Scope]]:
        """Return what each call of the notebook's own passes for a parameter, and where."""
        return [(argument_of(p.node, function, name), p.scope) for p in self.calls_of(function)]

    def computed(
        self, compute: Callable[..., str], parts: Iterable[ast.AST], scope: Scope, *types: type
    ) -> Found:
        """Return the text that is made of some parts, when each of them is a constant of one of these types."""
        values = [self.const(part, scope) for part in parts]
        if all(isinstance(value, types) for value in values):
            try:
                return (Const(compute(*values)),)
            except (TypeError, ValueError, IndexError, KeyError, AttributeError):
                pass
        return (UNKNOWN,)

    @cached_property
    def _calls_by_word(self) -> dict[str, list[Place[ast.Call]]]:
        found: dict[str, list[Place[ast.Call]]] = defaultdict(list)
        for place in self.walked.index.calls:
            found[last_name(place.node.func)].append(place)
        found.pop("", None)
        return found

    @abstractmethod
    def _value(self, node: ast.AST, scope: Scope) -> Iterable[Value]: ...

    @abstractmethod
    def _elements(self, node: ast.AST, scope: Scope) -> Iterable[Value]: ...

    def _remember(self, node: ast.AST, scope: Scope, what: str) -> Found:
        key = (id(node), id(scope), what)
        if key in self._memory:
            return self._memory[key]
        if key in self._busy:
            self._circles += 1
            return ()
        if not self._busy:
            self._steps = 0
            self._most_steps = max(_LEAST_STEPS, _MAX_STEPS // (1 + self._given_up // _GIVEN_UP_AT_FIRST))
        self._steps += 1
        if self._depth > _MAX_DEPTH or self._steps > self._most_steps:
            self._circles += 1
            self._given_up += self._steps == self._most_steps + 1
            return (UNKNOWN,)
        circles = self._circles
        self._busy.add(key)
        self._depth += 1
        try:
            is_value = what == "value"
            found = tuple(dict.fromkeys((self._value if is_value else self._elements)(node, scope)))
        finally:
            self._depth -= 1
            self._busy.discard(key)
        if not found and not (is_value and isinstance(node, _PASSED_ON)):
            found = (UNKNOWN,)
        # Only an answer that no circle cut short is worth remembering.
        if not self._busy or circles == self._circles:
            self._memory[key] = found
        return found
