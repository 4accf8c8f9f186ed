"""Which parameters the SDK's functions and classes take, which values of these, and how a call fits."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import base_name, default_values
from kbench_jupyter.validation.reading.sdk.evaluating import NEUTRAL, parsed
from kbench_jupyter.validation.reading.sdk.things import Class, Func, Outside, Thing

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.sdk.installed import Installed
    from kbench_jupyter.validation.reading.sdk.sources import Module

_Kind = inspect._ParameterKind
_PLAIN_TYPES = words("str int float bool list dict tuple set bytes Pattern DataFrame")
_UNTOLD = ("Enum", "StrEnum", "Protocol")


@dataclass(frozen=True)
class Signature:
    """The parameters of something that can be called, annotated with syntax; `more` are keywords of its decorators."""

    whole: inspect.Signature
    more: frozenset[str] = frozenset()

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters by their names."""
        return dict(self.whole.parameters)

    def __str__(self) -> str:
        shown = [p.replace(annotation=inspect.Parameter.empty) for p in self.parameters.values()]
        return str(inspect.Signature(shown))


@dataclass(frozen=True)
class Fit:
    """How a call fits: why it does not, with the keyword that is unknown, or which parameter gets which expression."""

    problem: str = ""
    unknown: str = ""
    arguments: dict[str, ast.expr] = field(default_factory=dict)


@dataclass(frozen=True)
class _Default:
    """A default as it stands in the source."""

    node: ast.expr

    def __repr__(self) -> str:
        return ast.unparse(self.node)


def bind(signature: Signature, call: ast.Call) -> Fit:
    """Tell how a call fits a signature, as far as its arguments can be seen."""
    names = signature.parameters
    stars = [n for n, argument in enumerate(call.args) if isinstance(argument, ast.Starred)]
    positional = call.args[: stars[0]] if stars else call.args
    keywords = {k.arg: k.value for k in call.keywords if k.arg is not None and k.arg not in signature.more}
    takes_any = any(p.kind is _Kind.VAR_KEYWORD for p in names.values())
    unknown = [k for k in keywords if k not in names or names[k].kind is _Kind.POSITIONAL_ONLY]
    if unknown and not takes_any:
        return Fit(f"has no parameter {unknown[0]!r}", unknown=unknown[0])
    partly = stars or any(k.arg is None for k in call.keywords)
    try:
        bound = (signature.whole.bind_partial if partly else signature.whole.bind)(*positional, **keywords)
    except TypeError as error:
        return Fit(_in_words(str(error), len(positional), names))
    variadic = (_Kind.VAR_POSITIONAL, _Kind.VAR_KEYWORD)
    return Fit(arguments={n: node for n, node in bound.arguments.items() if names[n].kind not in variadic})


def _in_words(error: str, given: int, names: dict[str, inspect.Parameter]) -> str:
    """Say what `inspect` says, as a sentence whose subject is the function."""
    if error.startswith("missing"):
        return f"lacks an argument: {error.rpartition(': ')[2].split()[0].strip(chr(39))}"
    if error.startswith("multiple values"):
        return f"gets {error.rpartition(' ')[2]} twice"
    takes = [p for p in names.values() if p.kind in (_Kind.POSITIONAL_ONLY, _Kind.POSITIONAL_OR_KEYWORD)]
    return f"takes {len(takes)} of its arguments by position, and gets {given}"


def signature_of(sdk: Installed, thing: object) -> Signature | None:
    """Return the parameters of something that can be called, None when nobody can tell."""
    if isinstance(thing, Class):
        return _of_class(sdk, thing)
    if not isinstance(thing, Func):
        return None
    more: frozenset[str] = frozenset()
    for decorator in thing.node.decorator_list:
        if base_name(decorator) in (*NEUTRAL, "contextmanager"):
            continue
        own = sdk.wrapper(decorator, thing.module)
        if own is None:
            return None
        more |= own
    passed_on = _passed_on(sdk, thing)
    if passed_on is not None:
        return signature_of(sdk, passed_on)
    return Signature(_of_arguments(thing.node.args, drop_first=thing.bound), more)


def _of_arguments(args: ast.arguments, *, drop_first: bool = False) -> inspect.Signature:
    default = default_values(args)
    kinds: list[tuple[Sequence[ast.arg | None], _Kind]] = [
        (args.posonlyargs, _Kind.POSITIONAL_ONLY),
        (args.args, _Kind.POSITIONAL_OR_KEYWORD),
        ([args.vararg], _Kind.VAR_POSITIONAL),
        (args.kwonlyargs, _Kind.KEYWORD_ONLY),
        ([args.kwarg], _Kind.VAR_KEYWORD),
    ]
    made = [_parameter(a, kind, default.get(a.arg)) for some, kind in kinds for a in some if a is not None]
    return inspect.Signature(made[drop_first and bool(args.posonlyargs or args.args) :])


