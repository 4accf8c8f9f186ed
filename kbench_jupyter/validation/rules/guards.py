"""What a ``try`` around a place catches, and goes on after."""

from __future__ import annotations

import ast
import builtins
from enum import IntEnum

from kbench_jupyter.validation.reading.parts import last_name, managers
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope

_MAX_DEPTH = 8
_ALL = frozenset({"Exception", "BaseException"})


class Guard(IntEnum):
    """How an error at a place is caught: by a handler that names it, or by one that catches whatever comes."""

    NONE = 0
    NAMED = 1
    BROAD = 2


def is_caught(error: str, place: Place[ast.AST], program: Program, depth: int = 0) -> bool:
    """Whether one of Python's own errors is caught where it is raised, or around every call of the function there.

    A handler that raises itself does not count: nothing goes on after it.
    """
    scope = place.scope
    if place.certainty & Certainty.GUARDED and guard_around(error, place, program):
        return True
    # What runs a task is no call of its function.
    if scope.kind != "function" or scope in program.run_scopes or depth > _MAX_DEPTH:
        return False
    calls = program.calls_of(scope)
    return bool(calls) and all(is_caught(error, call, program, depth + 1) for call in calls)


def surely_reached(place: Place[ast.AST], program: Program) -> bool:
    """Return whether the notebook surely comes to a place: no function may have returned before."""
    return program.sure(place) and not _may_be_spared(place, program)


def _may_be_spared(place: Place[ast.AST], program: Program, depth: int = 0) -> bool:
    """Whether a function may have returned before a place, or before every call that leads to it.

    ``if ON_KAGGLE: return ...`` above what only the author's machine can do.
    """
    scope = place.scope
    if scope.kind != "function" or scope in program.run_scopes or depth > _MAX_DEPTH:
        return False
    if any((statement.end_lineno or 0) < getattr(place.node, "lineno", 0) for statement in scope.returns):
        return True
    calls = program.calls_of(scope)
    return bool(calls) and all(_may_be_spared(call, program, depth + 1) for call in calls)


def guard_around(error: str, place: Place[ast.AST], program: Program, node: ast.AST | None = None) -> Guard:
    """Tell how a ``try`` or ``with suppress(...)`` catches an error that a place, or a node near it, raises."""
    scope, node = place.scope, node or place.node
    caught = named = False
    for guard in ast.walk(scope.node if scope.node is not None else place.cell.tree):
        if isinstance(guard, ast.Try | ast.TryStar):
            types = [handler.type for handler in guard.handlers if not _raises(handler)]
            kinds = [handler.type for handler in guard.handlers if handler.type is not None]
        elif isinstance(guard, ast.With):
            types, kinds = [kind for call in managers(guard, "suppress") for kind in call.args], []
        else:
            continue
        if not any(node is inner for statement in guard.body for inner in ast.walk(statement)):
            continue
        caught = caught or any(_catches(kind, error, scope, program) for kind in types)
        parts = [part for kind in kinds for part in getattr(kind, "elts", [kind])]
        parts = [part for part in parts if last_name(part) not in _ALL]
        named = named or any(_catches(part, error, scope, program) for part in parts)
    return Guard.NONE if not caught else Guard.NAMED if named else Guard.BROAD


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
            _catches(b.node, error, b.scope, program, depth + 1) for b in bindings
        )
    caught, raised = getattr(builtins, kind.id, None), getattr(builtins, error)
    return isinstance(caught, type) and issubclass(raised, caught)
