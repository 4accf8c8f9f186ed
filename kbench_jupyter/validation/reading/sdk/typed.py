"""What an expression of a notebook is to the SDK: one of its modules, functions or classes, or a value of one.

Only what is sure has an answer: a name that may be several things, or that something unseen may have made, has none.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.scopes import FUNCTIONS
from kbench_jupyter.validation.reading.sdk.answers import Answer, answer_in
from kbench_jupyter.validation.reading.sdk.evaluating import is_type_of
from kbench_jupyter.validation.reading.sdk.parameters import bind, signature_of
from kbench_jupyter.validation.reading.sdk.things import Class, Func, Instance, Plain, Thing
from kbench_jupyter.validation.reading.types_of import says_model
from kbench_jupyter.validation.reading.value import SDK, UNKNOWN, TaskValue, argument_of, is_self
from kbench_jupyter.validation.reading.value import Found as Values
from kbench_jupyter.validation.reading.value import Func as OwnFunc

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Binding, Scope
    from kbench_jupyter.validation.reading.sdk.installed import Installed
    from kbench_jupyter.validation.reading.tasks import Tasks

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
        self._depth = 0

    def of(self, node: ast.AST | None, scope: Scope) -> Found | None:
        """Return what an expression surely is where it stands, None when nobody can tell."""
        key = (id(node), id(scope))
        if key not in self._known:
            if node is None or self._depth > _MAX_DEPTH:
                return None
            self._known[key] = None  # where it comes back to itself
            self._depth += 1
            self._known[key] = self._find(node, scope)
            self._depth -= 1
        return self._known[key]

    def _find(self, node: ast.AST, scope: Scope) -> Found | None:
        match node:
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute(value=value, attr=name):
                base = self.of(value, scope)
                return None if base is None or self.is_changed(name) else self.member(base, name)
            case ast.Call():
                return self._call(node, scope)
            case ast.Subscript(value=value):
                base = self.of(value, scope)
                return base if isinstance(node.slice, ast.Slice) else self._item(base)
            case ast.NamedExpr(value=value):
                return self.of(value, scope)
            case ast.IfExp(body=body, orelse=orelse):
                return self._one([self.of(body, scope), self.of(orelse, scope)])
            case ast.BoolOp(op=ast.Or(), values=sides):
                return self._one([self.of(side, scope) for side in sides])
        return None

    def member(self, thing: Found, name: str) -> Found | None:
        """Return what a member of a thing is, None when it has none or nobody can tell."""
        return thing.member(name, self.program) if isinstance(thing, Answer) else self.sdk.member(thing, name)

    def lacks(self, thing: Found, name: str) -> bool:
        """Whether a thing surely has no member of that name."""
        return thing.lacks(name) if isinstance(thing, Answer) else self.sdk.lacks(thing, name)

    def is_changed(self, name: str) -> bool:
        """Whether the notebook itself gives some object a member of that name, or asks whether there is one."""
        program = self.program
        return name in program.index.attribute_bindings or any(
            f"{quote}{name}{quote}" in program.text for quote in "'\""
        )

    def _item(self, thing: Found | None) -> Found | None:
        if isinstance(thing, Plain):
            return thing.item
        return self._made(self.sdk.member(thing, "__getitem__")) if isinstance(thing, Instance) else None

    def _made(self, thing: Thing | None) -> Thing | None:
        """What a call of something gives."""
        return self.sdk.call(thing) if thing is not None else None

    def _one(self, found: list[Found | None]) -> Found | None:
        return found[0] if found and all(thing == found[0] for thing in found) else None

    def _name(self, name: str, scope: Scope) -> Found | None:
        bindings = self.program.bindings(name, scope)
        if not bindings and SDK in self.program.index.star_imports:
            return self.sdk.at(f"{SDK}.{name}")
        return self._one([self._bound(binding) for binding in bindings])

    def _bound(self, binding: Binding) -> Found | None:
        node, scope = binding.node, binding.scope
        match binding.kind:
            case "value":
                return self.of(node, scope)
            case "import":
                return self.sdk.at(binding.path) if binding.path.partition(".")[0] == SDK else None
            case "def":
                return self._task(self.program.values.name(getattr(node, "name", ""), scope))
            case "entered":
                manager = self.of(node, scope)
                return None if manager is None or isinstance(manager, Answer) else self.sdk.entered(manager)
            case "element":
                items = self.of(node, scope)
                is_dict = isinstance(items, Plain) and items.type is dict
                return self._item(items) if not is_dict else None
            case "param":
                return self._parameter(binding)
        return None

    def _task(self, values: Values) -> Thing | None:
        """A task, where all that something may be are tasks."""
        is_task = bool(values) and all(isinstance(value, TaskValue) for value in values)
        return self._made(self.sdk.at(TASK)) if is_task else None

    def _call(self, node: ast.Call, scope: Scope) -> Found | None:
        callee = self.of(node.func, scope)
        found: Found | None = None
        if callee is not None and not isinstance(callee, Answer):
            found = self.sdk.call(callee, node) or self._asked(callee, node, scope)
        if found is None:
            found = self._task(self.program.values.of(node, scope))
        if found is None and callee is None and isinstance(node.func, ast.Name):
            return self._own_call(node, scope)
        return found

    def _asked(self, callee: Thing, node: ast.Call, scope: Scope) -> Found | None:
        """What ``-> T`` gives where ``type[T]`` is a parameter that gets a schema."""
        signature = signature_of(self.sdk, callee) if isinstance(callee, Func) else None
        # The notebook's own handlers may make anything of an answer.
        if signature is None or not isinstance(callee, Func) or "prompting" in self.program.text:
            return None
        given = bind(signature, node).arguments
        typed = [n for n, p in signature.parameters.items() if is_type_of(p.annotation, callee.node.returns)]
        return answer_in(given[typed[0]], scope, self.program) if typed and typed[0] in given else None

    def _own_call(self, node: ast.Call, scope: Scope) -> Found | None:
        """What a function of the notebook returns."""
        values = self.program.values.of(node.func, scope)
        own = values[0].scope if len(values) == 1 and isinstance(values[0], OwnFunc) else None
        if own is None or not isinstance(own.node, FUNCTIONS) or own.lazy or own.yields or own.parent is None:
            return None
        declared = self.of(own.node.returns, own.parent)
        decorators = [d.func if isinstance(d, ast.Call) else d for d in own.node.decorator_list]
        if any(self.of(decorator, own.parent) is None for decorator in decorators):
            return None
        if isinstance(declared, Class):
            return self.sdk.call(declared)
        given = [s.value for s in own.returns if s.value is not None] if not decorators else []
        return self._one([self.of(value, own) for value in given])

    def _parameter(self, binding: Binding) -> Found | None:
        function, name = binding.scope, binding.node.arg  # type: ignore[attr-defined]
        if not isinstance(function.node, FUNCTIONS) or is_self(function, name):
            return None
        if binding.node in (function.node.args.vararg, function.node.args.kwarg):
            return None
        if function in self.tasks.function_of_scope:
            return self._task_parameter(binding)
        given = [self.of(argument, scope) for argument, scope in self.program.values.passed(function, name)]
        return self._one(given) if given else self._annotated(binding)

    def _task_parameter(self, binding: Binding) -> Found | None:
        """A model where the runs of a task pass one, or where its name says so and no run passes another thing."""
        annotated: ast.AST | None = binding.node.annotation  # type: ignore[attr-defined]
        if annotated is not None and last_name(annotated) not in _MODEL_TYPES:
            return self._annotated(binding)
        name: str = binding.node.arg  # type: ignore[attr-defined]
        given = self._given_by_runs(binding.scope, name)
        if given:
            return self._one(given) if all(self.sdk.is_a(thing, MODEL) for thing in given) else None
        return self._made(self.sdk.at(MODEL)) if says_model(name) else None

    def _given_by_runs(self, function: Scope, name: str) -> list[Found | None]:
        """What each run passes for a parameter, as far as it is passed by itself."""
        found: list[Found | None] = []
        for run in self.tasks.function_of_scope[function].runs:
            argument = argument_of(run.call, function, name) if run.call is not None else None
            scope = run.place.scope
            if argument is None or self._is_one_of_many(argument, scope):
                continue
            if run.method == "run":
                found.append(self.of(argument, scope))
            elif isinstance(argument, ast.List | ast.Tuple):
                found += [self.of(item, scope) for item in argument.elts]
        return found

    def _is_one_of_many(self, node: ast.AST, scope: Scope) -> bool:
        """Whether a run goes through many: `for model in models`."""
        bindings = self.program.bindings(node.id, scope) if isinstance(node, ast.Name) else []
        if not bindings or any(binding.kind != "element" for binding in bindings):
            return False
        return self.of(node, scope) is None and UNKNOWN in self.program.values.of(node, scope)

    def _annotated(self, binding: Binding) -> Found | None:
        """What a parameter is annotated as, where no call says otherwise."""
        parent = binding.scope.parent
        node = binding.node.annotation  # type: ignore[attr-defined]
        cls = self.of(node, parent) if parent is not None else None
        made = self.sdk.call(cls) if isinstance(cls, Class) else None
        return made if isinstance(made, Instance) else None
