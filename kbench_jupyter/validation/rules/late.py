"""Calls of functions and runs of tasks that need a name which only a later cell defines.

Cells are executed from the top, so a function may use what is defined below it, as long as it is called further
down. What a function needs is what it reads from the notebook's namespace, and what the functions need that it
calls. This is found once for all calls, not once for each.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kbench_jupyter.validation.scopes import Certainty, Place, Scope
from kbench_jupyter.validation.tasks import RUN_METHODS
from kbench_jupyter.validation.types_of import dotted
from kbench_jupyter.validation.value import Func

if TYPE_CHECKING:
    from kbench_jupyter.validation.program import Program
    from kbench_jupyter.validation.rules.rule import Check

__all__ = ["LateNeed", "bound_locally", "late_needs"]


@dataclass(frozen=True)
class LateNeed:
    """A call at the top of a cell, what it needs too early, and whether it surely does."""

    place: Place[ast.Call]
    name: str
    sure: bool


@dataclass
class _Needs:
    """What functions read and call: `sure` only where they do so whenever they are called."""

    sure: bool
    reads: dict[str, set[Scope]] = field(default_factory=lambda: defaultdict(set))
    callers: dict[Scope, set[Scope]] = field(default_factory=lambda: defaultdict(set))

    def latest(self, first_defined: dict[str, int]) -> dict[Scope, str]:
        """Return, for each function that needs any of the names, the one that is defined last."""
        found: dict[Scope, str] = {}
        for name in sorted(self.reads, key=lambda name: -first_defined[name]):
            todo = list(self.reads[name])
            while todo:
                scope = todo.pop()
                if scope not in found:
                    found[scope] = name
                    todo.extend(self.callers[scope])
        return found


def late_needs(check: Check, known: Collection[str]) -> Iterator[LateNeed]:
    """Find what is called in a cell above the one that defines something it needs.

    Parameters
    ----------
    check : Check
    known : collection of str
        What is there before the first cell: a cell that defines it anew comes too late for nobody.

    Yields
    ------
    LateNeed
        The first for each function.
    """
    program = check.program
    first_defined = program.first_defined
    suspects = _suspects(program, known)
    if not suspects:
        return
    graph = _Graph(check, suspects)
    entries = [
        (place, callee)
        for place in list(program.index.calls)
        if place.scope is program.module and place.cell.number < program.opaque_from
        if not place.certainty & Certainty.DEAD and (callee := graph.callee(place)) is not None
    ]
    sure, maybe = graph.needs([callee for _, callee in entries])
    surely, perhaps = sure.latest(first_defined), maybe.latest(first_defined)
    told: set[Scope] = set()
    for place, callee in entries:
        if callee.cell is not None and callee.cell.number > place.cell.number:
            # The function itself is not there yet, which is told where its name is read.
            continue
        for found, certain in ((surely, True), (perhaps, False)):
            name = found.get(callee)
            if name is not None and callee not in told and first_defined[name] > place.cell.number:
                told.add(callee)
                yield LateNeed(place, name, sure=certain and program.sure(place))


def _suspects(program: Program, known: Collection[str]) -> set[str]:
    """The names that a function reads above the cell that defines them; the cells with such functions are walked."""
    suspects: set[str] = set()
    users: set[int] = set()
    for cell in program.cells[: program.opaque_from]:
        late = {name for name in cell.names.used_inside if program.first_defined.get(name, -1) > cell.number}
        if not late.issubset(known):
            suspects |= late.difference(known)
            users.add(cell.number)
    if users:
        program.walk_with_users(users)
    return suspects


class _Graph:
    """Which functions call which."""

    def __init__(self, check: Check, suspects: set[str]) -> None:
        self.program = check.program
        self.tasks = check.tasks
        self.suspects = suspects
        self._read = self._called = 0
        self._reads: dict[Scope, list[Place[ast.Name]]] = defaultdict(list)
        self._calls: dict[Scope, list[Place[ast.Call]]] = defaultdict(list)
        self._started = self._find_started()

    def needs(self, entries: list[Scope]) -> tuple[_Needs, _Needs]:
        """Return what the functions need that can be got to: surely, and perhaps."""
        both = _Needs(sure=True), _Needs(sure=False)
        todo, seen = list(entries), set(entries)
        while todo:
            scope = todo.pop()
            # To look at a callee may bring a cell into the index that was not there before.
            self._refresh()
            for read in self._reads[scope]:
                self._note_read(read, both)
            for call in self._calls[scope]:
                callee = self.callee(call)
                if callee is None or call.certainty & Certainty.DEAD:
                    continue
                for needs in both:
                    if not needs.sure or call.certainty == Certainty.SURE:
                        needs.callers[callee].add(scope)
                if callee not in seen:
                    seen.add(callee)
                    todo.append(callee)
        return both

    def _note_read(self, read: Place[ast.Name], both: tuple[_Needs, _Needs]) -> None:
        name = read.node.id
        if name not in self.suspects or read.certainty & Certainty.DEAD or bound_locally(name, read.scope):
            return
        for needs in both:
            if not needs.sure or read.certainty == Certainty.SURE:
                needs.reads[name].add(read.scope)

    def callee(self, place: Place[ast.Call]) -> Scope | None:
        """Return the one function of the notebook that a call executes: its own, or its task's."""
        func = place.node.func
        if isinstance(func, ast.Attribute):
            if func.attr not in RUN_METHODS:
                return None
            scopes = [task.scope for task in self.tasks.of(func.value, place.scope)]
        elif isinstance(func, ast.Name):
            found = self.program.values.of(func, place.scope)
            scopes = [value.scope if isinstance(value, Func) else None for value in found]
        else:
            return None
        if len(scopes) != 1 or scopes[0] is None or scopes[0].kind == "class":
            return None
        return scopes[0] if not scopes[0].lazy or place.node in self._started else None

    def _find_started(self) -> set[ast.AST]:
        """The calls of coroutines that are awaited where they stand: others may be awaited further down."""
        index = self.program.index
        runs = [p for p in index.calls if getattr(p.node.func, "attr", "") == "run"]
        runs = [
            place for place in runs if dotted(place.node.func, place.scope, self.program) == "asyncio.run"
        ]
        return index.awaited.union(argument for place in runs for argument in place.node.args)

    def _refresh(self) -> None:
        index = self.program.index
        for read in index.loads[self._read :]:
            self._reads[read.scope].append(read)
        for call in index.calls[self._called :]:
            self._calls[call.scope].append(call)
        self._read, self._called = len(index.loads), len(index.calls)


def bound_locally(name: str, scope: Scope) -> bool:
    """Whether a function, or one around it, binds a name itself."""
    inner: Scope | None = scope
    while inner is not None and inner.kind != "module":
        if name in inner.bindings:
            return True
        inner = inner.parent
    return False
