"""The installed SDK: the members of a thing, what a call of it gives, and which parameters it takes."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import sys
import types
from functools import lru_cache

from kbench_jupyter.validation.sdk.signatures import Signature, signature_of
from kbench_jupyter.validation.sdk.sources import Imported, Module, Sources, bindings, installed_sources
from kbench_jupyter.validation.sdk.things import (
    Class,
    Func,
    Instance,
    Manager,
    ModuleThing,
    Outside,
    Plain,
    Thing,
    is_function,
)
from kbench_jupyter.validation.value import SDK

__all__ = ["Installed", "installed"]

_MAX_DEPTH = 12
_PLAIN_TYPES = ("str", "int", "float", "bool", "list", "dict", "tuple", "set", "bytes", "Pattern")
_SEQUENCES = ("list", "tuple", "set", "frozenset")
_ITERATORS = ("Iterator", "Iterable", "Generator", "AsyncIterator", "Sequence")
# Decorators that leave a function's parameters and what it gives as they are.
_NEUTRAL = (
    "abstractmethod",
    "override",
    "final",
    "lru_cache",
    "cache",
    "classmethod",
    "staticmethod",
    "wraps",
)
_PROPERTIES = ("property", "cached_property", "setter", "getter", "deleter", "abstractproperty")


def installed() -> Installed | None:
    """Return the SDK of this interpreter, or None where it is not installed."""
    sources = installed_sources()
    return _of(sources) if sources is not None else None


@lru_cache(maxsize=4)
def _of(sources: Sources) -> Installed:
    return Installed(sources)


class Installed:
    """What the sources of one installed version tell.

    Whatever cannot be told is None, and an open thing lacks nothing: a reader who knows better must not be told
    wrong.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._names: dict[Class, frozenset[str] | None] = {}
        self._bodies: dict[Class, dict[str, list[ast.AST | Imported | None]]] = {}

    # Names

    def at(self, path: str) -> Thing | None:
        """Return what a dotted path stands for."""
        return self._import(path, 0)

    def member(self, thing: Thing, name: str) -> Thing | None:
        """Return what a member of a thing is, None when it has none or nobody can tell."""
        return self._member(thing, name, 0)

    def lacks(self, thing: Thing, name: str, *, dunder: bool = False) -> bool:
        """Whether a thing surely has no member of that name. Python's own (``__len__``) are not asked for."""
        known = self.names(thing)
        if known is None or name in known or (name.startswith("__") and not dunder):
            return False
        if isinstance(thing, Instance):
            # What is given may be of a class made from the one that is annotated.
            return all(
                more is not None and name not in more
                for more in (self._class_names(made) for made in self._made_from(thing.of))
            )
        return True

    def names(self, thing: Thing) -> frozenset[str] | None:
        """Return the members of a thing, None when it may have any."""
        match thing:
            case ModuleThing(module):
                if module.is_open:
                    return None
                inside = self._submodules(module) if module.is_package else set()
                return frozenset({*module.names, *inside})
            case Class():
                own = self._class_names(thing)
                return None if own is None else own | frozenset(dir(type))
            case Instance():
                return self._class_names(thing.of)
            case Func():
                return frozenset(dir(types.FunctionType))
            case Plain():
                return frozenset(dir(thing.type))
            case Manager():
                return frozenset(dir(contextlib._GeneratorContextManager))
        return None

    def _submodules(self, module: Module) -> set[str]:
        folder = self._sources.folder.joinpath(*module.name.split(".")[1:])
        return {path.stem for path in folder.iterdir()} if folder.is_dir() else set()

    def _class_names(self, cls: Class, depth: int = 0) -> frozenset[str] | None:
        if cls not in self._names:
            self._names[cls] = self._find_class_names(cls, depth)
        return self._names[cls]

    def _find_class_names(self, cls: Class, depth: int) -> frozenset[str] | None:
        body = self._body(cls)
        changed = [d for d in cls.node.decorator_list if not _is_dataclass(d)]
        if (
            depth > _MAX_DEPTH
            or changed
            or cls.node.keywords
            or "__getattr__" in body
            or "__getattribute__" in body
        ):
            return None
        found = {*body, *_self_attributes(cls.node), *dir(object)}
        for base in cls.node.bases:
            thing = self._value(base, cls.module, None, depth + 1)
            more: frozenset[str] | None = None
            if isinstance(thing, Class):
                more = self._class_names(thing, depth + 1)
            elif isinstance(thing, Outside):
                more = _outside_names(thing.path)
            if more is None:
                return None
            found |= more
        return frozenset(found)

    def _body(self, cls: Class) -> dict[str, list[ast.AST | Imported | None]]:
        if cls not in self._bodies:
            self._bodies[cls] = bindings(cls.node.body, cls.module)
        return self._bodies[cls]

    def _made_from(self, cls: Class) -> list[Class]:
        """Every class of the SDK that is made from another."""
        nodes = [(m, n) for m in list(self._sources.all()) for some in m.names.values() for n in some]
        others = [Class(m, n) for m, n in nodes if isinstance(n, ast.ClassDef) and n is not cls.node]
        return [other for other in others if any(line.node is cls.node for line in self._line(other))]

    def _line(self, cls: Class, depth: int = 0) -> list[Class]:
        """A class and those it is made from."""
        found = [cls]
        for base in cls.node.bases if depth < _MAX_DEPTH else ():
            thing = self._value(base, cls.module, None, depth + 1)
            if isinstance(thing, Class):
                found += self._line(thing, depth + 1)
        return found

    def is_a(self, thing: Thing | None, path: str) -> bool:
        """Whether a thing is a value of a class, or of one made from it."""
        wanted = self.at(path)
        return (
            isinstance(thing, Instance)
            and isinstance(wanted, Class)
            and any(cls.node is wanted.node for cls in self._line(thing.of))
        )

    def is_own(self, module: Module, name: str) -> bool:
        """Whether a name of a module is the SDK's, and not what it imports of another package."""
        return not any(
            isinstance(what, Imported) and what.path.partition(".")[0] != SDK
            for what in module.names.get(name, ())
        )

    def where_is(self, name: str) -> str:
        """Return the dotted name of the one public module that defines a function or class of that name, or ``""``."""
        homes = [
            f"{module.name}.{name}"
            for module in self._sources.all()
            if any(is_function(n) or isinstance(n, ast.ClassDef) for n in module.names.get(name, ()))
        ]
        homes = [home for home in homes if "._" not in home]
        return homes[0] if len(homes) == 1 else ""

    # Members

    def _member(self, thing: Thing, name: str, depth: int) -> Thing | None:
        match thing:
            case ModuleThing(module):
                return self._in_module(module, name, depth)
            case Class():
                return self._in_class(thing, thing, name, depth, bound=False)
            case Instance(cls):
                return self._in_class(cls, cls, name, depth, bound=True)
        return None

    def _in_module(self, module: Module, name: str, depth: int) -> Thing | None:
        if name in module.names:
            return self._joined([self._bound(b, module, None, depth) for b in module.names[name]])
        inner = self._sources.module(f"{module.name}.{name}") if module.is_package else None
        return ModuleThing(inner) if inner is not None else None

    def _in_class(self, receiver: Class, cls: Class, name: str, depth: int, *, bound: bool) -> Thing | None:
        for home in self._line(cls):
            found = self._body(home).get(name)
            if found is None:
                continue
            first = found[0]
            if is_function(first):
                return self._method(first, home, receiver, depth, bound=bound)  # type: ignore[arg-type]
            if isinstance(first, ast.AnnAssign):
                return self._type(first.annotation, home.module, receiver, depth + 1)
            return None
        return None

    def _method(
        self, node: ast.FunctionDef, home: Class, receiver: Class, depth: int, *, bound: bool
    ) -> Thing | None:
        decorators = {_last(d) for d in node.decorator_list}
        if decorators & {"overload"}:
            return None
        if decorators & set(_PROPERTIES):
            return self._type(node.returns, home.module, receiver, depth + 1) if bound else None
        bound = ("classmethod" in decorators or bound) and "staticmethod" not in decorators
        return Func(home.module, node, receiver, bound)

    def _import(self, path: str, depth: int) -> Thing | None:
        if depth > _MAX_DEPTH:
            return None
        root, _, rest = path.partition(".")
        if root != SDK:
            return Outside(path)
        top = self._sources.module(SDK)
        thing: Thing | None = ModuleThing(top) if top is not None else None
        walked = SDK
        for part in rest.split(".") if rest else ():
            walked = f"{walked}.{part}"
            # A module and a name of its package may be called alike: the import finds the name first.
            thing = self._member(thing, part, depth + 1) if thing is not None else None
            if thing is None:
                module = self._sources.module(walked)
                thing = ModuleThing(module) if module is not None else None
        return thing

    # Expressions and annotations

    def _bound(
        self, what: ast.AST | Imported | None, module: Module, owner: Class | None, depth: int
    ) -> Thing | None:
        if what is None or depth > _MAX_DEPTH:
            return None
        if isinstance(what, Imported):
            return self._import(what.path, depth + 1)
        if isinstance(what, ast.ClassDef):
            return Class(module, what)
        if is_function(what):
            return Func(module, what, owner)  # type: ignore[arg-type]
        if isinstance(what, ast.AnnAssign):
            return self._type(what.annotation, module, owner, depth + 1)
        return self._value(what, module, owner, depth + 1)

    def _value(self, node: ast.AST, module: Module, owner: Class | None, depth: int) -> Thing | None:
        """What an expression of a module is."""
        if depth > _MAX_DEPTH:
            return None
        match node:
            case ast.Name(id=name):
                if name in module.names:
                    return self._in_module(module, name, depth + 1)
                return Outside(f"builtins.{name}") if hasattr(builtins, name) else None
            case ast.Attribute(value=value, attr=name):
                base = self._value(value, module, owner, depth + 1)
                if isinstance(base, Outside):
                    return Outside(f"{base.path}.{name}")
                return self._member(base, name, depth + 1) if base is not None else None
            case ast.Subscript(value=value):
                return self._value(value, module, owner, depth + 1)
            case ast.Call(func=func):
                callee = self._value(func, module, owner, depth + 1)
                return self._call(callee, depth + 1) if callee is not None else None
            case ast.Dict() | ast.List() | ast.Set():
                return Plain({ast.Dict: dict, ast.List: list, ast.Set: set}[type(node)])
            case ast.Constant(value=value):
                return Plain(type(value)) if isinstance(value, str | int | float) else None
        return None

    def _joined(self, found: list[Thing | None]) -> Thing | None:
        """The one thing that several bindings agree on: of values, the one whose class the others are made from."""
        things = list(dict.fromkeys(found))
        if len(things) == 1:
            return things[0]
        if things and all(isinstance(t, Plain) for t in things) and len({t.type for t in things}) == 1:  # type: ignore[union-attr]
            return next((t for t in things if t.item is not None), things[0])  # type: ignore[union-attr]
        for one in things:
            if isinstance(one, Instance) and all(
                isinstance(t, Instance) and any(c.node is one.of.node for c in self._line(t.of))
                for t in things
            ):
                return one
        return None

    def _type(self, node: ast.AST | None, module: Module, owner: Class | None, depth: int) -> Thing | None:
        """A value of an annotated type."""
        if node is None or depth > _MAX_DEPTH:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return None
        if isinstance(node, ast.BinOp):
            sides = [
                s for s in (node.left, node.right) if not (isinstance(s, ast.Constant) and s.value is None)
            ]
            return self._type(sides[0], module, owner, depth + 1) if len(sides) == 1 else None
        base = self._value(node, module, owner, depth + 1)
        if isinstance(base, Class):
            return Instance(base)
        if not isinstance(base, Outside):
            return None
        name = base.path.rpartition(".")[2]
        if name == "Self" and owner is not None:
            return Instance(owner)
        item = self._item(node, module, owner, depth)
        if name in _ITERATORS:
            return Plain(object, item)
        python = getattr(builtins, name, None) if base.path == f"builtins.{name}" else None
        return Plain(python, item) if isinstance(python, type) and python is not object else None

    def _item(self, node: ast.AST, module: Module, owner: Class | None, depth: int) -> Thing | None:
        if not isinstance(node, ast.Subscript):
            return None
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        name = _last(node.value)
        if name == "dict":
            return self._type(inside[1], module, owner, depth + 1) if len(inside) == 2 else None
        if name in _SEQUENCES and len(inside) != 1:
            return None
        return self._type(inside[0], module, owner, depth + 1)

    # Calls

    def call(self, thing: Thing, given: ast.Call | None = None) -> Thing | None:
        """Return what a call gives, None when nobody can tell."""
        return self._call(thing, 0, given)

    def _call(self, thing: Thing, depth: int, given: ast.Call | None = None) -> Thing | None:
        if depth > _MAX_DEPTH:
            return None
        match thing:
            case Class():
                made = self._find(thing, "__new__")
                if made is None:
                    return Instance(thing)
                return self._type(made.node.returns, made.module, thing, depth + 1)
            case Instance(cls):
                called = self._in_class(cls, cls, "__call__", depth, bound=True)
                return self._call(called, depth + 1, given) if called is not None else None
            case Func():
                return self._result(thing, depth, given)
        return None

    def _result(self, func: Func, depth: int, given: ast.Call | None) -> Thing | None:
        node, module = func.node, func.module
        if isinstance(node, ast.AsyncFunctionDef):
            return None
        decorators = [d for d in node.decorator_list if _last(d) not in _NEUTRAL]
        if any(_last(d) == "contextmanager" for d in decorators):
            inside = self._type(node.returns, module, func.owner, depth + 1)
            return Manager(inside.item if isinstance(inside, Plain) else None)
        if any(self._wrapper(d, module, depth) is None for d in decorators):
            return None
        found = self._type(node.returns, module, func.owner, depth + 1)
        return found if found is not None else self._by_default(func, given, depth)

    def _by_default(self, func: Func, given: ast.Call | None, depth: int) -> Thing | None:
        """What ``-> T`` gives where ``type[T]`` is a parameter that the call leaves at its default."""
        returns = func.node.returns
        if not isinstance(returns, ast.Name) or given is None or depth > _MAX_DEPTH:
            return None
        signature = self.signature(func)
        if signature is None or any(k.arg is None for k in given.keywords):
            return None
        for index, parameter in enumerate(signature.parameters.parameters.values()):
            wanted = parameter.annotation
            if not (isinstance(wanted, ast.Subscript) and _last(wanted.value) == "type"):
                continue
            if getattr(wanted.slice, "id", "") != returns.id or parameter.default is parameter.empty:
                continue
            starred = any(isinstance(a, ast.Starred) for a in given.args)
            if starred or len(given.args) > index or any(k.arg == parameter.name for k in given.keywords):
                return None
            return self._type(parameter.default.node, func.module, func.owner, depth + 1)
        return None

    def entered(self, thing: Thing) -> Thing | None:
        """Return what a ``with`` gets of a thing."""
        if isinstance(thing, Manager):
            return thing.entered
        found = self.member(thing, "__enter__")
        return self.call(found) if found is not None else None

    def _find(self, cls: Class, name: str) -> Func | None:
        found = self._in_class(cls, cls, name, 0, bound=True)
        return found if isinstance(found, Func) else None

    # Parameters

    def signature(self, thing: Thing) -> Signature | None:
        """Return the parameters of something that can be called, None when nobody can tell."""
        if isinstance(thing, Class):
            return self._class_signature(thing)
        if not isinstance(thing, Func):
            return None
        more: frozenset[str] = frozenset()
        for decorator in thing.node.decorator_list:
            if _last(decorator) in (*_NEUTRAL, "contextmanager"):
                continue
            own = self._wrapper(decorator, thing.module, 0)
            if own is None:
                return None
            more |= own
        passed_on = self._passed_on(thing)
        if passed_on is not None:
            return self.signature(passed_on)
        return Signature(signature_of(thing.node.args, drop_first=thing.bound), more)

    def overridden(self, func: Func) -> list[Signature]:
        """Return the parameters of a method in the classes made from its own, where these define it anew."""
        if func.owner is None:
            return []
        found = [self._find(cls, func.node.name) for cls in self._made_from(func.owner)]
        others = {other.node: other for other in found if other is not None and other.node is not func.node}
        signatures = [self.signature(other) for other in others.values()]
        return [s if s is not None else _ANYTHING for s in signatures]

    def home_of(self, cls: Class, field: str) -> Module:
        """Return the module of the class that defines a parameter of another's."""
        return next((h.module for h in self._line(cls) if field in self._body(h)), cls.module)

    def accepted(self, node: ast.AST, module: Module) -> tuple[set[str] | None, list[object]]:
        """Return the types that an annotation allows (None for any), and the values that it lists."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return None, []
        if isinstance(node, ast.Constant) and node.value is None:
            return {"NoneType"}, []
        if isinstance(node, ast.BinOp):
            types, values = self.accepted(node.left, module)
            more, listed = self.accepted(node.right, module)
            return (None if types is None or more is None else types | more), values + listed
        if isinstance(node, ast.Subscript) and _last(node.value) == "Literal":
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return set(), [part.value for part in inside if isinstance(part, ast.Constant)]
        if isinstance(node, ast.Name) and len(module.names.get(node.id, ())) == 1:
            alias = module.names[node.id][0]
            if isinstance(alias, ast.Subscript) and _last(alias.value) == "Literal":
                return self.accepted(alias, module)
        thing = self._value(node, module, None, 0)
        if isinstance(thing, Class):
            # An object of a class that is made from one of Python's own types may be one of these.
            return ({thing.node.name} if self._is_own_class(thing) else None), []
        path = thing.path if isinstance(thing, Outside) else ""
        name = path.rpartition(".")[2]
        if name == "Callable":
            return {"function"}, []
        return ({name} if name in _PLAIN_TYPES or path == "pandas.DataFrame" else None), []

    def _is_own_class(self, cls: Class) -> bool:
        """Whether a class and those it is made from are the SDK's, but for what only marks them."""
        bases = [base for home in self._line(cls) for base in home.node.bases]
        things = [(base, self._value(base, cls.module, None, 0)) for base in bases]
        return all(isinstance(t, Class) or _last(b) in ("ABC", "Generic") for b, t in things)

    def _passed_on(self, func: Func) -> Thing | None:
        """The function that gets everything: ``def benchmark(*args, **kwargs): return task(*args, **kwargs)``."""
        args, last = func.node.args, func.node.body[-1]
        if args.args or args.vararg is None or args.kwarg is None or not isinstance(last, ast.Return):
            return None
        call = last.value
        if not isinstance(call, ast.Call) or len(call.args) != 1 or len(call.keywords) != 1:
            return None
        whole = isinstance(call.args[0], ast.Starred) and call.keywords[0].arg is None
        found = self._value(call.func, func.module, None, 0) if whole else None
        return found if isinstance(found, Func) else None

    def _class_signature(self, cls: Class) -> Signature | None:
        if self._class_names(cls) is None:
            return None
        if any(
            name in ("Enum", "StrEnum", "Protocol")
            for home in self._line(cls)
            for name in map(_last, home.node.bases)
        ):
            return None
        for home in self._line(cls):
            body = self._body(home)
            if "__new__" in body:
                return None
            made = body.get("__init__", [None])[0]
            if is_function(made):
                return self.signature(Func(home.module, made, cls, bound=True))  # type: ignore[arg-type]
            if any(_is_dataclass(d) for d in home.node.decorator_list):
                return self._fields(cls)
        return None

    def _fields(self, cls: Class) -> Signature | None:
        """The parameters of a dataclass: its fields, and those of the dataclasses it is made from."""
        fields: dict[str, ast.AnnAssign] = {}
        for home in reversed(self._line(cls)):
            if not any(_is_dataclass(d) for d in home.node.decorator_list):
                continue
            fields.update(
                {
                    s.target.id: s
                    for s in home.node.body
                    if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
                }
            )
        args = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        for name, field in fields.items():
            given = (
                {k.arg: k.value for k in field.value.keywords} if isinstance(field.value, ast.Call) else {}
            )
            if getattr(given.get("init"), "value", True) is False or _last(field.annotation) == "ClassVar":
                continue
            args.args.append(ast.arg(name, field.annotation))
            default = given.get("default", given.get("default_factory", field.value))
            if default is not None:
                args.defaults.append(default)
            elif args.defaults:
                return None
        return Signature(signature_of(args))

    def _wrapper(self, decorator: ast.expr, module: Module, depth: int) -> frozenset[str] | None:
        """The keywords that a decorator of the SDK takes beside the function's own, None when it changes them.

        It leaves the parameters as they are when all it returns is a function under ``functools.wraps`` that takes
        anything.
        """
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        found = self._value(called, module, None, depth + 1)
        if not isinstance(found, Func):
            return None
        for node in ast.walk(found.node):
            if node is found.node or not is_function(node):
                continue
            if any(_last(d) == "wraps" for d in node.decorator_list):  # type: ignore[attr-defined]
                args: ast.arguments = node.args  # type: ignore[attr-defined]
                if args.vararg is None or args.kwarg is None:
                    return None
                return frozenset(a.arg for a in args.kwonlyargs)
        return None


_ANYTHING = Signature(signature_of(ast.parse("lambda *args, **kwargs: 0", mode="eval").body.args))  # type: ignore[attr-defined]


def _last(node: ast.AST | None) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "attr", getattr(node, "id", ""))


def _is_dataclass(decorator: ast.expr) -> bool:
    return _last(decorator) == "dataclass"


def _self_attributes(node: ast.ClassDef) -> set[str]:
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.value, ast.Name)
        and part.value.id in ("self", "cls")
    }


def _outside_names(path: str) -> frozenset[str] | None:
    """The names of a class of Python's own library, None for another package's: those are not imported here."""
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None
    if hasattr(found, "__getattr__") and name != "Generic":
        return None
    return frozenset(dir(found))
