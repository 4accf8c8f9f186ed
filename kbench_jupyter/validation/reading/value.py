"""The kinds of things an expression of a notebook may stand for."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from kbench_jupyter.validation.reading.scopes import FUNCTIONS

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.scopes import Scope


SDK = "kaggle_benchmarks"
# Methods of a task that make another task.
DERIVING = ("partial", "bind_dataframe")
# The same object under the names the SDK exports it by (tried with kaggle_benchmarks 0.6.1).
_SAME = {
    "tasks.task": "task",
    "tasks.benchmark": "task",
    "benchmark": "task",
    "chats.last_reasoning_traces": "last_reasoning_traces",
    "rooms.ChatRoom": "ChatRoom",
    "kaggle.models.load_model": "kaggle.load_model",
    "kaggle.model_proxy.ModelProxy": "kaggle.ModelProxy",
}


@dataclass(frozen=True)
class Sdk:
    """Something of the SDK, by its dotted path."""

    path: str


@dataclass(frozen=True)
class Stdlib:
    """Something of Python's own library, by its dotted path."""

    path: str


@dataclass(frozen=True)
class Const:
    """A constant."""

    value: object


@dataclass(frozen=True, eq=False)
class Factory:
    """What ``task(...)`` returns: waiting for the function. `base` is the ``partial(task, ...)`` behind it."""

    call: ast.Call
    scope: Scope
    base: ast.Call | None = None


@dataclass(frozen=True, eq=False)
class PartialTask:
    """``functools.partial(task, ...)``."""

    call: ast.Call


@dataclass(frozen=True, eq=False)
class Func:
    """A function, lambda or class of the notebook."""

    scope: Scope


@dataclass(frozen=True, eq=False)
class Instance:
    """An instance of a class of the notebook, or of one of the SDK's."""

    scope: Scope | None = None


@dataclass(frozen=True)
class HardModel:
    """A model chosen by name."""

    name: str


@dataclass(frozen=True, eq=False)
class TaskValue:
    """A task, by the node that makes it: its function, or the call that wraps one."""

    node: ast.AST


@dataclass(frozen=True)
class Unknown:
    """Anything."""


UNKNOWN = Unknown()
Value: TypeAlias = (
    Sdk | Stdlib | Const | Factory | PartialTask | Func | Instance | HardModel | TaskValue | Unknown
)
#: Everything an expression may stand for.
Found: TypeAlias = tuple[Value, ...]


def written(node: ast.AST) -> str:
    """Return a node as source text, short enough for a message."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return "..."
    return text if len(text) <= 80 else text[:77] + "..."


def keyword_of(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of the first of the named keywords of a call."""
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return None


def imported(path: str) -> Value:
    """Return what an import of a dotted path gives, or a member of something imported."""
    root, _, rest = path.partition(".")
    if root == SDK:
        return Sdk(f"{SDK}.{_SAME[rest]}" if rest in _SAME else path)
    return Stdlib(path) if root in sys.stdlib_module_names else UNKNOWN


def is_self(function: Scope, name: str) -> bool:
    """Whether a parameter is a method's own object."""
    node = function.node
    if function.parent is None or function.parent.kind != "class" or not isinstance(node, FUNCTIONS):
        return False
    if any(getattr(decorator, "id", "") == "staticmethod" for decorator in node.decorator_list):
        return False
    return [a.arg for a in (*node.args.posonlyargs, *node.args.args)][:1] == [name]


def argument_of(call: ast.Call, function: Scope, name: str) -> ast.expr | None:
    """Return the argument a call passes for a parameter of a function, when it is plain to see."""
    args: ast.arguments = function.node.args  # type: ignore[union-attr]
    positional = [argument.arg for argument in (*args.posonlyargs, *args.args)]
    is_method = function.parent is not None and function.parent.kind == "class"
    if is_method and positional[:1] in (["self"], ["cls"]):
        positional = positional[1:]
    found = keyword_of(call, name)
    if found is not None or name not in positional:
        return found
    upto = call.args[: positional.index(name) + 1]
    plain = len(upto) > positional.index(name) and not any(isinstance(a, ast.Starred) for a in upto)
    return upto[-1] if plain else None
