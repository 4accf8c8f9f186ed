"""What a name of the SDK stands for, as its sources tell it: a module, a class, a function, or a value of a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ast

    from kbench_jupyter.validation.reading.scopes import Function
    from kbench_jupyter.validation.reading.sdk.sources import Module

__all__ = ["Class", "Func", "Instance", "Manager", "ModuleThing", "Outside", "Plain", "Thing", "in_words"]


@dataclass(frozen=True)
class ModuleThing:
    """A module."""

    module: Module


@dataclass(frozen=True)
class Class:
    """A class."""

    module: Module
    node: ast.ClassDef


@dataclass(frozen=True)
class Instance:
    """A value of a class, or of one that is made from it."""

    of: Class


@dataclass(frozen=True)
class Func:
    """A function, or a method: `owner` is its class, `bound` says that its object is already given."""

    module: Module
    node: Function
    owner: Class | None = None
    bound: bool = False


@dataclass(frozen=True)
class Plain:
    """A value of one of Python's own types, and what its items are."""

    type: type
    item: Thing | None = None


@dataclass(frozen=True)
class Manager:
    """What a function under ``contextmanager`` gives, and what a ``with`` gets of it."""

    entered: Thing | None


@dataclass(frozen=True)
class Outside:
    """Something of another package, by its dotted name."""

    path: str


Thing: TypeAlias = ModuleThing | Class | Instance | Func | Plain | Manager | Outside


def in_words(thing: Thing) -> str:
    """Return what a message calls a thing."""
    match thing:
        case ModuleThing():
            return thing.module.name
        case Class():
            return f"the class {thing.node.name}"
        case Instance():
            name = thing.of.node.name
            return (
                "a model (LLMChat)" if name == "LLMChat" else f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
            )
        case Func():
            return f"the function {thing.node.name}"
        case Plain():
            name = thing.type.__name__
            return "a text (str)" if thing.type is str else f"{'an' if name[0] in 'io' else 'a'} {name}"
    return "what it gives"
