"""What a ``try`` around a place catches, and goes on after."""

from __future__ import annotations

import ast
import builtins
from enum import Enum

from kbench_jupyter.validation.reading.parts import last_name, managers
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope

_MAX_DEPTH = 8
_ALL = frozenset({"Exception", "BaseException"})


class Guard(Enum):
    """How an error at a place is caught: by a handler that names it, or by one that catches whatever comes."""

    NONE = 0
    NAMED = 1
    BROAD = 2


def is_caught(error: str, place: Place[ast.AST], program: Program, depth: int = 0) -> bool:
    """Whether an error at a place is caught there, or around every call of the function it stands in.

    Parameters
    ----------
    error : str
        The name of one of Python's own exceptions.
    place : Place
        Where it is raised.
    program : Program
    depth : int
        How many calls have been followed.

    Returns
    -------
    bool
        False for a handler that raises itself: nothing goes on after it.
    """
    scope = place.scope
    if place.certainty & Certainty.GUARDED:
        root = scope.node if scope.node is not None else place.cell.tree
        if caught_around(error, place.node, root, scope, program):
            return True
    # What runs a task is no call of its function.
    if scope.kind != "function" or scope in program.run_scopes or depth > _MAX_DEPTH:
        return False
    calls = program.calls_of(scope)
    return bool(calls) and all(is_caught(error, call, program, depth + 1) for call in calls)


def caught_around(error: str, node: ast.AST, root: ast.AST, scope: Scope, program: Program) -> bool:
    """Whether a ``try`` or a ``with suppress(...)`` under `root` catches an error that `node` raises."""
    for guard in ast.walk(root):
        if isinstance(guard, ast.Try | ast.TryStar):
            types = [handler.type for handler in guard.handlers if not _raises(handler)]
        elif isinstance(guard, ast.With):
            types = [kind for call in managers(guard, "suppress") for kind in call.args]
        else:
            continue
        if any(_catches(kind, error, scope, program) for kind in types) and any(
            node is inner for statement in guard.body for inner in ast.walk(statement)
        ):
            return True
    return False


def guard_around(error: str, place: Place[ast.AST], program: Program) -> Guard:
    """Tell how the ``try`` around a place, if there is one, catches an error."""
    scope = place.scope
    root = scope.node if scope.node is not None else place.cell.tree
    if not caught_around(error, place.node, root, scope, program):
        return Guard.NONE
    for guard in ast.walk(root):
        if not isinstance(guard, ast.Try | ast.TryStar):
            continue
        if any(place.node is inner for statement in guard.body for inner in ast.walk(statement)):
            kinds = [h.type for h in guard.handlers if h.type is not None]
            parts = [part for kind in kinds for part in getattr(kind, "elts", [kind])]
            if any(last_name(part) not in _ALL and _catches(part, error, scope, program) for part in parts):
                return Guard.NAMED
    return Guard.BROAD


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(statement, ast.Raise) for statement in handler.body)


def _catches(kind: ast.AST | None, error: str, scope: Scope, program: Program, depth: int = 0) -> bool:
    """Whether ``except kind`` catches an error of Python's own."""
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(_catches(part, error, scope, program, depth) for part in kind.elts)
    if not isinstance(kind, ast.Name):
        return False
    bindings = list(program.bindings(kind.id, scope))
    if bindings:
        # A name for several of them: `ERRORS = (OSError, ValueError)`.
        return depth < _MAX_DEPTH and any(
            _catches(b.node, error, b.scope, program, depth + 1) for b in bindings if b.kind == "value"
        )
    caught, raised = getattr(builtins, kind.id, None), getattr(builtins, error)
    return isinstance(caught, type) and issubclass(raised, caught)
