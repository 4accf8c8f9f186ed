"""What a call of a notebook may give: an SDK object, a task, what the notebook's own functions return."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.value import (
    DERIVING,
    SDK,
    UNKNOWN,
    Const,
    Factory,
    Found,
    Func,
    HardModel,
    Instance,
    PartialTask,
    Sdk,
    Stdlib,
    TaskValue,
    Value,
    keyword_of,
    unique,
)

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.scopes import Scope
    from kbench_jupyter.validation.reading.values import Values

__all__ = ["llm_named", "value_of_call"]


def value_of_call(values: Values, node: ast.Call, scope: Scope) -> Found:
    """Return everything a call may give."""
    found: list[Value] = []
    for callee in values.of(node.func, scope):
        found.extend(_called(values, callee, node, scope))
    return unique(found) if found else (UNKNOWN,)


def _called(values: Values, callee: Value, node: ast.Call, scope: Scope) -> Found:
    if isinstance(callee, Sdk):
        return _sdk_call(values, callee.path, node, scope)
    if isinstance(callee, PartialTask):
        return (Factory(node, scope, callee.call),)
    if isinstance(callee, Factory):
        return (TaskValue(node),)
    if isinstance(callee, Func):
        if callee.scope.kind == "class":
            return (Instance(callee.scope),)
        return _returned(values, callee.scope)
    if isinstance(callee, Stdlib):
        return _stdlib_call(values, callee.path, node, scope)
    return _method_call(values, node, scope)


def _sdk_call(values: Values, path: str, node: ast.Call, scope: Scope) -> Found:
    if path == f"{SDK}.task":
        return (Factory(node, scope),)
    if path == f"{SDK}.tasks.Task":
        return (TaskValue(node),)
    if path in (f"{SDK}.kaggle.load_model", f"{SDK}.kaggle.ModelProxy"):
        first = node.args[0] if node.args else keyword_of(node, "model_name", "model")
        name = values.const(first, scope) if first is not None else None
        return (HardModel(name),) if isinstance(name, str) else (UNKNOWN,)
    if path == f"{SDK}.llms.get":
        return llm_named(values, node.args[0], scope) if node.args else (UNKNOWN,)
    return (Instance(path=path),)


def llm_named(values: Values, key: ast.AST, scope: Scope) -> Found:
    """Return the models that a key of ``kbench.llms`` may name."""
    names = values.of(key, scope)
    return tuple(
        HardModel(name.value) if isinstance(name, Const) and isinstance(name.value, str) else UNKNOWN
        for name in names
    )


def _stdlib_call(values: Values, path: str, node: ast.Call, scope: Scope) -> Found:
    if path == "importlib.import_module" and node.args:
        name = values.const(node.args[0], scope)
        return (values.imported(name),) if isinstance(name, str) else (UNKNOWN,)
    if path == "functools.partial" and node.args:
        target = values.of(node.args[0], scope)
        if Sdk(f"{SDK}.task") in target:
            return (PartialTask(node),)
        return tuple(value for value in target if isinstance(value, Func)) or (UNKNOWN,)
    return (UNKNOWN,)


def _method_call(values: Values, node: ast.Call, scope: Scope) -> Found:
    if isinstance(node.func, ast.Attribute):
        receivers = values.of(node.func.value, scope)
        # These make a task of the same name and files, unless they are told otherwise.
        if node.func.attr in DERIVING and any(isinstance(v, TaskValue) for v in receivers):
            if keyword_of(node, "name", "store_task") is not None:
                return (TaskValue(node),)
            return tuple(value for value in receivers if isinstance(value, TaskValue))
        text = values.program.text_of_method(node, scope)
        if text is not None:
            return (Const(text),)
        if node.func.attr in ("get", "pop", "setdefault"):
            return (*values.elements(node.func.value, scope), UNKNOWN)
    elif isinstance(node.func, ast.Name):
        if node.func.id == "__import__" and node.args:
            name = values.const(node.args[0], scope)
            return (values.imported(name),) if isinstance(name, str) else (UNKNOWN,)
        if node.func.id in ("next", "max", "min") and node.args:
            return values.elements(node.args[0], scope)
        if node.func.id == "str" and len(node.args) == 1:
            value = values.const(node.args[0], scope)
            return (Const(str(value)),) if isinstance(value, str | int) else (UNKNOWN,)
    return (UNKNOWN,)


def _returned(values: Values, function: Scope) -> Found:
    if function.kind == "lambda":
        return values.of(function.node.body, function)  # type: ignore[union-attr]
    found: list[Value] = []
    for statement in function.returns:
        if statement.value is not None:
            found.extend(values.of(statement.value, function))
    return unique(found) if found else (UNKNOWN,)
