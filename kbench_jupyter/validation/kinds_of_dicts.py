"""What in a dict display cannot be recorded: keys that are no texts, values that JSON does not know."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbench_jupyter.validation.kinds import unrecordable

if TYPE_CHECKING:
    from kbench_jupyter.validation.kinds import Reader
    from kbench_jupyter.validation.scopes import Scope

__all__ = ["Misfit", "misfit_of"]

_FINE = frozenset({"text", "list"})
_TEXTS = frozenset({"text", "bytes", ""})
_INSTEAD = {
    "set": "Make it a list: list(...).",
    "tuple": "Make it a list: list(...).",
    "bytes": "Make it a text: .decode().",
    "numpy": "Make it a value of Python's own: bool(...), int(...) or float(...).",
    "array": "Make it a list: append .tolist().",
    "nan": "Leave it out, or give None instead.",
    "infinity": "Leave it out, or give None instead.",
    "assertion": "Append .passed.",
    "match": "Give whether there is a match: bool(...).",
    "run": "Append .result.",
    "runs": "Give a number made of it, such as float(runs.as_dataframe().result.mean()).",
    "dataclass": "Give its fields: dataclasses.asdict(...).",
    "model": "Give its fields: append .model_dump().",
    "time": "Make it a text: .isoformat().",
}


@dataclass(frozen=True)
class Misfit:
    """A key or a value of a dict that cannot be recorded.

    Parameters
    ----------
    what : str
        What the dict is called that holds it.
    hint : str
        What to write instead.
    sure : bool
        Whether the dict surely holds it.
    """

    what: str
    hint: str
    sure: bool


def misfit_of(reader: Reader, node: ast.AST | None, scope: Scope) -> Misfit | None:
    """Return the first key or value of a returned dict that cannot be recorded.

    Parameters
    ----------
    reader : Reader
    node : expression or None
        What is returned: a dict's display, a comprehension, or a name that stands for one and nothing else.
    scope : Scope
        The function that returns it.

    Returns
    -------
    Misfit or None
    """
    if isinstance(node, ast.Name):
        bindings = list(reader.program.bindings(node.id, scope))
        plain = len(bindings) == 1 and bindings[0].kind == "value" and bindings[0].scope is scope
        if not plain or not isinstance(bindings[0].node, ast.Dict | ast.DictComp):
            return None
        if not _only_returned(node.id, scope):
            return None
        node = bindings[0].node
    return _inside(reader, node, scope) if isinstance(node, ast.Dict | ast.DictComp) else None


def _only_returned(name: str, scope: Scope) -> bool:
    """Whether nothing is done with a name but to return and to print it: a method may change a dict."""
    if scope.node is None:
        return False
    uses = sum(isinstance(part, ast.Name) and part.id == name for part in ast.walk(scope.node))
    harmless = sum(isinstance(r.value, ast.Name) and r.value.id == name for r in scope.returns)
    for part in ast.walk(scope.node):
        if isinstance(part, ast.Call) and getattr(part.func, "id", "") in ("print", "display"):
            harmless += sum(isinstance(a, ast.Name) and a.id == name for a in part.args)
    return uses == harmless + 1  # and the one that is assigned


def _inside(reader: Reader, node: ast.AST, scope: Scope) -> Misfit | None:
    """Return the first misfit in a display."""
    if isinstance(node, ast.Dict):
        certain = all(key is not None for key in node.keys)
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                continue
            found = _key(reader, key, scope, certain) or _value(reader, value, scope, certain)
            if found is not None:
                return found
    elif isinstance(node, ast.DictComp):
        certain = _goes_on(node)
        if isinstance(node.key, ast.Name) and node.key.id in _counted(node):
            return _no_text(certain)
        return _key(reader, node.key, scope, certain) or _value(reader, node.value, scope, certain)
    elif isinstance(node, ast.List):
        for item in node.elts:
            found = None if isinstance(item, ast.Starred) else _value(reader, item, scope, True)
            if found is not None:
                return found
    return None


def _no_text(certain: bool) -> Misfit:
    return Misfit("a dict with a key that is no text", "Make the key a text: str(...).", certain)


def _key(reader: Reader, node: ast.AST, scope: Scope, certain: bool) -> Misfit | None:
    return None if reader.kinds(node, scope) & _TEXTS else _no_text(certain)


def _value(reader: Reader, node: ast.AST, scope: Scope, certain: bool) -> Misfit | None:
    if isinstance(node, ast.Dict | ast.DictComp | ast.List):
        return _inside(reader, node, scope)
    kinds = reader.kinds(node, scope)
    if isinstance(node, ast.Tuple) or "pair" in kinds:
        return Misfit("a dict with a tuple in it", _INSTEAD["tuple"], certain and kinds <= {"pair", "tuple"})
    wrong = sorted(kind for kind in kinds - _FINE if unrecordable(kind))
    if not wrong:
        return None
    word = "a tuple" if wrong[0] == "tuple" else unrecordable(wrong[0])
    hint = _INSTEAD.get(wrong[0], "Give a text, a number, a list or a dict instead.")
    return Misfit(f"a dict with {word} in it", hint, certain and kinds <= set(wrong))


def _goes_on(node: ast.DictComp) -> bool:
    """Whether a comprehension surely has an entry."""
    return len(node.generators) == 1 and not node.generators[0].ifs and _has_items(node.generators[0].iter)


def _has_items(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return any(not isinstance(item, ast.Starred) for item in node.elts)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and bool(node.value)
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return False
    argument = node.args[0]
    if getattr(node.func, "id", "") == "range":
        return isinstance(argument, ast.Constant) and isinstance(argument.value, int) and argument.value > 0
    return getattr(node.func, "id", "") == "enumerate" and _has_items(argument)


def _counted(node: ast.DictComp) -> set[str]:
    """Return the names that count in a comprehension: ``n in range(...)``, ``n, x in enumerate(...)``."""
    found = set()
    for generator in node.generators:
        called = getattr(getattr(generator.iter, "func", None), "id", "")
        target = generator.target
        if called == "enumerate" and isinstance(target, ast.Tuple):
            target = target.elts[0]
        elif called != "range":
            continue
        if isinstance(target, ast.Name):
            found.add(target.id)
    return found
