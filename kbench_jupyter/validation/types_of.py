"""What kind of value an expression gives, as far as recording a result is concerned.

The SDK records a result that is a bool, an int, a float, a dict, a pair of numbers or None; anything else
ends a run without a run file (tried with kaggle_benchmarks 0.6.1).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.names import words
from kbench_jupyter.validation.value import HardModel, Sdk, keyword_of

if TYPE_CHECKING:
    from kbench_jupyter.validation.program import Program
    from kbench_jupyter.validation.scopes import Scope

__all__ = ["dotted", "is_model", "kind_of", "says_model", "unrecordable"]

_TEXT_TO_TEXT = words(
    "strip lstrip rstrip lower upper title capitalize casefold replace join format removeprefix removesuffix"
    " swapcase zfill ljust rjust center expandtabs translate"
)
_CONVERSIONS = {
    "str": "text",
    "repr": "text",
    "list": "list",
    "sorted": "list",
    "set": "set",
    "frozenset": "set",
    "bytes": "bytes",
    "int": "number",
    "float": "number",
    "bool": "number",
    "len": "number",
    "dict": "dict",
    "any": "number",
    "all": "number",
}
_WORDS = {"text": "a text", "list": "a list", "set": "a set", "bytes": "bytes", "object": "an object"}
_WORDS |= {"numpy": "a numpy value", "nan": "nan"}
# What gives a value of numpy's own, and not Python's: numpy.float64 alone is a float as well.
_NUMPY_VALUES = words(
    "numpy.all numpy.any numpy.bool_ numpy.float16 numpy.float32 numpy.int8 numpy.int16 numpy.int32 numpy.int64"
    " numpy.isclose numpy.array"
)


def dotted(node: ast.AST, scope: Scope, program: Program) -> str:
    """Return the full dotted name of something imported (``numpy.float64`` for ``np.float64``), or ``""``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    bindings = list(program.bindings(node.id, scope)) if isinstance(node, ast.Name) else []
    if len(bindings) != 1 or bindings[0].kind != "import":
        return ""
    return ".".join([bindings[0].path, *reversed(parts)])


def unrecordable(kind: str) -> str:
    """Return what to call a value that the SDK cannot record, or an empty string."""
    return _WORDS.get(kind, "")


def is_model(node: ast.AST, scope: Scope, program: Program) -> bool:
    """Whether an expression is surely one of the SDK's models."""
    found = program.values.of(node, scope)
    if found and all(
        isinstance(v, HardModel) or (isinstance(v, Sdk) and v.path.endswith(("llm", ".judge_llm")))
        for v in found
    ):
        return True
    # The parameter of a function that the SDK calls, or one that says what it is.
    if isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if len(bindings) == 1 and bindings[0].kind == "param":
            return says_model(node.id)
    return False


def says_model(parameter: str) -> bool:
    """Whether a parameter's name says that it is a model."""
    return parameter in ("llm", "judge", "model") or parameter.endswith(("_llm", "llm_judge"))


def kind_of(node: ast.AST | None, scope: Scope, program: Program, depth: int = 0) -> str:
    """Return the kind of value an expression gives, or ``""`` when that cannot be told.

    Parameters
    ----------
    node : expression or None
    scope : Scope
        Where it stands.
    program : Program
    depth : int
        How many names have been followed.

    Returns
    -------
    str
        ``text``, ``list``, ``set``, ``bytes``, ``object``, ``numpy``, ``nan``, ``number``, ``dict``, ``none``, or
        ``""``.
    """
    if node is None:
        return "none"
    if depth > 8:
        return ""
    if isinstance(node, ast.Constant):
        return _constant_kind(node.value)
    if isinstance(node, ast.JoinedStr):
        return "text"
    if isinstance(node, ast.List | ast.ListComp):
        return "list"
    if isinstance(node, ast.Set | ast.SetComp):
        return "set"
    if isinstance(node, ast.Dict | ast.DictComp):
        return "dict"
    if isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if bindings and all(binding.kind == "value" for binding in bindings):
            kinds = {kind_of(binding.node, binding.scope, program, depth + 1) for binding in bindings}
            return kinds.pop() if len(kinds) == 1 else ""
        return ""
    if isinstance(node, ast.Attribute):
        return "nan" if dotted(node, scope, program) in ("math.nan", "numpy.nan") else ""
    if isinstance(node, ast.Call):
        return _call_kind(node, scope, program, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        left = kind_of(node.left, scope, program, depth + 1)
        return left if left in ("text", "list") else ""
    if isinstance(node, ast.IfExp):
        kinds = {kind_of(part, scope, program, depth + 1) for part in (node.body, node.orelse)}
        return kinds.pop() if len(kinds) == 1 else ""
    return ""


def _constant_kind(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bytes):
        return "bytes"
    return "number" if isinstance(value, bool | int | float) else ""


def _call_kind(node: ast.Call, scope: Scope, program: Program, depth: int) -> str:
    func = node.func
    if dotted(func, scope, program) in _NUMPY_VALUES:
        return "numpy"
    if isinstance(func, ast.Name):
        if func.id == "float" and len(node.args) == 1 and not list(program.bindings("float", scope)):
            text = program.values.const(node.args[0], scope)
            if isinstance(text, str) and text.strip().lower().lstrip("+-") == "nan":
                return "nan"
        if func.id in _CONVERSIONS and not list(program.bindings(func.id, scope)):
            return _CONVERSIONS[func.id]
        return ""
    if not isinstance(func, ast.Attribute):
        return ""
    if func.attr == "prompt" and is_model(func.value, scope, program):
        return _prompt_kind(node, scope, program)
    to_list = func.attr in ("split", "splitlines")
    if (to_list or func.attr in _TEXT_TO_TEXT) and kind_of(func.value, scope, program, depth + 1) == "text":
        return "list" if to_list else "text"
    return ""


def _prompt_kind(node: ast.Call, scope: Scope, program: Program) -> str:
    """What ``llm.prompt(...)`` gives: text, or what the schema says."""
    if any(keyword.arg is None for keyword in node.keywords):
        return ""
    schema = keyword_of(node, "schema") or (node.args[1] if len(node.args) > 1 else None)
    if schema is None:
        return "text"
    if isinstance(schema, ast.Name) and not list(program.bindings(schema.id, scope)):
        return {"str": "text", "int": "number", "float": "number", "bool": "number"}.get(schema.id, "")
    if isinstance(schema, ast.Dict):
        return "object"
    return ""
