"""What the expressions and annotations of the SDK's own sources stand for."""

from __future__ import annotations

import ast
import builtins

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import base_name, default_values, last_name
from kbench_jupyter.validation.reading.scopes import FUNCTIONS
from kbench_jupyter.validation.reading.sdk.sources import Bound, Imported, Module, Sources, bindings
from kbench_jupyter.validation.reading.sdk.things import (
    Class,
    Func,
    Instance,
    Manager,
    ModuleThing,
    Outside,
    Plain,
    Thing,
)
from kbench_jupyter.validation.reading.value import SDK

_DISPLAYS: dict[type[ast.AST], type] = {ast.Dict: dict, ast.List: list, ast.Set: set}
_ITERATORS = ("Iterator", "Iterable", "Generator", "Sequence")
_PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})
# Decorators that leave a function's parameters and what it gives as they are.
NEUTRAL = words("abstractmethod override lru_cache cache classmethod staticmethod wraps")


class Evaluator:
    """What names and calls give in the sources of one version. What cannot be told is None."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._bodies: dict[Class, dict[str, list[Bound]]] = {}
        self._busy: set[tuple[str, str]] = set()

    def at(self, path: str) -> Thing | None:
        """Return what a dotted name stands for."""
        root, _, rest = path.partition(".")
        top = self.sources.module(SDK)
        if root != SDK or top is None:
            return Outside(path)
        thing: Thing | None = ModuleThing(top)
        walked = SDK
        for part in rest.split(".") if rest else ():
            walked = f"{walked}.{part}"
            # A module and a name of its package may be called alike: an import finds the name first.
            thing = self.member(thing, part) if thing is not None else None
            if thing is None and (module := self.sources.module(walked)) is not None:
                thing = ModuleThing(module)
        return thing

    def member(self, thing: Thing, name: str) -> Thing | None:
        """Return what a member of a thing is, None when it has none or nobody can tell."""
        match thing:
            case ModuleThing(module):
                return self._in_module(module, name)
            case Class():
                return self._in_class(thing, name, bound=False)
            case Instance(cls):
                return self._in_class(cls, name, bound=True)
        return None

    def call(self, thing: Thing, given: ast.Call | None = None) -> Thing | None:
        """Return what a call gives, None when nobody can tell."""
        match thing:
            case Class():
                made = self._in_class(thing, "__new__", bound=False)
                if not isinstance(made, Func):
                    return Instance(thing)
                return self.type_of(made.node.returns, made.module, thing)
            case Instance(cls):
                called = self._in_class(cls, "__call__", bound=True)
                return self.call(called, given) if called is not None else None
            case Func():
                return self._result(thing, given)
        return None

    def entered(self, thing: Thing) -> Thing | None:
        """Return what a ``with`` gets of a thing."""
        if isinstance(thing, Manager):
            return thing.entered
        found = self.member(thing, "__enter__")
        return self.call(found) if found is not None else None

    def line(self, cls: Class) -> list[Class]:
        """Return a class and those it is made from."""
        bases = [self.value(base, cls.module) for base in cls.node.bases]
        return [cls, *(home for base in bases if isinstance(base, Class) for home in self.line(base))]

    def body(self, cls: Class) -> dict[str, list[Bound]]:
        """Return what binds each name of a class's own body."""
        if cls not in self._bodies:
            self._bodies[cls] = bindings(cls.node.body, cls.module)
        return self._bodies[cls]

    def value(self, node: ast.AST, module: Module) -> Thing | None:
        """Return what an expression of a module is."""
        match node:
            case ast.Name(id=name):
                if name in module.names:
                    return self._in_module(module, name)
                return Outside(f"builtins.{name}") if hasattr(builtins, name) else None
            case ast.Attribute(value=inner, attr=name):
                base = self.value(inner, module)
                if isinstance(base, Outside):
                    return Outside(f"{base.path}.{name}")
                return self.member(base, name) if base is not None else None
            case ast.Subscript(value=inner):
                return self.value(inner, module)
            case ast.Call(func=func):
                callee = self.value(func, module)
                return self.call(callee) if callee is not None else None
            case ast.Constant(value=str() | int() | float() as constant):
                return Plain(type(constant))
        return Plain(_DISPLAYS[type(node)]) if type(node) in _DISPLAYS else None

    def type_of(self, node: ast.AST | None, module: Module, owner: Class | None = None) -> Thing | None:
        """Return a value of an annotated type."""
        node = parsed(node)
        if isinstance(node, ast.BinOp):
            sides = [s for s in (node.left, node.right) if getattr(s, "value", s) is not None]
            return self.type_of(sides[0], module, owner) if len(sides) == 1 else None
        base = self.value(node, module) if node is not None else None
        if isinstance(base, Class):
            return Instance(base)
        path = base.path if isinstance(base, Outside) else ""
        name = path.rpartition(".")[2]
        if name == "Self" and owner is not None:
            return Instance(owner)
        item = self._item(node, name, module, owner) if isinstance(node, ast.Subscript) else None
        if name in _ITERATORS:
            return Plain(object, item)
        python = getattr(builtins, name, None) if path == f"builtins.{name}" else None
        return Plain(python, item) if isinstance(python, type) and python is not object else None

    def wrapper(self, decorator: ast.expr, module: Module) -> frozenset[str] | None:
        """Return the keywords that a decorator of the SDK takes beside the function's own, None when it changes these.

        It leaves parameters as they are when it returns a function under ``functools.wraps`` that takes anything.
        """
        found = self.value(decorator.func if isinstance(decorator, ast.Call) else decorator, module)
        for node in ast.walk(found.node) if isinstance(found, Func) else ():
            if isinstance(node, FUNCTIONS) and any(base_name(d) == "wraps" for d in node.decorator_list):
                whole = node.args.vararg is not None and node.args.kwarg is not None
                return frozenset(a.arg for a in node.args.kwonlyargs) if whole else None
        return None

    def _in_module(self, module: Module, name: str) -> Thing | None:
        key = (module.name, name)
        if name not in module.names:
            inner = self.sources.module(f"{module.name}.{name}") if module.is_package else None
            return ModuleThing(inner) if inner is not None else None
        if key in self._busy:
            return None
        self._busy.add(key)
        try:
            return self._joined([self._bound(what, module) for what in module.names[name]])
        finally:
            self._busy.discard(key)

    def _bound(self, what: Bound, module: Module) -> Thing | None:
        match what:
            case Imported(path):
                return self.at(path)
            case ast.ClassDef():
                return Class(module, what)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return Func(module, what)
            case ast.AnnAssign(annotation=annotation):
                return self.type_of(annotation, module)
        return self.value(what, module) if what is not None else None

    def _joined(self, found: list[Thing | None]) -> Thing | None:
        """The one thing that several bindings agree on: of values, the one whose class the others are made from."""
        for one in found:
            if all(other == one or self._is_more(other, one) for other in found):
                return one
        return None

    def _is_more(self, other: Thing | None, one: Thing | None) -> bool:
        if isinstance(one, Plain) and isinstance(other, Plain):
            return one.type is other.type and other.item is None
        return isinstance(one, Instance) and isinstance(other, Instance) and one.of in self.line(other.of)

    def _in_class(self, cls: Class, name: str, *, bound: bool) -> Thing | None:
        home = next((home for home in self.line(cls) if name in self.body(home)), None)
        first = self.body(home)[name][0] if home is not None else None
        if home is None or not isinstance(first, ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        if isinstance(first, ast.AnnAssign):
            return self.type_of(first.annotation, home.module, cls)
        decorators = {base_name(d) for d in first.decorator_list}
        if "overload" in decorators:
            return None
        if decorators & _PROPERTIES:
            return self.type_of(first.returns, home.module, cls) if bound else None
        given = ("classmethod" in decorators or bound) and "staticmethod" not in decorators
        return Func(home.module, first, cls, given)

    def _item(self, node: ast.Subscript, name: str, module: Module, owner: Class | None) -> Thing | None:
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "dict":
            return self.type_of(inside[-1], module, owner)
        return self.type_of(inside[0], module, owner) if len(inside) == 1 or name in _ITERATORS else None

    def _result(self, func: Func, given: ast.Call | None) -> Thing | None:
        node, module = func.node, func.module
        decorators = [d for d in node.decorator_list if base_name(d) not in NEUTRAL]
        if any(base_name(d) == "contextmanager" for d in decorators):
            inside = self.type_of(node.returns, module, func.owner)
            return Manager(inside.item if isinstance(inside, Plain) else None)
        if isinstance(node, ast.AsyncFunctionDef) or any(self.wrapper(d, module) is None for d in decorators):
            return None
        if node.returns is None and func.owner is not None:
            return self._own_item(func, func.owner)
        found = self.type_of(node.returns, module, func.owner)
        return found if found is not None or given is None else self._by_default(func, given)

    def _own_item(self, func: Func, owner: Class) -> Thing | None:
        """What ``return self.runs[index]`` gives."""
        match func.node.body[-1]:
            case ast.Return(value=ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name))):
                inside = self.member(Instance(owner), name)
                return inside.item if isinstance(inside, Plain) else None
        return None

    def _by_default(self, func: Func, given: ast.Call) -> Thing | None:
        """What ``-> T`` gives where ``type[T]`` is a parameter that the call leaves at its default."""
        args = func.node.args
        positional = [*args.posonlyargs, *args.args]
        wanted = [n for n, a in enumerate(positional) if is_type_of(a.annotation, func.node.returns)]
        name = positional[wanted[0]].arg if wanted else ""
        default = default_values(args).get(name)
        stars = any(isinstance(a, ast.Starred) for a in given.args)
        passed = len(given.args) > wanted[0] - func.bound if wanted else True
        if default is None or stars or passed or any(k.arg in (name, None) for k in given.keywords):
            return None
        return self.type_of(default, func.module, func.owner)


def is_type_of(annotation: object, given: ast.AST | None) -> bool:
    """Whether a parameter is annotated ``type[T]``, where ``T`` is what its function gives."""
    if given is None or not isinstance(annotation, ast.Subscript) or last_name(annotation.value) != "type":
        return False
    return last_name(annotation.slice) == last_name(given)


def parsed(node: ast.AST | None) -> ast.AST | None:
    """Return an annotation, taken out of its quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return None
    return node
