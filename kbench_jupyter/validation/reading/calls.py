"""What a call of a notebook may give: an SDK object, a task, what the notebook's own functions return."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from kbench_jupyter.validation.reading import value as kinds
from kbench_jupyter.validation.reading.evaluator import Evaluator
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.value import SDK, UNKNOWN, Found, Value, imported, keyword_of

_TEXT_METHODS = words("upper lower title strip lstrip rstrip capitalize replace removeprefix format")


class CallValues(Evaluator):
    """The evaluator's part for calls."""

    def llm_named(self, key: ast.AST, scope: Scope) -> Found:
        """Return the models that a key of ``kbench.llms`` may name."""
        return tuple(
            kinds.HardModel(name.value)
            if isinstance(name, kinds.Const) and isinstance(name.value, str)
            else UNKNOWN
            for name in self.of(key, scope)
        )

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Value]:
        for callee in self.of(node.func, scope):
            match callee:
                case kinds.Sdk(path):
                    yield from self._sdk_call(path, node, scope)
                case kinds.PartialTask(call):
                    yield kinds.Factory(node, scope, call)
                case kinds.Factory():
                    yield kinds.TaskValue(node)
                case kinds.Func(own) if own.kind == "class":
                    yield kinds.Instance(own)
                case kinds.Func(own):
                    yield from self._returned(own)
                case kinds.Stdlib(path):
                    yield from self._stdlib_call(path, node, scope)
                case _:
                    yield from self._method_call(node, scope)

    def _sdk_call(self, path: str, node: ast.Call, scope: Scope) -> Found:
        match path.removeprefix(f"{SDK}."):
            case "task":
                return (kinds.Factory(node, scope),)
            case "tasks.Task":
                return (kinds.TaskValue(node),)
            case "kaggle.load_model" | "kaggle.ModelProxy":
                first = node.args[0] if node.args else keyword_of(node, "model_name", "model")
                name = self.const(first, scope) if first is not None else None
                return (kinds.HardModel(name),) if isinstance(name, str) else (UNKNOWN,)
            case "llms.get":
                return self.llm_named(node.args[0], scope) if node.args else (UNKNOWN,)
        return (kinds.Instance(),)

    def _stdlib_call(self, path: str, node: ast.Call, scope: Scope) -> Found:
        if path == "importlib.import_module":
            return self._imported(node, scope)
        if path == "functools.partial" and node.args:
            target = self.of(node.args[0], scope)
            if kinds.Sdk(f"{SDK}.task") in target:
                return (kinds.PartialTask(node),)
            return tuple(value for value in target if isinstance(value, kinds.Func)) or (UNKNOWN,)
        return (UNKNOWN,)

    def _imported(self, node: ast.Call, scope: Scope) -> Found:
        name = self.const(node.args[0], scope) if node.args else None
        return (imported(name),) if isinstance(name, str) else (UNKNOWN,)

    def _method_call(self, node: ast.Call, scope: Scope) -> Iterable[Value]:
        match node.func:
            case ast.Attribute(value=receiver, attr=name):
                made = [v for v in self.of(receiver, scope) if isinstance(v, kinds.TaskValue)]
                # These make a task of the same name and files, unless they are told otherwise.
                if name in kinds.DERIVING and made:
                    return made if keyword_of(node, "name", "store_task") is None else [kinds.TaskValue(node)]
                if name in _TEXT_METHODS and not node.keywords:
                    return self.computed(getattr(str, name), (receiver, *node.args), scope, str)
            case ast.Name(id="__import__"):
                return self._imported(node, scope)
            case ast.Name(id="next" | "max" | "min") if node.args:
                return self.elements(node.args[0], scope)
        return (UNKNOWN,)

    def _returned(self, function: Scope) -> Found:
        if isinstance(function.node, ast.Lambda):
            return self.of(function.node.body, function)
        given = [statement.value for statement in function.returns if statement.value is not None]
        return tuple(value for node in given for value in self.of(node, function)) or (UNKNOWN,)
