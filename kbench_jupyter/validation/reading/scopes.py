"""Scopes, what binds each name in them, and the places rules ask about: what the walk over a cell finds."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SomeNode = TypeVar("_SomeNode", bound=ast.AST, covariant=True)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Certainty:
    """How sure it is that a place is executed when its scope is, and that an exception there would show.

    Flags as plain ints: an ``IntFlag`` costs a tenth of the whole walk.
    """

    SURE = 0
    CONDITIONAL = 1
    GUARDED = 2
    DEAD = 4


@dataclass(eq=False, slots=True)
class Binding:
    """One thing a name may stand for.

    `kind` is ``value`` (the expression itself), ``element`` (one of its elements), ``entered`` (what a ``with``
    gets of it), ``part`` (something put into the container the name stands for), ``def``, ``class``, ``import``
    (`path` is the dotted name), ``param``, or ``unknown``. `target` is the attribute that is assigned, when it is one.
    """

    kind: str
    node: ast.AST
    scope: Scope
    path: str = ""
    target: ast.AST | None = None


@dataclass(eq=False)
class Scope:
    """The notebook's namespace, a function, a lambda or a class body."""

    kind: str
    node: ast.AST | None = None
    parent: Scope | None = None
    certainty: int = Certainty.SURE
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    homes: dict[str, Scope] = field(default_factory=dict)
    returns: list[ast.Return] = field(default_factory=list)
    yields: list[ast.AST] = field(default_factory=list)
    given_name: str = ""

    @property
    def name(self) -> str:
        """The function's or class's name, the one a lambda is assigned to, or an empty string."""
        return getattr(self.node, "name", self.given_name)

    @property
    def lazy(self) -> bool:
        """Whether a call alone executes nothing of it: a coroutine or generator that nobody awaits or goes through.

        A decorator may make a plain function of it.
        """
        if not isinstance(self.node, FUNCTIONS) or self.node.decorator_list:
            return False
        return isinstance(self.node, ast.AsyncFunctionDef) or bool(self.yields)

    def top(self) -> Scope:
        """The notebook's namespace."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(eq=False, slots=True)  # frozen would triple the cost of making one, and a notebook has thousands
class Place(Generic[_SomeNode]):
    """A node with its cell, its scope, and how sure it is to be executed."""

    node: _SomeNode
    cell: Cell
    scope: Scope
    certainty: int


@dataclass
class SiteIndex:
    """What the walk found, in the order of the notebook."""

    calls: list[Place[ast.Call]] = field(default_factory=list)
    attributes: list[Place[ast.Attribute]] = field(default_factory=list)
    stores: dict[ast.AST, Place[ast.Attribute]] = field(default_factory=dict)
    subscripts: list[Place[ast.Subscript]] = field(default_factory=list)
    loads: list[Place[ast.Name]] = field(default_factory=list)
    functions: list[Place[Function]] = field(default_factory=list)
    strings: list[Place[ast.Constant]] = field(default_factory=list)
    built: list[Place[ast.JoinedStr | ast.BinOp]] = field(default_factory=list)
    futures: list[Place[ast.ImportFrom]] = field(default_factory=list)
    withs: list[Place[ast.With]] = field(default_factory=list)
    # Branches whose test a name decides: it may be a constant.
    tests: list[Place[ast.If | ast.IfExp | ast.While]] = field(default_factory=list)
    star_imports: list[str] = field(default_factory=list)
    # Expressions that are statements of their own, so that their value goes nowhere; and the names that are all
    # that calls and lambdas are assigned to.
    statements: set[ast.AST] = field(default_factory=set)
    awaited: set[ast.AST] = field(default_factory=set)
    assigned_to: dict[ast.AST, str] = field(default_factory=dict)
    attribute_bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    functions_by_node: dict[ast.AST, Scope] = field(default_factory=dict)

    def places(self) -> Iterator[Place[Any]]:
        """Go through every place but those of tests."""
        for name in _PLACES:
            yield from getattr(self, name)
        yield from self.stores.values()


_PLACES = ("calls", "attributes", "subscripts", "loads", "functions", "strings", "built", "withs")
