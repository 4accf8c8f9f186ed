"""Which tasks a task source defines, and whether each of them is run."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.handed_on import note_handed_on, only_looks
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope
from kbench_jupyter.validation.reading.switches import constants_of
from kbench_jupyter.validation.reading.task import BareDecorator, RunCall, Task
from kbench_jupyter.validation.reading.value import (
    DERIVING,
    SDK,
    UNKNOWN,
    Factory,
    Func,
    Sdk,
    TaskValue,
    keyword_of,
    written,
)

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program

__all__ = ["RUN_METHODS", "Tasks"]

RUN_METHODS = ("run", "evaluate")


class Tasks:
    """The tasks of a program.

    Attributes
    ----------
    all : list of Task
        In the order of the notebook.
    bare : list of BareDecorator
        Functions decorated without parentheses.
    unresolved_run : bool
        Whether something that cannot be seen through is run.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.all: list[Task] = []
        self.bare: list[BareDecorator] = []
        self.maybe_tasks = False
        self.unresolved_run = False
        self._by_node: dict[ast.AST, Task] = {}
        self._find_decorated()
        self._find_wrapped()
        self._drop_dead()
        self._name_variables()
        self.all.sort(key=lambda task: (task.place.cell.number, _line(task.node)))
        self._find_runs()
        program.run_scopes = {task.scope for task in self.all if task.runs and task.scope is not None}
        note_handed_on(self)

    def of(self, node: ast.AST, scope: Scope) -> list[Task]:
        """Return the tasks an expression may stand for."""
        return [
            self._by_node[value.node]
            for value in self.program.values.of(node, scope)
            if isinstance(value, TaskValue) and value.node in self._by_node
        ]

    @cached_property
    def stored(self) -> list[Task]:
        """The tasks that the SDK writes a file for."""
        return [task for task in self.all if task.stored]

    @cached_property
    def function_of_scope(self) -> dict[Scope, Task]:
        """The task of each decorated function's scope."""
        return {task.scope: task for task in self.all if task.scope is not None}

    def named_by(self, name: str) -> list[Task] | None:
        """Return the tasks a variable of the notebook may be, [] if it may be anything else, None without one."""
        module = self.program.module
        if not list(self.program.bindings(name, module)):
            return None
        found = self.program.values.name(name, module)
        tasks = [self._by_node[v.node] for v in found if isinstance(v, TaskValue) and v.node in self._by_node]
        return tasks if len(tasks) == len(found) else []

    def variable_of(self, task: Task) -> str:
        """Return a variable of the notebook that surely stands for a task, or ""."""
        names = dict.fromkeys((task.label, *self.program.module.bindings))
        return next((name for name in names if self._is(self.named_by(name), task)), "")

    def shadowed(self, task: Task) -> bool:
        """Whether a variable of the notebook is called as a task is named, and may be something else."""
        named = self.named_by(task.name) if task.name is not None else None
        return named is not None and not self._is(named, task)

    def _is(self, named: list[Task] | None, task: Task) -> bool:
        """Whether a variable is this task: to the SDK, two of one name are one (a cell with a newer copy)."""
        return bool(named) and all(
            other is task or (other.name is not None and other.name == task.name) for other in named or ()
        )

    def kept_by(self, wanted: str) -> list[Task]:
        """Return the tasks whose files ``%choose`` keeps: a variable goes before a name."""
        named = self.named_by(wanted)
        if named:
            return named
        # A function's name inside another is no variable of the notebook, unless something unseen makes it one.
        variable = named is not None or self.program.opaque_from < len(self.program.cells)
        return [task for task in self.all if wanted == task.name or (variable and wanted == task.label)]

    def around(self, scope: Scope) -> Task | None:
        """Return the task whose function a scope is, or stands in."""
        inner: Scope | None = scope
        while inner is not None:
            if inner in self.function_of_scope:
                return self.function_of_scope[inner]
            inner = inner.parent
        return None

    def _find_decorated(self) -> None:
        values = self.program.values
        for place in self.program.index.functions:
            for decorator in place.node.decorator_list:
                for value in values.of(decorator, place.scope):
                    if isinstance(value, Factory):
                        scope = self.program.index.functions_by_node[place.node]
                        self._add(place.node, place, value, scope)
                    elif value == Sdk(f"{SDK}.task"):
                        self.bare.append(BareDecorator(place, decorator, place.node.name))
                    elif value is UNKNOWN and _looks_like_task(decorator):
                        self.maybe_tasks = True

    def _find_wrapped(self) -> None:
        """Find decorators applied as calls: ``mytask = kbench.task(name="x")(fn)``."""
        values = self.program.values
        members = self._members()
        for place in self.program.index.calls:
            # A decorator gets one function; looking closer at every call would take half the time of a check.
            if len(place.node.args) != 1 and last_name(place.node.func) != "Task":
                continue
            if isinstance(place.node.func, ast.Attribute) and place.node.func.attr not in members:
                continue
            for value in values.of(place.node.func, place.scope):
                if isinstance(value, Factory):
                    argument = place.node.args[0] if place.node.args else None
                    found = values.of(argument, place.scope) if argument is not None else ()
                    scopes = [v.scope for v in found if isinstance(v, Func) and v.scope.kind != "class"]
                    self._add(place.node, place, value, scopes[0] if len(scopes) == 1 else None)
                elif value == Sdk(f"{SDK}.tasks.Task"):
                    self._add(place.node, place, Factory(place.node, place.scope), None)
                elif value == Sdk(f"{SDK}.task") and self._is_function(place.node.args[:1], place.scope):
                    self.bare.append(BareDecorator(place, place.node, written(place.node.args[0])))

        for place in self.program.index.calls:
            func = place.node.func
            if isinstance(func, ast.Attribute) and func.attr in DERIVING:
                self._derive(place, func)

    def _members(self) -> set[str]:
        """The words behind a dot that may stand for a decorator: the SDK's own, and what the notebook assigns."""
        index = self.program.index
        found = {"task", "benchmark", "Task", *index.attribute_bindings}
        for scope in index.functions_by_node.values():
            if scope.kind == "class":
                found.update(scope.bindings)
        return found

    def _name_variables(self) -> None:
        made = {id(task.node): task for task in self.all if isinstance(task.node, ast.Call)}
        scopes = {task.place.scope for task in made.values()}
        for scope in scopes:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    if binding.kind == "value" and id(binding.node) in made:
                        made[id(binding.node)].variable = name

    def _derive(self, place: Place[ast.Call], func: ast.Attribute) -> None:
        """Note a task made from another: ``task.bind_dataframe(rows, name="Rows")``."""
        bases = self.of(func.value, place.scope)
        made = self.program.values.of(place.node, place.scope)
        if len(bases) != 1 or not any(isinstance(v, TaskValue) and v.node is place.node for v in made):
            return
        base = bases[0]
        # Running the one runs the other inside it.
        base.handed_on = True
        task = Task(place.node, place, (place.node, *base.calls), place.scope, base.scope)
        task.derived = True
        self._note(task)

    def _is_function(self, nodes: list[ast.expr], scope: Scope) -> bool:
        return any(isinstance(v, Func) for node in nodes for v in self.program.values.of(node, scope))

    def _add(self, node: ast.AST, place: Place[ast.AST], factory: Factory, scope: Scope | None) -> None:
        if node in self._by_node:
            return
        calls = (factory.call,) if factory.base is None else (factory.call, factory.base)
        self._note(Task(node, place, calls, factory.scope, scope))

    def _note(self, task: Task) -> None:
        task.name = self._name(task)
        task.stored = self._option(task, "store_task") is not False
        given = _given(task, "store_run")
        values = constants_of(given, task.defined_in, self.program) if given is not None else []
        task.recorded = not values or any(values)
        self._by_node[task.node] = task
        self.all.append(task)

    def _drop_dead(self) -> None:
        """Forget the tasks of branches that are never taken, unless there are no others."""
        alive = [task for task in self.all if not task.place.certainty & Certainty.DEAD]
        self.all = alive or self.all

    def _name(self, task: Task) -> str | None:
        given = None
        for call in task.calls:
            positional = call.args if last_name(call.func) not in DERIVING else []
            given = keyword_of(call, "name") or (positional[0] if positional else None)
            if given is not None:
                break
        if given is None:
            if any(keyword.arg is None for call in task.calls for keyword in call.keywords):
                return None
            return task.function.name.title().replace("_", " ") if task.function is not None else None
        found = self.program.values.of(given, task.defined_in)
        name = self.program.values.const(given, task.defined_in)
        if isinstance(name, str) and name:
            return name
        # An empty name, like None, gives the function's own.
        if len(found) == 1 and not name and UNKNOWN not in found and task.function is not None:
            return task.function.name.title().replace("_", " ")
        return None

    def _option(self, task: Task, option: str) -> object | None:
        given = _given(task, option)
        return self.program.values.const(given, task.defined_in) if given is not None else None

    def _find_runs(self) -> None:
        program = self.program
        called = {id(place.node.func): place.node for place in program.index.calls}
        for place in program.index.attributes:
            if place.node.attr not in RUN_METHODS:
                continue
            if id(place.node) not in called and self._is_idle(place.node):
                continue
            self._note_run(RunCall(place, called.get(id(place.node))), place.node.value)
        for call in program.index.calls:
            if getattr(call.node.func, "id", "") != "getattr" or len(call.node.args) < 2:
                continue
            if program.values.const(call.node.args[1], call.scope) in (*RUN_METHODS, None):
                for task in self.of(call.node.args[0], call.scope):
                    task.handed_on = True

    def _is_idle(self, node: ast.AST) -> bool:
        """Whether nothing calls a ``task.run`` without parentheses: it stands alone, or is only looked at."""
        return node in self.program.index.statements or node in self._looked_at

    @cached_property
    def _looked_at(self) -> set[ast.AST]:
        calls = self.program.index.calls
        return {node for place in calls if only_looks(place, self.program) for node in place.node.args}

    def _note_run(self, run: RunCall, receiver: ast.AST) -> None:
        executed = self.program.executed(run.place)
        tasks = self.of(receiver, run.place.scope)
        for task in tasks:
            (task.runs if executed else task.idle_runs).append(run)
        if not tasks and executed and UNKNOWN in self.program.values.of(receiver, run.place.scope):
            self.unresolved_run = True


def _given(task: Task, option: str) -> ast.expr | None:
    return next((given for call in task.calls if (given := keyword_of(call, option)) is not None), None)


def _looks_like_task(decorator: ast.AST) -> bool:
    func = decorator.func if isinstance(decorator, ast.Call) else decorator
    return last_name(func) in ("task", "benchmark")


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)
