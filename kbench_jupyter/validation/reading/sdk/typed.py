"""What an expression of a notebook is to the SDK: one of its modules, functions or classes, or a value of one.

Only what is sure has an answer: a name that may be several things, or that something unseen may have made, has none.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from kbench_jupyter.validation.reading.parts import arguments, last_name
from kbench_jupyter.validation.reading.scopes import FUNCTIONS
from kbench_jupyter.validation.reading.sdk.answers import Answer, answer_in
from kbench_jupyter.validation.reading.sdk.parameters import bind, signature_of
from kbench_jupyter.validation.reading.sdk.things import Class, Func, Instance, Plain, Thing
from kbench_jupyter.validation.reading.types_of import says_model
from kbench_jupyter.validation.reading.value import SDK, UNKNOWN, TaskValue, argument_of, is_self
from kbench_jupyter.validation.reading.value import Func as OwnFunc

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Binding, Scope
    from kbench_jupyter.validation.reading.sdk.installed import Installed
    from kbench_jupyter.validation.reading.tasks import Tasks

__all__ = ["MODEL", "TASK", "Found", "Typed"]

MODEL = f"{SDK}.actors.LLMChat"
TASK = f"{SDK}.tasks.Task"
#: What an expression may surely be.
Found: TypeAlias = Thing | Answer
_MODEL_TYPES = frozenset({"LLMChat", "Actor", "Any"})
_MAX_DEPTH = 16


class Typed:
    """The SDK's things in one program."""

    def __init__(self, sdk: Installed, program: Program, tasks: Tasks) -> None:
        self.sdk = sdk
        self.program = program
        self.tasks = tasks
        self._known: dict[tuple[int, int], Found | None] = {}

    def of(self, node: ast.AST, scope: Scope, depth: int = 0) -> Found | None:
        """Return what an expression surely is, None when nobody can tell.

        Parameters
        ----------
        node : expression
        scope : Scope
            Where it stands.
        depth : int
            How many expressions have been followed.
        """
        key = (id(node), id(scope))
        if key not in self._known:
            if depth > _MAX_DEPTH:
                return None
            self._known[key] = None  # where it comes back to itself
            self._known[key] = self._find(node, scope, depth + 1)
        return self._known[key]

    def _find(self, node: ast.AST, scope: Scope, depth: int) -> Found | None:
        match node:
            case ast.Name(id=name):
                return self._name(name, scope, depth)
            case ast.Attribute(value=value, attr=name):
                base = self.of(value, scope, depth)
                if base is None or self.is_changed(name):
                    return None
                return self.member(base, name)
            case ast.Call():
                return self._call(node, scope, depth)
            case ast.Subscript(value=value):
                base = self.of(value, scope, depth)
                return base if isinstance(node.slice, ast.Slice) else self._item(base)
            case ast.NamedExpr(value=value):
                return self.of(value, scope, depth)
            case ast.IfExp():
                return self._one([self.of(side, scope, depth) for side in (node.body, node.orelse)])
            case ast.BoolOp(op=ast.Or()):
                return self._one([self.of(side, scope, depth) for side in node.values])
        return None

    def member(self, thing: Found, name: str) -> Found | None:
        """Return what a member of a thing is, None when it has none or nobody can tell."""
        return thing.member(name, self.program) if isinstance(thing, Answer) else self.sdk.member(thing, name)

    def lacks(self, thing: Found, name: str) -> bool:
        """Whether a thing surely has no member of that name."""
        return thing.lacks(name) if isinstance(thing, Answer) else self.sdk.lacks(thing, name)

    def _item(self, thing: Found | None) -> Found | None:
        if isinstance(thing, Plain):
            return thing.item
        found = self.sdk.member(thing, "__getitem__") if isinstance(thing, Instance) else None
        return self.sdk.call(found) if found is not None else None

    def is_changed(self, name: str) -> bool:
        """Whether the notebook itself gives some object a member of that name, or asks whether there is one."""
        program = self.program
        return name in program.index.attribute_bindings or any(
            f"{quote}{name}{quote}" in program.text for quote in "'\""
        )

    def _one(self, found: list[Found | None]) -> Found | None:
        return found[0] if found and all(thing == found[0] for thing in found) else None

    def _name(self, name: str, scope: Scope, depth: int) -> Found | None:
        # What is put into a container, or added to a text, does not change what it is.
        bindings = [b for b in self.program.bindings(name, scope) if b.kind != "part"]
        if bindings:
            return self._one([self._bound(binding, depth) for binding in bindings])
        if SDK in self.program.index.star_imports:
            return self.sdk.at(f"{SDK}.{name}")
        return None

    def _bound(self, binding: Binding, depth: int) -> Found | None:
        node, scope = binding.node, binding.scope
        match binding.kind:
            case "value":
                return self.of(node, scope, depth)
            case "import":
                return self.sdk.at(binding.path) if binding.path.partition(".")[0] == SDK else None
            case "def":
                return self._task() if self._is_task(node, scope) else None
            case "entered":
                manager = self.of(node, scope, depth)
                return None if manager is None or isinstance(manager, Answer) else self.sdk.entered(manager)
            case "element":
                items = self.of(node, scope, depth)
                is_dict = isinstance(items, Plain) and items.type is dict
                return self._item(items) if not is_dict else None
            case "param":
                return self._parameter(binding, depth)
        return None

    def _task(self) -> Found | None:
        cls = self.sdk.at(TASK)
        return self.sdk.call(cls) if cls is not None else None

    def _is_task(self, node: ast.AST, scope: Scope) -> bool:
        found = self.program.values.name(getattr(node, "name", ""), scope)
        return bool(found) and all(isinstance(value, TaskValue) for value in found)

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Found | None:
        callee = self.of(node.func, scope, depth)
        if callee is not None and not isinstance(callee, Answer):
            found = self.sdk.call(callee, node) or self._asked(callee, node, scope)
            if found is not None:
                return found
        values = self.program.values.of(node, scope)
        if values and all(isinstance(value, TaskValue) for value in values):
            return self._task()
        if callee is None and isinstance(node.func, ast.Name):
            return self._own_call(node, scope, depth)
        return None

    def _asked(self, callee: Thing, node: ast.Call, scope: Scope) -> Found | None:
        """What ``-> T`` gives where ``type[T]`` is a parameter that gets a schema."""
        signature = signature_of(self.sdk, callee) if isinstance(callee, Func) else None
        # The notebook's own handlers may make anything of an answer.
        if signature is None or not isinstance(callee, Func) or "prompting" in self.program.text:
            return None
        wanted = f"type[{getattr(callee.node.returns, 'id', '')}]"
        annotations = {name: p.annotation for name, p in signature.parameters.items()}
        typed = [n for n, a in annotations.items() if isinstance(a, ast.AST) and ast.unparse(a) == wanted]
        schema = bind(signature, node).arguments.get(typed[0]) if typed else None
        return answer_in(schema, scope, self.program) if schema is not None else None

    def _own_call(self, node: ast.Call, scope: Scope, depth: int) -> Found | None:
        """What a function of the notebook returns."""
        values = self.program.values.of(node.func, scope)
        own = values[0].scope if len(values) == 1 and isinstance(values[0], OwnFunc) else None
        if own is None or not isinstance(own.node, FUNCTIONS) or own.lazy or own.yields or own.parent is None:
            return None
        declared = self.of(own.node.returns, own.parent, depth) if own.node.returns is not None else None
        decorators = [
            self.of(d.func if isinstance(d, ast.Call) else d, own.parent, depth)
            for d in own.node.decorator_list
        ]
        if None in decorators:
            return None
        if isinstance(declared, Class):
            return self.sdk.call(declared)
        given = [s.value for s in own.returns if s.value is not None] if not decorators else []
        return self._one([self.of(value, own, depth) for value in given])

    def _parameter(self, binding: Binding, depth: int) -> Found | None:
        function = binding.scope
        name: str = binding.node.arg  # type: ignore[attr-defined]
        if not isinstance(function.node, FUNCTIONS) or is_self(function, name):
            return None
        args = function.node.args
        if name in (getattr(args.vararg, "arg", ""), getattr(args.kwarg, "arg", "")):
            return None
        if function in self.tasks.function_of_scope:
            return self._task_parameter(function, name, depth)
        given: list[Found | None] = []
        for place in self.program.calls_of(function):
            argument = argument_of(place.node, function, name)
            given.append(self.of(argument, place.scope, depth) if argument is not None else None)
        return self._one(given) if given else self._annotated(function, name)

    def _task_parameter(self, function: Scope, name: str, depth: int) -> Found | None:
        """A model where the runs of a task pass one, or where its name says so and no run passes another thing."""
        annotated = self._annotation(function, name)
        if annotated is not None and last_name(annotated) not in _MODEL_TYPES:
            return self._annotated(function, name)
        given = self._given_by_runs(function, name, depth)
        if None not in given and given:
            return self._one(given) if all(self.sdk.is_a(thing, MODEL) for thing in given) else None
        model = self.sdk.at(MODEL)
        return self.sdk.call(model) if model is not None and not given and says_model(name) else None

    def _given_by_runs(self, function: Scope, name: str, depth: int) -> list[Found | None]:
        """What each run passes for a parameter, as far as it is passed by itself."""
        found: list[Found | None] = []
        for run in self.tasks.function_of_scope[function].runs:
            argument = argument_of(run.call, function, name) if run.call is not None else None
            scope = run.place.scope
            if argument is None or self._is_one_of_many(argument, scope):
                continue
            if run.method == "run":
                found.append(self.of(argument, scope, depth))
            elif isinstance(argument, ast.List | ast.Tuple):
                found += [self.of(item, scope, depth) for item in argument.elts]
        return found

    def _is_one_of_many(self, node: ast.AST, scope: Scope) -> bool:
        """Whether a run goes through many: `for model in models`."""
        bindings = list(self.program.bindings(node.id, scope)) if isinstance(node, ast.Name) else []
        return bool(bindings) and all(
            b.kind == "element"
            and self.of(node, scope) is None
            and UNKNOWN in self.program.values.of(node, scope)
            for b in bindings
        )

    def _annotation(self, function: Scope, name: str) -> ast.expr | None:
        args: ast.arguments = function.node.args  # type: ignore[union-attr]
        return next((a.annotation for a in arguments(args) if a.arg == name), None)

    def _annotated(self, function: Scope, name: str) -> Found | None:
        """What a parameter is annotated as, where no call says otherwise."""
        node = self._annotation(function, name)
        cls = self.of(node, function.parent) if node is not None and function.parent is not None else None
        made = self.sdk.call(cls) if isinstance(cls, Class) else None
        return made if isinstance(made, Instance) else None
