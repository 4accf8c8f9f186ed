"""A task as the rules see it, and as the other rooms do."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.scopes import FUNCTIONS, Place, Scope

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import CellRef

#: A task's name that IPython leaves alone on a magic's line.
_PLAIN = re.compile(r"\w(?:[\w .,:/()-]*[\w.)])?")


@dataclass(frozen=True)
class TaskDefinition:
    """A task that a task source defines."""

    name: str | None  #: as the SDK gives it, or None when only running the notebook could tell
    slug: str | None  #: the name as a slug, or None like the name
    stored: bool  #: whether the SDK writes a task file for it (no ``store_task=False``)
    cell: CellRef  #: the cell that defines it
    chosen: bool = False  #: whether the notebook's own ``%choose`` keeps it
    variable: str = ""  #: the notebook's variable that surely stands for it, or ""
    #: Whether the notebook has a variable that is called as the task is named, and is something else.
    shadowed: bool = False

    @property
    def choice(self) -> str:
        """What ``%choose`` should call it, or "" when nothing is sure to keep it.

        The SDK's magic takes a variable or the task's name, never a slug, and deletes the files of all that it
        was not given (tried with kaggle_benchmarks 0.6.2). A name that IPython would read as more than text
        (``What is 2?`` asks for help on ``2``), or that is another thing's variable, gives way to the variable.
        """
        if self.name is not None and not self.shadowed and _PLAIN.fullmatch(self.name):
            return self.name
        return self.variable


@dataclass(frozen=True, eq=False)
class RunCall:
    """A place that runs a task: ``task.run(...)``, or ``task.run`` handed to something that calls it."""

    place: Place[ast.Attribute]
    call: ast.Call | None

    @property
    def method(self) -> str:
        """``"run"`` or ``"evaluate"``."""
        return self.place.node.attr


@dataclass(eq=False)
class Task:
    """A task of the program, with the nodes that rules look at.

    `scope` is the function's own scope, None when the function cannot be seen. `calls` are the keyword
    sources: the ``task(...)`` call, then the ``functools.partial`` behind it. `variable` is the name a task
    made by a call is assigned to. It is `stored` unless it surely has ``store_task=False``, and `recorded` (its runs
    may leave files) unless it surely has ``store_run=False``. `handed_on` says that something unseen may run it.
    """

    node: ast.AST
    place: Place[ast.AST]
    calls: tuple[ast.Call, ...]
    defined_in: Scope
    scope: Scope | None = None
    name: str | None = None
    stored: bool = True
    surely_stored: bool = True
    recorded: bool = True
    runs: list[RunCall] = field(default_factory=list)
    idle_runs: list[RunCall] = field(default_factory=list)
    handed_on: bool = False
    derived: bool = False
    variable: str = ""

    @property
    def function(self) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The decorated function, when it is a ``def``."""
        node = self.scope.node if self.scope is not None else None
        return node if isinstance(node, FUNCTIONS) else None

    @property
    def label(self) -> str:
        """What a message calls the task: the name it has in code."""
        if self.variable:
            return self.variable
        return self.function.name if self.function is not None else (self.name or "task")

    @property
    def wrapped(self) -> bool:
        """Whether another decorator stands between the function and the task: what runs is unknown then."""
        decorators = self.function.decorator_list if self.function is not None else []
        return bool(decorators) and (isinstance(self.node, ast.Call) or decorators[-1] is not self.calls[0])

    @property
    def decorated_directly(self) -> bool:
        """Whether the call that takes the options stands at the task itself, and serves no other."""
        if isinstance(self.node, FUNCTIONS):
            return self.calls[0] in self.node.decorator_list
        return self.calls[0] in (self.node, getattr(self.node, "func", None))

    @property
    def slug(self) -> str | None:
        """The name as a slug."""
        return slug_of(self.name) if self.name is not None else None

    def is_called(self, wanted: str) -> bool:
        """Whether ``%choose`` takes a text for the name: it compares what names become in those of files."""
        return bool(wanted) and self.name is not None and file_name(self.name) == file_name(wanted)


@dataclass(frozen=True)
class BareDecorator:
    """``@kbench.task`` without parentheses."""

    place: Place[ast.AST]
    decorator: ast.expr
    function: str


def slug_of(name: str) -> str:
    """Return a task's slug: names become slugs as python-slugify makes them."""
    from slugify import slugify

    return str(slugify(name))


def file_name(name: str) -> str:
    """Return the stem of the files the SDK writes for a task's name (tried with kaggle_benchmarks 0.6.1)."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "", re.sub(r"[ /\\]", "_", name))
