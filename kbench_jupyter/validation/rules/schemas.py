"""Which `schema=` the SDK takes (tried with kaggle_benchmarks 0.6.1)."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Func, Instance, Stdlib, keyword_of

_PLAIN = words("list dict tuple set frozenset bytes bytearray complex object type range")
_TYPED = frozenset({"TypedDict", "NamedTuple"})
_ENUMS = frozenset({"Enum", "Flag", "auto"})


def schema_problem(node: ast.AST, scope: Scope, program: Program) -> str:
    """Return why the SDK refuses a schema, or ``""`` when it takes it or nobody can tell."""
    if isinstance(node, ast.Constant):
        return "it is not a type" if not callable(node.value) else ""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return "it is not a type"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return "it takes no union"
    if isinstance(node, ast.Name) and not list(program.bindings(node.id, scope)):
        return f"{node.id} says nothing about its fields" if node.id in _PLAIN else ""
    if isinstance(node, ast.Subscript):
        base = node.value
        if isinstance(base, ast.Name) and not list(program.bindings(base.id, scope)):
            return "it takes no bare container" if base.id in _PLAIN else ""
        return "it takes no type of typing" if _is_typing(base, scope, program) else ""
    if _is_typing(node, scope, program):
        return "it takes no type of typing"
    found = program.values.of(node, scope)
    if len(found) == 1 and isinstance(found[0], Instance) and found[0].scope is not None:
        return "it is an object, not a type"
    if len(found) == 1 and isinstance(found[0], Func) and found[0].scope.kind == "class":
        return _class_problem(found[0].scope.node, scope, program)
    return ""


def _is_typing(node: ast.AST, scope: Scope, program: Program) -> bool:
    found = program.values.of(node, scope)
    return len(found) == 1 and isinstance(found[0], Stdlib) and found[0].path.startswith("typing.")


def _has_slots(node: ast.ClassDef, scope: Scope, program: Program) -> bool:
    """Whether a class is a dataclass with slots: the SDK derives another class from it and from pydantic's."""
    decorator = node.decorator_list[0]
    if len(node.decorator_list) != 1 or node.bases or not isinstance(decorator, ast.Call):
        return False
    slots = keyword_of(decorator, "slots")
    return (
        isinstance(slots, ast.Constant)
        and slots.value is True
        and dotted(decorator.func, scope, program) == "dataclasses.dataclass"
        and any(isinstance(field, ast.AnnAssign) for field in node.body)
    )


def _class_problem(node: ast.AST | None, scope: Scope, program: Program) -> str:
    if not isinstance(node, ast.ClassDef) or node.keywords:
        return ""
    if node.decorator_list:
        # Any other decorator (attrs, ...) may make anything of a class, as a metaclass may.
        if _has_slots(node, scope, program):
            return "a dataclass with slots=True raises TypeError; leave slots out"
        return ""
    bases = [last_name(base) for base in node.bases]
    if not bases or bases == ["object"]:
        return "a plain class says nothing about its fields; make it a dataclass"
    if len(bases) != 1:
        return ""
    known = program.values.of(node.bases[0], scope)
    from_stdlib = len(known) == 1 and isinstance(known[0], Stdlib)
    if from_stdlib and bases[0] in _TYPED:
        return f"it takes no {bases[0]}"
    if from_stdlib and bases[0] in _ENUMS:
        return "it takes no Enum"
    return ""