def _parameter(argument: ast.arg, kind: _Kind, default: ast.expr | None) -> inspect.Parameter:
    empty = inspect.Parameter.empty
    given = empty if default is None else _Default(default)
    return inspect.Parameter(argument.arg, kind, default=given, annotation=argument.annotation or empty)


def _passed_on(sdk: Installed, func: Func) -> Thing | None:
    """The function that gets everything: ``def benchmark(*args, **kwargs): return task(*args, **kwargs)``."""
    args, last = func.node.args, func.node.body[-1]
    call = last.value if isinstance(last, ast.Return) else None
    if args.args or args.vararg is None or args.kwarg is None or not isinstance(call, ast.Call):
        return None
    stars = [isinstance(a, ast.Starred) for a in call.args], [k.arg is None for k in call.keywords]
    return sdk.value(call.func, func.module) if stars == ([True], [True]) else None


def _of_class(sdk: Installed, cls: Class) -> Signature | None:
    line = sdk.line(cls)
    if sdk.names(cls) is None or any(base_name(b) in _UNTOLD for home in line for b in home.node.bases):
        return None
    for home in line:
        if "__new__" in sdk.body(home):
            return None
        if "__init__" in sdk.body(home):
            made = sdk.member(home, "__init__")
            if not isinstance(made, Func):
                return None
            return Signature(_of_arguments(made.node.args, drop_first=True))
        if _is_dataclass(home):
            return _fields(line)
    return None


def _fields(line: list[Class]) -> Signature | None:
    """The parameters of a dataclass: its fields, and those of the dataclasses it is made from."""
    fields: dict[str, inspect.Parameter] = {}
    for home in reversed([home for home in line if _is_dataclass(home)]):
        for part in home.node.body:
            if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
                continue
            given = {k.arg: k.value for k in part.value.keywords} if isinstance(part.value, ast.Call) else {}
            if getattr(given.get("init"), "value", True) is False or base_name(part.annotation) == "ClassVar":
                continue
            default = given.get("default", given.get("default_factory", part.value))
            name = part.target.id
            fields[name] = _parameter(ast.arg(name, part.annotation), _Kind.POSITIONAL_OR_KEYWORD, default)
    try:
        return Signature(inspect.Signature(list(fields.values())))
    except ValueError:
        return None  # a field without a default behind one that has some: in another order than can be seen


def _is_dataclass(cls: Class) -> bool:
    return any(base_name(decorator) == "dataclass" for decorator in cls.node.decorator_list)


def overridden(sdk: Installed, func: Func) -> list[Signature | None]:
    """Return the parameters of a method in the classes made from its own, where these define it anew."""
    made = sdk.made_from(func.owner) if func.owner is not None else []
    found = [sdk.member(cls, func.node.name) for cls in made if func.node.name in sdk.body(cls)]
    methods = [Func(o.module, o.node, o.owner, func.bound) for o in found if isinstance(o, Func)]
    return [signature_of(sdk, method) for method in methods]


def home_of(sdk: Installed, thing: Class | Func, parameter: str) -> Module:
    """Return the module that a parameter's annotation stands in: for a field, its own class's."""
    line = sdk.line(thing) if isinstance(thing, Class) else []
    return next((home.module for home in line if parameter in sdk.body(home)), thing.module)


def accepted(sdk: Installed, node: ast.AST | None, module: Module) -> tuple[set[str] | None, list[object]]:
    """Return the types that an annotation allows (None for any), and the values that it lists."""
    node = parsed(node)
    if isinstance(node, ast.Constant) and node.value is None:
        return {"NoneType"}, []
    if isinstance(node, ast.BinOp):
        types, values = accepted(sdk, node.left, module)
        more, listed = accepted(sdk, node.right, module)
        return (None if types is None or more is None else types | more), values + listed
    if isinstance(node, ast.Subscript) and base_name(node) == "Literal":
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return set(), [part.value for part in inside if isinstance(part, ast.Constant)]
    alias = module.names.get(node.id, [None])[0] if isinstance(node, ast.Name) else None
    if isinstance(alias, ast.Subscript) and base_name(alias) == "Literal":
        return accepted(sdk, alias, module)
    thing = sdk.value(node, module) if node is not None else None
    if isinstance(thing, Class):
        bases = [(home, base) for home in sdk.line(thing) for base in home.node.bases]
        # An object of a class that is made from one of Python's own types may be one of these.
        own = all(
            isinstance(sdk.value(b, h.module), Class) or base_name(b) in ("ABC", "Generic") for h, b in bases
        )
        return ({thing.node.name} if own else None), []
    name = thing.path.rpartition(".")[2] if isinstance(thing, Outside) else ""
    if name == "Callable":
        return {"function"}, []
    return ({name} if name in _PLAIN_TYPES else None), []
