"""The parameters of the SDK's functions and classes, and how a call fits them."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field

__all__ = ["Bound", "Signature", "bind", "signature_of"]


@dataclass(frozen=True)
class Signature:
    """The parameters of something that can be called; `more` are keywords that its decorators take."""

    parameters: inspect.Signature
    more: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        shown = [p.replace(annotation=inspect.Parameter.empty) for p in self.parameters.parameters.values()]
        return str(inspect.Signature(shown))


@dataclass(frozen=True)
class Bound:
    """How a call fits: why it does not, or which parameter gets which expression."""

    problem: str = ""
    unknown: str = ""
    arguments: dict[str, ast.expr] = field(default_factory=dict)


class _Default:
    """A default as it stands in the source."""

    def __init__(self, node: ast.expr) -> None:
        self.node = node

    def __repr__(self) -> str:
        return ast.unparse(self.node)


def signature_of(args: ast.arguments, *, drop_first: bool = False) -> inspect.Signature:
    """Return a function's parameters; annotations and defaults are syntax.

    Parameters
    ----------
    args : ast.arguments
    drop_first : bool
        Whether the first one is given already: a method's object.
    """
    kinds = inspect.Parameter
    positional: list[tuple[ast.arg, inspect._ParameterKind]] = []
    positional += [(a, kinds.POSITIONAL_ONLY) for a in args.posonlyargs]
    positional += [(a, kinds.POSITIONAL_OR_KEYWORD) for a in args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    made = [_parameter(a, kind, default) for (a, kind), default in zip(positional, defaults, strict=True)]
    if args.vararg is not None:
        made.append(_parameter(args.vararg, kinds.VAR_POSITIONAL, None))
    keyword_only = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    made += [_parameter(a, kinds.KEYWORD_ONLY, default) for a, default in keyword_only]
    if args.kwarg is not None:
        made.append(_parameter(args.kwarg, kinds.VAR_KEYWORD, None))
    return inspect.Signature(made[1:] if drop_first and positional else made)


def _parameter(
    argument: ast.arg, kind: inspect._ParameterKind, default: ast.expr | None
) -> inspect.Parameter:
    empty = inspect.Parameter.empty
    return inspect.Parameter(
        argument.arg,
        kind,
        default=empty if default is None else _Default(default),
        annotation=empty if argument.annotation is None else argument.annotation,
    )


def bind(signature: Signature, call: ast.Call) -> Bound:
    """Tell how a call fits a signature, as far as its arguments can be seen."""
    positional: list[ast.expr] = []
    whole = True
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            whole = False
            break
        positional.append(argument)
    keywords = {k.arg: k.value for k in call.keywords if k.arg is not None and k.arg not in signature.more}
    whole = whole and all(k.arg is not None for k in call.keywords)
    names = signature.parameters.parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in names.values())
    unknown = [
        name
        for name in keywords
        if name not in names or names[name].kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    if unknown and not takes_any:
        return Bound(f"has no parameter {unknown[0]!r}", unknown=unknown[0])
    try:
        way = signature.parameters.bind if whole else signature.parameters.bind_partial
        bound = way(*positional, **keywords)
    except TypeError as error:
        return Bound(_in_words(str(error), len(positional), signature))
    variadic = {p.name for p in names.values() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    return Bound(arguments={name: node for name, node in bound.arguments.items() if name not in variadic})


def _in_words(error: str, given: int, signature: Signature) -> str:
    """Say what `inspect` says, as a sentence whose subject is the function."""
    quoted = error.rpartition(": ")[2]
    if error.startswith("missing"):
        return f"lacks an argument: {quoted.split()[0].strip(chr(39))}"
    if error.startswith("multiple values"):
        return f"gets {error.rpartition(' ')[2]} twice"
    takes = [
        p
        for p in signature.parameters.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return f"gets {given} positional arguments, and takes {len(takes)}"
