"""What an expression of a notebook may stand for: a task, a function, an SDK object, a constant.

A small evaluator that runs nothing. It follows import aliases, assignments, containers, loops, calls of
the notebook's own functions and their parameters. An answer is the tuple of everything the expression
may be; `Unknown` in it says that there is more that cannot be seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import default_values
from kbench_jupyter.validation.reading.scopes import FUNCTIONS, Binding, Scope
from kbench_jupyter.validation.reading.value import (
    SDK,
    UNKNOWN,
    Const,
    Factory,
    Found,
    Func,
    Instance,
    Sdk,
    Stdlib,
    TaskValue,
    Value,
    argument_of,
    is_self,
    unique,
)
from kbench_jupyter.validation.reading.calls import llm_named, value_of_call
from kbench_jupyter.validation.reading.elements import elements_of

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program

__all__ = ["STAR", "Values"]

# The same object under the names the SDK exports it by (tried with kaggle_benchmarks 0.6.1).
_SAME = {
    f"{SDK}.tasks.task": f"{SDK}.task",
    f"{SDK}.tasks.benchmark": f"{SDK}.task",
    f"{SDK}.benchmark": f"{SDK}.task",
    f"{SDK}.chats.last_reasoning_traces": f"{SDK}.last_reasoning_traces",
    f"{SDK}.rooms.ChatRoom": f"{SDK}.ChatRoom",
    f"{SDK}.kaggle.models.load_model": f"{SDK}.kaggle.load_model",
    f"{SDK}.kaggle.model_proxy.ModelProxy": f"{SDK}.kaggle.ModelProxy",
}
# What `from kaggle_benchmarks import *` brings that rules ask about.
STAR = words("task benchmark llm llms judge_llm assertions chats kaggle last_reasoning_traces ChatRoom tasks")
# An answer that takes longer than this to find is not one a reader would be sure of either.
_MAX_DEPTH = 24
_MAX_STEPS = 2000


class Values:
    """The evaluator over one program, with a memory of what it has answered."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._memory: dict[tuple[int, int, str], Found] = {}
        self._shared: dict[str, Found] = {}
        self._depth = 0
        self._steps = 0
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
        if len(found) == 1 and isinstance(found[0], Const):
            return found[0].value
        return None

    def sdk_path(self, node: ast.AST, scope: Scope) -> str:
        """Return the SDK path `node` surely stands for (without the package's name), or ``""``."""
        found = self.of(node, scope)
        if len(found) == 1 and isinstance(found[0], Sdk):
            return found[0].path.removeprefix(SDK).removeprefix(".") or "."
        return ""

    def _remember(self, node: ast.AST, scope: Scope, what: str) -> Found:
        key = (id(node), id(scope), what)
        if key in self._memory:
            return self._memory[key]
        if key in self._busy:
            self._circles += 1
            return ()
        if not self._busy:
            self._steps = 0
        self._steps += 1
        if self._depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            self._circles += 1
            return (UNKNOWN,)
        circles = self._circles
        self._busy.add(key)
        self._depth += 1
        try:
            found = self._value(node, scope) if what == "value" else elements_of(self, node, scope)
        finally:
            self._depth -= 1
            self._busy.discard(key)
        # Only an answer that no circle cut short is worth remembering.
        if not self._busy or circles == self._circles:
            self._memory[key] = found
        return found

    # Values

    def _value(self, node: ast.AST, scope: Scope) -> Found:
        handler = _VALUE_OF.get(type(node))
        return handler(self, node, scope) if handler is not None else (UNKNOWN,)

    def _constant(self, node: ast.Constant, _scope: Scope) -> Found:
        return (Const(node.value),)

    def _name(self, node: ast.Name, scope: Scope) -> Found:
        return self.name(node.id, scope)

    def name(self, name: str, scope: Scope) -> Found:
        """Return everything a name may stand for in a scope."""
        bindings = self.program.bindings(name, scope)
        # Most reads are of a few names of the notebook's own namespace: kbench, llm, pd.
        shared = bindings is self.program.module.bindings.get(name)
        if shared and name in self._shared:
            return self._shared[name]
        circles = self._circles
        found: list[Value] = []
        for binding in bindings:
            found.extend(self.bound(binding))
        if found:
            answer = unique(found)
            if shared and circles == self._circles:
                self._shared[name] = answer
            return answer
        if name in STAR and SDK in self.program.index.star_imports:
            return (self._sdk(f"{SDK}.{name}"),)
        return (UNKNOWN,)

    def bound(self, binding: Binding) -> Found:
        """Return everything a name may stand for by one of its bindings."""
        match binding.kind:
            case "value" | "entered":
                return self.of(binding.node, binding.scope)
            case "element":
                return self.elements(binding.node, binding.scope)
            case "def" | "class":
                return self._defined(binding.node)
            case "import":
                return (self.imported(binding.path),)
            case "param":
                return self._parameter(binding)
        return (UNKNOWN,)

    def _defined(self, node: ast.AST) -> Found:
        scope = self.program.index.functions_by_node[node]
        if isinstance(node, FUNCTIONS) and node.decorator_list and scope.parent is not None:
            for decorator in node.decorator_list:
                if any(isinstance(value, Factory) for value in self.of(decorator, scope.parent)):
                    return (TaskValue(node),)
        return (Func(scope),)

    def imported(self, path: str) -> Value:
        """Return what an import of a dotted path gives."""
        root = path.partition(".")[0]
        if root == SDK:
            return self._sdk(path)
        return Stdlib(path) if root in sys.stdlib_module_names else UNKNOWN

    def _sdk(self, path: str) -> Sdk:
        return Sdk(_SAME.get(path, path))

    def _parameter(self, binding: Binding) -> Found:
        """A parameter is whatever the notebook's own calls pass, and its default."""
        function = binding.scope
        name = binding.node.arg  # type: ignore[attr-defined]
        if is_self(function, name) and function.parent is not None:
            return (Instance(function.parent),)
        found: list[Value] = []
        default = default_values(function.node.args).get(name)  # type: ignore[union-attr]
        if default is not None and function.parent is not None:
            found.extend(self.of(default, function.parent))
        for place in self.program.calls_of(function):
            argument = argument_of(place.node, function, name)
            if argument is not None:
                found.extend(self.of(argument, place.scope))
        return unique(found) if found else (UNKNOWN,)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Found:
        found: list[Value] = []
        for value in self.of(node.value, scope):
            found.extend(self._member(value, node.attr))
        if not found or UNKNOWN in found:
            for binding in self.program.index.attribute_bindings.get(node.attr, ()):
                found.extend(self.bound(binding))
        return unique(found) if found else (UNKNOWN,)

    def _member(self, value: Value, attribute: str, depth: int = 0) -> Found:
        if isinstance(value, Sdk):
            return (self._sdk(f"{value.path}.{attribute}"),)
        if isinstance(value, Stdlib):
            return (Stdlib(f"{value.path}.{attribute}"),)
        if isinstance(value, Const):
            return (UNKNOWN,)
        if isinstance(value, Func | Instance) and value.scope is not None and value.scope.kind == "class":
            found: list[Value] = []
            for binding in value.scope.bindings.get(attribute, ()):
                found.extend(self.bound(binding))
            if not found and depth < _MAX_DEPTH:
                for base in getattr(value.scope.node, "bases", ()):
                    for parent in self.of(base, value.scope.parent or value.scope):
                        if isinstance(parent, Func) and parent.scope is not value.scope:
                            found.extend(self._member(parent, attribute, depth + 1))
            return tuple(found) or (UNKNOWN,)
        return (UNKNOWN,)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Found:
        for value in self.of(node.value, scope):
            if value == Sdk(f"{SDK}.llms"):
                return llm_named(self, node.slice, scope)
        return self.elements(node.value, scope) or (UNKNOWN,)

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Found:
        parts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.const(part.value, scope)
                if not isinstance(value, str | int) or part.format_spec is not None or part.conversion > 0:
                    return (UNKNOWN,)
                parts.append(str(value))
            elif isinstance(part, ast.Constant):
                parts.append(str(part.value))
        return (Const("".join(parts)),)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Found:
        left, right = self.const(node.left, scope), self.const(node.right, scope)
        if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
            return (Const(left + right),)
        if isinstance(node.op, ast.Mod) and isinstance(left, str) and isinstance(right, str | int):
            try:
                return (Const(left % right),)
            except (TypeError, ValueError):
                return (UNKNOWN,)
        return (UNKNOWN,)

    def _either(self, node: ast.IfExp, scope: Scope) -> Found:
        return unique([*self.of(node.body, scope), *self.of(node.orelse, scope)])

    def _any_of(self, node: ast.BoolOp, scope: Scope) -> Found:
        return unique([value for part in node.values for value in self.of(part, scope)])

    def _through(self, node: ast.NamedExpr | ast.Await | ast.Starred, scope: Scope) -> Found:
        return self.of(node.value, scope)

    def _lambda(self, node: ast.Lambda, _scope: Scope) -> Found:
        return (Func(self.program.index.functions_by_node[node]),)


_VALUE_OF: dict[type[ast.AST], Callable[..., Found]] = {
    ast.Constant: Values._constant,
    ast.Name: Values._name,
    ast.Attribute: Values._attribute,
    ast.Call: value_of_call,
    ast.Subscript: Values._subscript,
    ast.JoinedStr: Values._joined,
    ast.BinOp: Values._binary,
    ast.IfExp: Values._either,
    ast.BoolOp: Values._any_of,
    ast.NamedExpr: Values._through,
    ast.Await: Values._through,
    ast.Starred: Values._through,
    ast.Lambda: Values._lambda,
}
