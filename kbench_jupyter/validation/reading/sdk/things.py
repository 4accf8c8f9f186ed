"""What a name of the SDK stands for, as its sources tell it: a module, a class, a function, or a value of a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ast

    from kbench_jupyter.validation.reading.scopes import Function
    from kbench_jupyter.validation.reading.sdk.sources import Module


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
        case ModuleThing(module):
            return module.name
        case Class(_, node):
            return f"the class {node.name}"
        case Func(_, node):
            return f"the function {node.name}"
        case Instance(cls):
            name = "model (LLMChat)" if cls.node.name == "LLMChat" else cls.node.name
        case Plain(python):
            name = "text (str)" if python is str else python.__name__
        case _:
            return "what it gives"
    return f"{'an' if name[0] in 'AEIOio' else 'a'} {name}"
