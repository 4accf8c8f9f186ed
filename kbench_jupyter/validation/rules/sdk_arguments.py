"""Which values the SDK's functions take, as their annotations say, and what of a call's arguments is none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.sdk.installed import Installed
from kbench_jupyter.validation.reading.sdk.parameters import Fit, accepted, home_of, signature_of
from kbench_jupyter.validation.reading.sdk.things import Class, Func, Thing
from kbench_jupyter.validation.reading.value import Const, written
from kbench_jupyter.validation.reading.value import Func as OwnFunction

# What a value of a type is good for, besides that type itself.
_FITS = {
    "bool": {"int", "float"},
    "int": {"float", "bool"},
    "tuple": {"list", "set"},
    "set": {"list", "tuple"},
    "list": {"tuple", "set"},
}
_PLAIN = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple", "set", "bytes", "function"})
_WORDS = {"str": "a text", "function": "a function", "int": "an int", "NoneType": "None"}
_DISPLAYS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "str",
    ast.List: "list",
    ast.ListComp: "list",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Tuple: "tuple",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Lambda: "function",
}


@dataclass(frozen=True)
class Misfit:
    """An argument that its parameter's annotation does not allow: `choices` where that lists the values.

    It is `sure` where no value of the given type can be what the SDK asks for: another word, or an object of a class.
    """

    node: ast.expr
    problem: str
    takes: str
    value: object = None
    choices: tuple[str, ...] = ()
    sure: bool = False


def misfits(sdk: Installed, program: Program, thing: Thing, fit: Fit, scope: Scope) -> Iterator[Misfit]:
    """Find the arguments of a call that are surely of another type, or another word, than the SDK lists."""
    signature = signature_of(sdk, thing)
    if signature is None or not isinstance(thing, Class | Func):
        return
    for name, node in fit.arguments.items():
        annotation = signature.parameters[name].annotation
        if not isinstance(annotation, ast.AST):
            continue
        types, values = accepted(sdk, annotation, home_of(sdk, thing, name))
        if types is None:
            continue
        if isinstance(node, ast.List) and "list" in types:
            yield from _items(program, node, name, annotation, scope)
        kind, value = _kind(node, scope, program)
        if not kind or value in values or kind in types or _FITS.get(kind, set()) & types:
            continue
        if values and kind == "str":
            listed = ", ".join(f'"{v}"' for v in values)
            if value is not None:
                choices = tuple(map(str, values))
                yield Misfit(node, f'gets {name}="{value}"', f"it takes: {listed}", value, choices, True)
            continue
        yield _misfit(node, kind, name, annotation, sure=not types & _PLAIN)


def _misfit(node: ast.expr, kind: str, name: str, annotation: ast.AST, *, sure: bool) -> Misfit:
    given = _WORDS.get(kind, f"a {kind}")
    takes = f"{name} is annotated {written(annotation)} in the SDK."
    return Misfit(node, f"gets {given} for {name}", takes, sure=sure)


def _items(
    program: Program, node: ast.List, name: str, annotation: ast.AST, scope: Scope
) -> Iterator[Misfit]:
    """Find items that are surely none of those a list is annotated with: ``tools=["add"]``."""
    wanted = [
        a for a in ast.walk(annotation) if isinstance(a, ast.Subscript) and last_name(a.value) == "list"
    ]
    if len(wanted) != 1 or last_name(wanted[0].slice) != "Callable":
        return
    for item in node.elts:
        kind, _ = _kind(item, scope, program)
        if kind and kind != "function":
            yield _misfit(item, kind, name, annotation, sure=True)
            return


def _kind(node: ast.expr, scope: Scope, program: Program) -> tuple[str, object]:
    """The type of an argument, and its value where it is a constant."""
    if type(node) in _DISPLAYS:
        return _DISPLAYS[type(node)], None
    if isinstance(node, ast.Name):
        bindings = [b for b in program.bindings(node.id, scope) if b.kind != "part"]
        display = bindings[0].node if len(bindings) == 1 and bindings[0].kind == "value" else None
        if display is not None and type(display) in _DISPLAYS:
            return _DISPLAYS[type(display)], None
    found = program.values.of(node, scope)
    if len(found) != 1:
        return "", None
    if isinstance(found[0], Const):
        value = found[0].value
        return ("", None) if value is None else (type(value).__name__, value)
    if isinstance(found[0], OwnFunction) and found[0].scope.kind != "class":
        return ("function", None) if isinstance(node, ast.Name) else ("", None)
    return "", None
