"""KB405: which schema a task asks an answer in."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place, Scope
from kbench_jupyter.validation.reading.types_of import dotted, is_model
from kbench_jupyter.validation.reading.value import Func, Instance, Stdlib, keyword_of, written
from kbench_jupyter.validation.rules.rule import Check, error

ASKING = ("prompt", "respond", "reply")
"""The methods of a model, an agent or a participant that send something to a model."""

_PLAIN = words("list dict tuple set frozenset bytes bytearray complex object type range")
_REFUSED_BASES = {
    **{base: f"it takes no {base}" for base in ("TypedDict", "NamedTuple")},
    **dict.fromkeys(("Enum", "Flag", "auto"), "it takes no Enum"),
}

SCHEMA = error(
    "KB405 unsupported-schema",
    "`schema=` is a type the SDK cannot ask for.",
    "`prompt` raises ValueError. It takes str, bool, int, float, datetime, a dataclass, a pydantic model, or a "
    "dict of field names and types.",
    'llm.prompt("Three primes?", schema=list[int])',
    'llm.prompt("Three primes?", schema={"primes": list[int]})',
    "The SDK cannot ask for schema={schema}: {problem}.",
    'Use a dict of fields, for example schema={{"items": list[int]}}, a dataclass or a pydantic model.',
)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    if any("prompting" in cell.source.text for cell in check.program.cells):
        return  # a notebook with handlers of its own can ask for more
    for place in check.program.index.calls:
        func = place.node.func
        if isinstance(func, ast.Attribute) and func.attr in ASKING:
            _prompt(check, place, func)


def _prompt(check: Check, place: Place[ast.Call], func: ast.Attribute) -> None:
    call, program = place.node, check.program
    speaker = is_model(func.value, place.scope, program) or func.attr == "reply"
    known = program.values.of(func.value, place.scope)
    if not speaker and not all(isinstance(v, Instance) and not v.scope for v in known):
        return
    schema = keyword_of(call, "schema")
    if schema is None and func.attr == "prompt" and len(call.args) > 1:
        schema = call.args[1]
    problem = _schema_problem(schema, place.scope, program) if schema is not None else ""
    if schema is not None and problem:
        sure = speaker and program.sure(place)
        check.at(SCHEMA, place, node=schema, sure=sure, schema=written(schema), problem=problem)


def _schema_problem(node: ast.AST, scope: Scope, program: Program) -> str:
    """Why the SDK refuses a schema (tried with kaggle_benchmarks 0.6.1), or ``""``: it takes it, or nobody can tell."""
    match node:
        case ast.Constant(value=value):
            return "it is not a type" if not callable(value) else ""
        case ast.List() | ast.Tuple() | ast.Set():
            return "it is not a type"
        case ast.BinOp(op=ast.BitOr()):
            return "it takes no union"
        case ast.Name(id=name) if not list(program.bindings(name, scope)):
            return f"{name} says nothing about its fields" if name in _PLAIN else ""
        case ast.Subscript(value=ast.Name(id=name)) if not list(program.bindings(name, scope)):
            return "it takes no bare container" if name in _PLAIN else ""
        case ast.Subscript(value=base):
            return "it takes no type of typing" if _stdlib(base, scope, program).startswith("typing.") else ""
    if _stdlib(node, scope, program).startswith("typing."):
        return "it takes no type of typing"
    match program.values.of(node, scope):
        case [Instance(scope=Scope())]:
            return "it is an object, not a type"
        case [Func(scope=Scope(kind="class", node=ast.ClassDef() as made))]:
            return _class_problem(made, scope, program)
    return ""


def _stdlib(node: ast.AST, scope: Scope, program: Program) -> str:
    """The dotted path of what is surely something of Python's own library, or ``""``."""
    found = program.values.of(node, scope)
    return found[0].path if len(found) == 1 and isinstance(found[0], Stdlib) else ""


def _class_problem(node: ast.ClassDef, scope: Scope, program: Program) -> str:
    if node.keywords:
        return ""
    if node.decorator_list:
        # Any other decorator (attrs, ...) may make anything of a class, as a metaclass may.
        if _has_slots(node, scope, program):
            return "a dataclass with slots=True raises TypeError; leave slots out"
        return ""
    bases = [last_name(base) for base in node.bases]
    if not bases or bases == ["object"]:
        return "a plain class says nothing about its fields; make it a dataclass"
    if len(bases) == 1 and _stdlib(node.bases[0], scope, program):
        return _REFUSED_BASES.get(bases[0], "")
    return ""


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
