"""What an expression of a notebook may stand for: a task, a function, an SDK object, a constant.

Import aliases, assignments, containers, loops, calls of the notebook's own functions and their parameters are
followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from kbench_jupyter.validation.reading import value as kinds
from kbench_jupyter.validation.reading.calls import CallValues
from kbench_jupyter.validation.reading.elements import ElementValues
from kbench_jupyter.validation.reading.parts import default_values
from kbench_jupyter.validation.reading.scopes import FUNCTIONS, Binding, Scope
from kbench_jupyter.validation.reading.value import SDK, UNKNOWN, Found, Value, imported, is_self
from kbench_jupyter.validation.reading.walked import STAR, Walked

_MAX_BASES = 24
# What `+` and `%` make of constant texts.
_OPERATORS = {ast.Add: str.__add__, ast.Mod: str.__mod__}


class Values(CallValues, ElementValues):
    """The evaluator over one program, with a memory of what it has answered."""

    def __init__(self, walked: Walked) -> None:
        super().__init__(walked)
        self._shared: dict[str, Found] = {}

    def name(self, name: str, scope: Scope) -> Found:
        """Return everything a name may stand for in a scope."""
        bindings = self.walked.bindings(name, scope)
        # Most reads are of a few names of the notebook's own namespace: kbench, llm, pd.
        shared = bindings is self.walked.module.bindings.get(name)
        if shared and name in self._shared:
            return self._shared[name]
        circles = self._circles
        found = tuple(dict.fromkeys(value for binding in bindings for value in self.bound(binding)))
        if not found:
            is_star = name in STAR and SDK in self.walked.index.star_imports
            return (imported(f"{SDK}.{name}"),) if is_star else (UNKNOWN,)
        if shared and circles == self._circles:
            self._shared[name] = found
        return found

    def bound(self, binding: Binding) -> Iterable[Value]:
        """Return everything a name may stand for by one of its bindings."""
        match binding.kind:
            case "value" | "entered":
                return self.of(binding.node, binding.scope)
            case "element":
                return self.elements(binding.node, binding.scope)
            case "def" | "class":
                return self._defined(binding.node)
            case "import":
                return (imported(binding.path),)
            case "param":
                return tuple(self._parameter(binding)) or (UNKNOWN,)
        return (UNKNOWN,)

    def _value(self, node: ast.AST, scope: Scope) -> Iterable[Value]:
        match node:
            case ast.Name(id=name):
                return self.name(name, scope)
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Call():
                return self._call(node, scope)
            case ast.Constant(value=value):
                return (kinds.Const(value),)
            case ast.Subscript(value=value, slice=key):
                is_model = kinds.Sdk(f"{SDK}.llms") in self.of(value, scope)
                return self.llm_named(key, scope) if is_model else self.elements(value, scope)
            case ast.JoinedStr():
                return self._joined(node, scope)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self.computed(_OPERATORS[type(op)], (left, right), scope, str, int)
            case ast.IfExp(body=body, orelse=orelse):
                return (*self.of(body, scope), *self.of(orelse, scope))
            case ast.BoolOp(values=parts):
                return [value for part in parts for value in self.of(part, scope)]
            case ast.NamedExpr(value=inner) | ast.Await(value=inner) | ast.Starred(value=inner):
                return self.of(inner, scope)
            case ast.Lambda():
                return (kinds.Func(self.walked.index.functions_by_node[node]),)
        return ()

    def _defined(self, node: ast.AST) -> Found:
        scope = self.walked.index.functions_by_node[node]
        decorators = node.decorator_list if isinstance(node, FUNCTIONS) and scope.parent is not None else ()
        if any(isinstance(v, kinds.Factory) for d in decorators for v in self.of(d, scope.parent or scope)):
            return (kinds.TaskValue(node),)
        return (kinds.Func(scope),)

    def _parameter(self, binding: Binding) -> Iterator[Value]:
        """A parameter is whatever the notebook's own calls pass, and its default."""
        function = binding.scope
        name = binding.node.arg  # type: ignore[attr-defined]
        if is_self(function, name) and function.parent is not None:
            yield kinds.Instance(function.parent)
            return
        default = default_values(function.node.args).get(name)  # type: ignore[union-attr]
        if default is not None and function.parent is not None:
            yield from self.of(default, function.parent)
        for argument, scope in self.passed(function, name):
            yield from self.of(argument, scope) if argument is not None else ()

    def _attribute(self, node: ast.Attribute, scope: Scope) -> list[Value]:
        found = [v for value in self.of(node.value, scope) for v in self._member(value, node.attr)]
        if not found or UNKNOWN in found:
            for binding in self.walked.index.attribute_bindings.get(node.attr, ()):
                found.extend(self.bound(binding))
        return found

    def _member(self, value: Value, attribute: str, depth: int = 0) -> Found:
        if isinstance(value, kinds.Sdk | kinds.Stdlib):
            return (imported(f"{value.path}.{attribute}"),)
        cls = value.scope if isinstance(value, kinds.Func | kinds.Instance) else None
        if cls is None or cls.kind != "class":
            return (UNKNOWN,)
        found = [v for binding in cls.bindings.get(attribute, ()) for v in self.bound(binding)]
        if not found and depth < _MAX_BASES:
            for base in getattr(cls.node, "bases", ()):
                for parent in self.of(base, cls.parent or cls):
                    if isinstance(parent, kinds.Func) and parent.scope is not cls:
                        found.extend(self._member(parent, attribute, depth + 1))
        return tuple(found) or (UNKNOWN,)

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Found:
        parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        formats = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        if any(part.format_spec is not None or part.conversion > 0 for part in formats):
            return (UNKNOWN,)
        return self.computed(lambda *values: "".join(map(str, values)), parts, scope, str, int)
