"""A whole task source as the rules see it: what was walked, what it may stand for, and what is executed."""

from __future__ import annotations

import ast
import builtins
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from kbench_jupyter.notebook.ipython_syntax import limited
from kbench_jupyter.validation.reading.cells import Cell, read_cells
from kbench_jupyter.validation.reading.reach import reached_scopes
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope
from kbench_jupyter.validation.reading.switches import switch_off
from kbench_jupyter.validation.reading.values import Values
from kbench_jupyter.validation.reading.walked import Walked

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import SourceCell, TaskSource

BUILTINS = frozenset(dir(builtins))


class Program(Walked):
    """Everything the rules know about one task source.

    `values` says what expressions stand for, and `calls_of` which calls a function of the notebook gets, by its
    scope. `run_scopes` are the functions of tasks that are run; `Tasks` fills it. `switches` are the branches that a
    constant of the notebook switches off.
    """

    def __init__(self, cells: list[Cell], prose: list[Cell]) -> None:
        super().__init__(cells, prose)
        self.values = Values(self)
        self.calls_of = self.values.calls_of
        self.run_scopes: set[Scope] = set()
        self.switches = switch_off(self)

    @cached_property
    def reached(self) -> set[Scope]:
        """The scopes that are executed: functions that nothing mentions are not among them."""
        return reached_scopes(self, self.values)

    def executed(self, place: Place[ast.AST]) -> bool:
        """Whether a place is executed at all, as far as can be seen."""
        return not place.certainty & Certainty.DEAD and place.scope in self.reached

    def sure(self, place: Place[ast.AST]) -> bool:
        """Whether a place is surely executed, and what it raises surely seen."""
        return place.certainty == Certainty.SURE and self.executed(place) and self.surely_entered(place.scope)

    def surely_entered(self, scope: Scope, depth: int = 0) -> bool:
        """Whether a scope is surely executed: the notebook's own, a task that is run, a function called."""
        if scope.kind == "module" or scope in self.run_scopes:
            return True
        if scope.kind != "function" or depth > 8 or scope not in self.reached:
            return False
        return any(
            place.certainty == Certainty.SURE and self.surely_entered(place.scope, depth + 1)
            for place in self.calls_of(scope)
        )


_lock = threading.RLock()


@contextmanager
def reading() -> Iterator[None]:
    """Read one program at a time, and without garbage collection.

    A button may ask for a check while a cell runs one, and both share what was read. The collector would go
    through syntax trees, which all stay alive until the end, again and again: that doubles the time.
    """
    with _lock:
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()


def read_program(source: TaskSource) -> Program:
    """Parse a task source once. Never raises on odd text.

    Parameters
    ----------
    source : TaskSource
        Only its cells are looked at.
    """
    return _read(source.cells)


# A command asks for the tasks, then for findings, then for fixes of one and the same source.
@lru_cache(maxsize=1)
def _read(cells: tuple[SourceCell, ...]) -> Program:
    code = [cell for cell in cells if cell.kind == "code"]
    prose = [Cell(cell, len(code)) for cell in cells if cell.kind != "code"]
    # Python warns about odd escapes while parsing; that is between the user and Python.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with limited():
            read = read_cells(code)
        return Program(read, prose)
