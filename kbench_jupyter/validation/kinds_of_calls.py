"""What kinds of value a call may give, as far as recording a result is concerned."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.names import words
from kbench_jupyter.validation.scopes import Scope
from kbench_jupyter.validation.types_of import dotted, is_model
from kbench_jupyter.validation.value import SDK, Func, Instance, TaskValue, keyword_of

if TYPE_CHECKING:
    from kbench_jupyter.validation.kinds import Kinds, Reader

__all__ = ["NUMPY", "call_kinds"]

#: The kinds of numpy's own values.
NUMPY = frozenset({"numpy", "numpy float", "numpy any", "array"})
_TEXT_TO_TEXT = words(
    "strip lstrip rstrip lower upper title capitalize casefold replace join format removeprefix removesuffix"
    " swapcase zfill ljust rjust center expandtabs translate"
)
_BUILTINS = {
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
    "isinstance": "number",
    "dict": "dict",
    "any": "number",
    "all": "number",
    **dict.fromkeys(("range", "map", "filter", "zip", "enumerate", "reversed", "complex"), "object"),
}
# What gives a value of numpy's own, and not Python's: numpy.float64 alone is a float as well.
_NUMPY_VALUES = words(
    "all any bool_ float16 float32 int8 int16 int32 int64 uint8 uint16 uint32 uint64 isclose argmax argmin isnan isinf"
    " isfinite greater greater_equal less less_equal logical_and logical_or logical_not"
)
_NUMPY_ARRAYS = words("array asarray arange zeros ones linspace")
_NUMPY_FLOATS = words("mean median std var average float64 percentile quantile")
# An integer of numpy's where what they are given holds integers, else a float.
_NUMPY_AS_GIVEN = words("sum max min prod amax amin")
_FROM_IMPORTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("re.search", "re.match", "re.fullmatch"), frozenset({"match", "none"})),
    **dict.fromkeys(("re.findall", "re.split"), frozenset({"list"})),
    "re.sub": frozenset({"text"}),
    "json.dumps": frozenset({"text"}),
    **dict.fromkeys(
        (
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        ),
        frozenset({"time"}),
    ),
}
_UNKNOWN = frozenset({""})


def call_kinds(reader: Reader, node: ast.Call, scope: Scope, depth: int) -> Kinds:
    """Return every kind of value a call may give."""
    program = reader.program
    name = dotted(node.func, scope, program)
    if name.startswith("numpy."):
        return frozenset({_numpy_kind(reader, name.removeprefix("numpy."), node, scope, depth)})
    if name in _FROM_IMPORTS:
        return _FROM_IMPORTS[name]
    if isinstance(node.func, ast.Name) and not list(program.bindings(node.func.id, scope)):
        return frozenset({_builtin_kind(reader, node.func.id, node, scope)})
    made = _made(reader, node, scope)
    if made:
        return made
    if isinstance(node.func, ast.Attribute):
        return frozenset({_method_kind(reader, node.func, node, scope, depth)})
    return _UNKNOWN


def _builtin_kind(reader: Reader, name: str, node: ast.Call, scope: Scope) -> str:
    if name == "float" and len(node.args) == 1:
        text = reader.program.values.const(node.args[0], scope)
        word = text.strip().lower().lstrip("+-") if isinstance(text, str) else ""
        return {"nan": "nan", "inf": "infinity", "infinity": "infinity"}.get(word, "number")
    return _BUILTINS.get(name, "")


def _numpy_kind(reader: Reader, name: str, node: ast.Call, scope: Scope, depth: int) -> str:
    if name in _NUMPY_VALUES:
        return "numpy"
    if name in _NUMPY_ARRAYS:
        return "array"
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        return ""
    if name in _NUMPY_FLOATS:
        return "numpy float"
    if name in _NUMPY_AS_GIVEN and len(node.args) == 1:
        return "numpy" if _holds_integers(reader, node.args[0], scope, depth) else "numpy any"
    return ""


def _made(reader: Reader, node: ast.Call, scope: Scope) -> Kinds:
    """What the SDK's functions and the notebook's own classes make."""
    found = reader.program.values.of(node, scope)
    value = found[0] if len(found) == 1 else None
    if not isinstance(value, Instance):
        return frozenset()
    if value.scope is not None:
        kind = _class_kind(reader, value.scope)
        return frozenset({kind}) if kind else frozenset()
    name = value.path.removeprefix(f"{SDK}.assertions.")
    if name == "AssertionResult" or name.startswith("assert_"):
        return frozenset({"assertion"})
    return frozenset({"object", "none"}) if name == "assess_response_with_judge" else frozenset()


def _method_kind(reader: Reader, func: ast.Attribute, node: ast.Call, scope: Scope, depth: int) -> str:
    name = func.attr
    if name == "prompt" and is_model(func.value, scope, reader.program):
        return _prompt_kind(reader, node, scope)
    if name in ("run", "evaluate"):
        tasks = reader.program.values.of(func.value, scope)
        if tasks and all(isinstance(task, TaskValue) for task in tasks):
            return "run" if name == "run" else "runs"
    to_list = name in ("split", "splitlines")
    if (to_list or name in _TEXT_TO_TEXT) and reader.only(func.value, scope, depth) == "text":
        return "list" if to_list else "text"
    return ""


def _prompt_kind(reader: Reader, node: ast.Call, scope: Scope) -> str:
    """What ``llm.prompt(...)`` gives: text, or what the schema says."""
    if any(keyword.arg is None for keyword in node.keywords):
        return ""
    schema = keyword_of(node, "schema") or (node.args[1] if len(node.args) > 1 else None)
    if schema is None:
        return "text"
    program = reader.program
    if isinstance(schema, ast.Name) and not list(program.bindings(schema.id, scope)):
        return {"str": "text", "int": "number", "float": "number", "bool": "number"}.get(schema.id, "")
    if "prompting" in program.text:
        return ""  # the notebook's own handlers may make anything of an answer
    if isinstance(schema, ast.Dict):
        return "model"
    found = program.values.of(schema, scope)
    return _class_kind(reader, found[0].scope) if len(found) == 1 and isinstance(found[0], Func) else ""


def _class_kind(reader: Reader, scope: Scope) -> str:
    """``dataclass`` or ``model`` (pydantic's) for what a class of the notebook makes, or ``""``."""
    node = scope.node
    if not isinstance(node, ast.ClassDef) or scope.parent is None or node.keywords:
        return ""
    decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    bases = [dotted(base, scope.parent, reader.program) for base in node.bases]
    if not decorators and bases == ["pydantic.BaseModel"]:
        return "model"
    made = [dotted(decorator, scope.parent, reader.program) for decorator in decorators]
    return "dataclass" if made == ["dataclasses.dataclass"] and not bases else ""


def _holds_integers(reader: Reader, node: ast.AST, scope: Scope, depth: int) -> bool:
    """Whether numpy surely makes integers of what an expression holds."""
    if depth > 8:
        return False
    if isinstance(node, ast.ListComp):
        return _is_integer(reader, node.elt, scope)
    if isinstance(node, ast.List | ast.Tuple):
        return bool(node.elts) and all(_is_integer(reader, item, scope) for item in node.elts)
    if isinstance(node, ast.Name):
        bindings = list(reader.program.bindings(node.id, scope))
        return (
            len(bindings) == 1
            and bindings[0].kind == "value"
            and _holds_integers(reader, bindings[0].node, bindings[0].scope, depth + 1)
        )
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        name = dotted(node.func, scope, reader.program)
        return name in ("numpy.array", "numpy.asarray") and _holds_integers(
            reader, node.args[0], scope, depth + 1
        )
    return False


def _is_integer(reader: Reader, node: ast.AST, scope: Scope) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        whole = node.func.id in ("len", "int", "bool")
        return whole and not list(reader.program.bindings(node.func.id, scope))
    if isinstance(node, ast.Compare):
        return all(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
