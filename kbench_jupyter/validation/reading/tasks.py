"""Which tasks a task source defines, and whether each of them is run."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kbench_jupyter.validation.reading import value as kinds
from kbench_jupyter.validation.reading.entries import entries_of
from kbench_jupyter.validation.reading.handed_on import note_handed_on, only_looks
from kbench_jupyter.validation.reading.parts import base_name, last_name
from kbench_jupyter.validation.reading.scopes import Certainty, Place, Scope
from kbench_jupyter.validation.reading.switches import constants_of
from kbench_jupyter.validation.reading.task import BareDecorator, RunCall, Task, TaskDefinition
from kbench_jupyter.validation.reading.value import DERIVING, SDK, UNKNOWN, Found, keyword_of, written

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program

RUN_METHODS = ("run", "evaluate")
_TASK = kinds.Sdk(f"{SDK}.task")


class Tasks:
    """The tasks of a program.

    `all` are in the order of the notebook; `bare` are functions decorated without parentheses. With `maybe_tasks`
    something that cannot be seen through may be a task's decorator, with `unresolved_run` something such is run.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.bare: list[BareDecorator] = []
        self.maybe_tasks = False
        self.unresolved_run = False
        self._by_node: dict[ast.AST, Task] = {}
        self._find_decorated()
        self._find_wrapped()
        found = list(self._by_node.values())
        # Those of branches that are never taken do not count, unless there are no others.
        self.all = [task for task in found if not task.place.certainty & Certainty.DEAD] or found
        self._name_variables()
        self.all.sort(key=lambda task: (task.place.cell.number, _line(task.node)))
        self._find_runs()
        program.run_scopes = {task.scope for task in self.all if task.runs and task.scope is not None}
        note_handed_on(program, self.all, self.of, unresolved_run=self.unresolved_run)

    def of(self, node: ast.AST, scope: Scope) -> list[Task]:
        """Return the tasks an expression may stand for."""
        return self._among(self.program.values.of(node, scope))

    def _among(self, found: Found) -> list[Task]:
        nodes = [value.node for value in found if isinstance(value, kinds.TaskValue)]
        return [self._by_node[node] for node in nodes if node in self._by_node]

    @cached_property
    def stored(self) -> list[Task]:
        """The tasks that the SDK writes a file for."""
        return [task for task in self.all if task.stored]

    @cached_property
    def surely_stored(self) -> list[Task]:
        """Those of them that nothing unseen may keep from being stored."""
        return [task for task in self.stored if task.surely_stored]

    @cached_property
    def function_of_scope(self) -> dict[Scope, Task]:
        """The task of each decorated function's scope."""
        return {task.scope: task for task in self.all if task.scope is not None}

    def named_by(self, name: str) -> list[Task] | None:
        """Return the tasks a variable of the notebook may be, [] if it may be anything else, None without one."""
        module = self.program.module
        if not self.program.bindings(name, module):
            return None
        found = self.program.values.name(name, module)
        tasks = self._among(found)
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
        return [task for task in self.all if task.is_called(wanted) or (variable and wanted == task.label)]

    @cached_property
    def chosen(self) -> list[Task]:
        """The tasks whose files are there after the notebook's last ``%choose``."""
        lines = [magic.argument.strip() for _, magic in self.program.magics if magic.name == "choose"]
        return self.kept_by(lines[-1]) if lines else []

    def around(self, scope: Scope) -> Task | None:
        """Return the task whose function a scope is, or stands in."""
        inner: Scope | None = scope
        while inner is not None and inner not in self.function_of_scope:
            inner = inner.parent
        return self.function_of_scope[inner] if inner is not None else None

    def definitions(self) -> list[TaskDefinition]:
        """Return what others may know of the tasks, in order."""
        return [self._definition(task, task in self.chosen) for task in self.all]

    def _definition(self, task: Task, chosen: bool) -> TaskDefinition:
        return TaskDefinition(
            name=task.name,
            slug=task.slug,
            stored=task.stored,
            cell=task.place.cell.source.ref,
            chosen=chosen,
            variable=self.variable_of(task),
            shadowed=self.shadowed(task),
        )

    def _find_decorated(self) -> None:
        for place in self.program.index.functions:
            for decorator in place.node.decorator_list:
                for value in self.program.values.of(decorator, place.scope):
                    if isinstance(value, kinds.Factory):
                        self._add(place, value, self.program.index.functions_by_node[place.node])
                    elif value == _TASK:
                        self.bare.append(BareDecorator(place, decorator, place.node.name))
                    elif value is UNKNOWN and base_name(decorator) in ("task", "benchmark"):
                        self.maybe_tasks = True

    def _find_wrapped(self) -> None:
        """Find decorators applied as calls: ``mytask = kbench.task(name="x")(fn)``."""
        values = self.program.values
        members = self._members()
        for place in self.program.index.calls:
            func, given = place.node.func, place.node.args
            # A decorator gets one function; looking closer at every call would take half the time of a check.
            if len(given) != 1 and last_name(func) != "Task":
                continue
            if isinstance(func, ast.Attribute) and func.attr not in members:
                continue
            for value in values.of(func, place.scope):
                if isinstance(value, kinds.Factory):
                    functions = self._functions(given[:1], place.scope)
                    scopes = [function.scope for function in functions if function.scope.kind != "class"]
                    self._add(place, value, scopes[0] if len(scopes) == 1 else None)
                elif value == kinds.Sdk(f"{SDK}.tasks.Task"):
                    self._add(place, kinds.Factory(place.node, place.scope), None)
                elif value == _TASK and self._functions(given[:1], place.scope):
                    self.bare.append(BareDecorator(place, place.node, written(given[0])))

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
        made = {task.node: task for task in self.all if isinstance(task.node, ast.Call)}
        for scope in {task.place.scope for task in made.values()}:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    if binding.kind == "value" and binding.node in made:
                        made[binding.node].variable = name

    def _derive(self, place: Place[ast.Call], func: ast.Attribute) -> None:
        """Note a task made from another: ``task.bind_dataframe(rows, name="Rows")``."""
        bases = self.of(func.value, place.scope)
        made = self.program.values.of(place.node, place.scope)
        if len(bases) != 1 or not any(isinstance(v, kinds.TaskValue) and v.node is place.node for v in made):
            return
        base = bases[0]
        # Running the one runs the other inside it.
        base.handed_on = True
        self._note(Task(place.node, place, (place.node, *base.calls), place.scope, base.scope, derived=True))

    def _functions(self, nodes: list[ast.expr], scope: Scope) -> list[kinds.Func]:
        return [v for node in nodes for v in self.program.values.of(node, scope) if isinstance(v, kinds.Func)]

    def _add(self, place: Place[Any], factory: kinds.Factory, scope: Scope | None) -> None:
        if place.node not in self._by_node:
            calls = (factory.call,) if factory.base is None else (factory.call, factory.base)
            self._note(Task(place.node, place, calls, factory.scope, scope))

    def _note(self, task: Task) -> None:
        task.name = self._name(task)
        if stored := self._option(task, "store_task"):
            found = self.program.values.of(*stored)
            task.stored = found != (kinds.Const(False),)
            task.surely_stored = all(isinstance(value, kinds.Const) and value.value for value in found)
        if recorded := self._option(task, "store_run"):
            values = constants_of(*recorded, self.program)
            task.recorded = not values or any(values)
        self._by_node[task.node] = task

    def _option(self, task: Task, name: str) -> tuple[ast.expr, Scope] | None:
        """Return what a task's option is given, and where that stands; if it cannot be seen, what may hold it."""
        for call in task.calls:
            if name == "name" and call.args and last_name(call.func) not in DERIVING:
                return call.args[0], task.defined_in
            if (given := keyword_of(call, name)) is not None:
                return given, task.defined_in
            for unpacked in (keyword.value for keyword in call.keywords if keyword.arg is None):
                entries = entries_of(unpacked, task.defined_in, self.program)
                if entries is None:
                    return unpacked, task.defined_in
                if name in entries:
                    return entries[name]
        return None

    def _name(self, task: Task) -> str | None:
        function = task.function.name.title().replace("_", " ") if task.function is not None else None
        given = self._option(task, "name")
        if given is None:
            return function
        match self.program.values.of(*given):
            case (kinds.Const(str(name)),) if name:
                return name
            # An empty name, like None, gives the function's own.
            case (kinds.Const(name),) if name:
                return None
            case (found,) if found is not UNKNOWN:
                return function
        return None

    def _find_runs(self) -> None:
        program = self.program
        called: dict[ast.AST, ast.Call] = {place.node.func: place.node for place in program.index.calls}
        for place in program.index.attributes:
            if place.node.attr not in RUN_METHODS:
                continue
            call = called.get(place.node)
            # Nothing calls a `task.run` without parentheses that stands alone, or is only looked at.
            if call is None and (place.node in program.index.statements or place.node in self._looked_at):
                continue
            self._note_run(RunCall(place, call), place.node.value)
        for looked in program.index.calls:
            if getattr(looked.node.func, "id", "") != "getattr" or len(looked.node.args) < 2:
                continue
            if program.values.const(looked.node.args[1], looked.scope) in (*RUN_METHODS, None):
                for task in self.of(looked.node.args[0], looked.scope):
                    task.handed_on = True

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


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)
