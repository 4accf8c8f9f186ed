"""A whole task source as the rules see it: cells, scopes, and what is executed.

The cells that can matter are found first: those that mention the SDK or something a rule asks about, then
those that use what these define, until nothing is added. Only they are walked.
"""

from __future__ import annotations

import ast
import builtins
import gc
import re
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.cells import HARMLESS_LINE_MAGICS, Cell, Magic, read_cell
from kbench_jupyter.validation.reading.interest import is_interesting
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.reach import reached_scopes
from kbench_jupyter.validation.reading.scopes import Binding, Certainty, Place, Scope, SiteIndex
from kbench_jupyter.validation.reading.switches import switch_off
from kbench_jupyter.validation.reading.value import Func
from kbench_jupyter.validation.reading.values import STAR, Values
from kbench_jupyter.validation.reading.walk import walk_cell

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import SourceCell, TaskSource

__all__ = ["Program", "read_program", "reading"]

_TEXT_METHODS = words("upper lower title strip lstrip rstrip capitalize replace removeprefix format")
BUILTINS = frozenset(dir(builtins))


class Program:
    """Everything the rules know about one task source.

    Attributes
    ----------
    cells : list of Cell
        The code cells, in order.
    prose : list of Cell
        The others, unparsed.
    module : Scope
        The notebook's namespace.
    index : SiteIndex
        Calls, reads, functions and strings of the walked cells.
    values : Values
        What expressions stand for.
    run_scopes : set of Scope
        The functions of tasks that are run; `Tasks` fills it.
    constants : dict of str to list
        What `constants_of` has found for names.
    switches : list of Switch
        The branches that a constant of the notebook switches off.
    """

    def __init__(self, cells: list[Cell], prose: list[Cell]) -> None:
        self.cells = cells
        self.prose = prose
        self.module = Scope("module")
        self.index = SiteIndex()
        self.values = Values(self)
        self.run_scopes: set[Scope] = set()
        self._walked: set[int] = set()
        self._defining: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            for name in cell.names.defined:
                self._defining[name].append(cell)
        self.walk_with_users(
            cell.number for cell in cells if cell.transformed or is_interesting(cell.source.text)
        )
        self.constants: dict[str, list[object]] = {}
        self.switches = switch_off(self)

    def walk_with_users(self, numbers: Iterable[int]) -> None:
        """Walk cells, those that use what these define, those that use what these define, and so on."""
        chosen = set(numbers)
        using: dict[str, list[int]] = defaultdict(list)
        for cell in self.cells:
            for name in cell.names.mentioned:
                using[name].append(cell.number)
        todo = list(chosen)
        while todo:
            for name in _passed_on(self.cells[todo.pop()]):
                fresh = [user for user in using.pop(name, ()) if user not in chosen]
                chosen.update(fresh)
                todo.extend(fresh)
        for number in sorted(chosen):
            self._walk(self.cells[number])

    def _walk(self, cell: Cell) -> None:
        if cell.number not in self._walked:
            self._walked.add(cell.number)
            walk_cell(cell, self.module, self.index)

    def bindings(self, name: str, scope: Scope) -> Iterable[Binding]:
        """Return what binds a name, as read in a scope: the innermost scope that binds it."""
        inner: Scope | None = scope
        while inner is not None and inner.kind != "module":
            # Functions in a class body do not see the class's names.
            if name in inner.bindings and (inner.kind != "class" or inner is scope):
                return inner.bindings[name]
            inner = inner.parent
        for cell in self._defining.get(name, ()):
            self._walk(cell)
        return self.module.bindings.get(name, ())

    def calls_of(self, function: Scope) -> list[Place[ast.Call]]:
        """Return the calls of a function of the notebook."""
        return [
            place
            for place in self._calls_by_word.get(function.name, ())
            if any(
                isinstance(value, Func) and value.scope is function
                for value in self.values.of(place.node.func, place.scope)
            )
        ]

    @cached_property
    def _calls_by_word(self) -> dict[str, list[Place[ast.Call]]]:
        found: dict[str, list[Place[ast.Call]]] = defaultdict(list)
        for place in self.index.calls:
            func = place.node.func
            word = last_name(func)
            if word:
                found[word].append(place)
        return found

    def text_of_method(self, call: ast.Call, scope: Scope) -> str | None:
        """Return the text a string method gives, when everything it needs is constant."""
        func = call.func
        if not isinstance(func, ast.Attribute) or func.attr not in _TEXT_METHODS:
            return None
        text = self.values.const(func.value, scope)
        arguments = [self.values.const(argument, scope) for argument in call.args]
        if not isinstance(text, str) or call.keywords or not all(isinstance(a, str) for a in arguments):
            return None
        try:
            return str(getattr(text, func.attr)(*arguments))
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            return None

    @cached_property
    def first_defined(self) -> dict[str, int]:
        """The number of the first cell that defines each name."""
        return {name: min(cell.number for cell in cells) for name, cells in self._defining.items() if cells}

    @cached_property
    def text(self) -> str:
        """The text of all code cells."""
        return "\n".join(cell.source.text for cell in self.cells)

    @cached_property
    def broken(self) -> bool:
        """Whether a cell does not parse, so that it may hold whatever seems to be missing."""
        return any(cell.problem is not None for cell in self.cells)

    # What is executed

    @cached_property
    def reached(self) -> set[Scope]:
        """The scopes that are executed: functions that nothing mentions are not among them."""
        return reached_scopes(self)

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
        if scope.kind == "class" and scope.parent is not None:
            return scope.certainty == Certainty.SURE and self.surely_entered(scope.parent, depth)
        if scope.kind != "function" or depth > 8 or scope not in self.reached:
            return False
        return any(
            place.certainty == Certainty.SURE and self.surely_entered(place.scope, depth + 1)
            for place in self.calls_of(scope)
        )

    # Magics

    @cached_property
    def magics(self) -> list[tuple[Cell, Magic]]:
        """Every magic and shell escape: the notebook's own, and those called by name."""
        found = [(cell, magic) for cell in self.cells for magic in cell.magics]
        for place in self.index.calls:
            func = place.node.func
            if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Call):
                continue
            if getattr(func.value.func, "id", "") != "get_ipython":
                continue
            arguments = [a.value if isinstance(a, ast.Constant) else None for a in place.node.args]
            line = place.cell.text_line(place.node.lineno)
            match func.attr, arguments:
                case (("run_line_magic" | "magic"), [str(name), *rest]):
                    argument = str(rest[0]) if rest else name.partition(" ")[2]
                    found.append((place.cell, Magic(name.partition(" ")[0], argument, line)))
                case "run_cell_magic", [str(name), *_]:
                    found.append((place.cell, Magic(name, "", line)))
                case (("system" | "getoutput"), [str(command)]):
                    found.append((place.cell, Magic("!", command, line)))
        return sorted(found, key=lambda pair: (pair[0].number, pair[1].line))

    @cached_property
    def opaque_from(self) -> int:
        """The first cell that may define names that cannot be seen, or the number of cells."""
        numbers = [cell.number for cell in self.cells if cell.opaque or cell.problem is not None]
        for cell, magic in self.magics:
            if magic.name != "!" and not magic.cell_magic and magic.name not in HARMLESS_LINE_MAGICS:
                numbers.append(cell.number)
        numbers += [
            cell.number
            for cell in self.cells
            if any(word in cell.source.text for word in _DYNAMIC_WORDS) and _DYNAMIC.search(cell.source.text)
        ]
        return min(numbers, default=len(self.cells))


_DYNAMIC_WORDS = ("import *", "exec(", "eval(", "globals", "locals", "user_ns", "builtins", "inject_into")
_DYNAMIC = re.compile(
    r"import \*|(?<![.\w])(?:exec|eval|globals|locals)\(|user_ns|inject_into|\b__builtins__|\bbuiltins\b"
)


def _passed_on(cell: Cell) -> set[str]:
    """The names a cell defines whose users matter as well: its own, and what it imports of the SDK."""
    found = cell.names.defined - cell.names.imported
    if "kaggle_benchmarks" in cell.source.text:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Import):
                found |= {
                    alias.asname or alias.name.partition(".")[0]
                    for alias in node.names
                    if alias.name.startswith("kaggle_benchmarks")
                }
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kaggle_benchmarks"):
                found |= {alias.asname or alias.name for alias in node.names}
                if "*" in found:
                    found |= STAR
    return found


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

    Returns
    -------
    Program
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
        return Program([read_cell(cell, number) for number, cell in enumerate(code)], prose)
