"""What an element of a container of a notebook may stand for: of lists and rows, of what calls return."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kbench_jupyter.validation.reading.evaluator import Evaluator
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.scopes import Binding, Scope
from kbench_jupyter.validation.reading.value import UNKNOWN, Found, Func, HardModel, Value

_ELEMENTWISE = words("list tuple set frozenset sorted reversed enumerate zip iter filter chain dict")


class ElementValues(Evaluator):
    """The evaluator's part for containers."""

    def _elements(self, node: ast.AST, scope: Scope) -> Iterator[Value]:
        match node:
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items) | ast.Dict(values=items):
                for item in items:
                    yield from (
                        self.elements(item.value, scope)
                        if isinstance(item, ast.Starred)
                        else self._item(item, scope)
                    )
            case ast.ListComp(elt=item) | ast.SetComp(elt=item) | ast.GeneratorExp(elt=item):
                yield from self._item(item, scope)
            case ast.DictComp(value=item):
                yield from self._item(item, scope)
            case ast.Name(id=name):
                for binding in self.walked.bindings(name, scope):
                    yield from self._bound_elements(binding, name)
            case ast.Call():
                yield from self._call_elements(node, scope)
            case ast.BinOp(left=left, right=right):
                yield from self.elements(left, scope)
                yield from self.elements(right, scope)
            case ast.Attribute(attr=name):
                for binding in self.walked.index.attribute_bindings.get(name, ()):
                    yield from self.elements(binding.node, binding.scope)

    def _bound_elements(self, binding: Binding, name: str) -> Iterator[Value]:
        match binding.kind:
            case "value":
                yield from self.elements(binding.node, binding.scope)
            case "part":
                yield from self._item(binding.node, binding.scope)
            case "param":
                for argument, scope in self.passed(binding.scope, name):
                    yield from self.elements(argument, scope) if argument is not None else ()
            case _:
                yield UNKNOWN

    def _item(self, node: ast.AST, scope: Scope) -> Found:
        """An item, or, when it is a container itself (a pair, a row), what it holds."""
        is_container = isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict)
        return self.elements(node, scope) if is_container else self.of(node, scope)

    def _call_elements(self, node: ast.Call, scope: Scope) -> Iterator[Value]:
        match last_name(node.func), node.func:
            case (
                ("values" | "items" | "copy" | "keys" | "sample" | "shuffle"),
                ast.Attribute(value=receiver),
            ):
                if self.sdk_path(receiver, scope) == "llms":
                    yield HardModel("*")
                else:
                    yield from self.elements(receiver, scope)
            case name, _ if name in _ELEMENTWISE:
                for argument in node.args:
                    yield from self.elements(argument, scope)
            case _:
                own = [v.scope for v in self.of(node.func, scope) if isinstance(v, Func)]
                for function, given in [(f, s.value) for f in own for s in f.returns if s.value is not None]:
                    yield from self.elements(given, function)
