"""The installed SDK: which names its things have, surely, and where a name is."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import sys
import types
from pathlib import Path

from kbench_jupyter.validation.reading.parts import base_name
from kbench_jupyter.validation.reading.scopes import FUNCTIONS
from kbench_jupyter.validation.reading.sdk.evaluating import Evaluator
from kbench_jupyter.validation.reading.sdk.sources import Imported, Module, Sources
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


def installed() -> Installed | None:
    """Return the SDK of this interpreter, or None where it is not installed."""
    try:
        spec = importlib.util.find_spec(SDK)
    except (ValueError, ImportError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folder = Path(places[0]) if places else None
    if folder is None or not (folder / "__init__.py").is_file():
        return None
    known = _KNOWN.get(folder)
    if known is None or not known.sources.fresh:
        _KNOWN[folder] = known = Installed(Sources(folder))
    return known


class Installed(Evaluator):
    """What the sources of one installed version tell.

    What is open (``__getattr__``, classes of other packages) lacks nothing: who knows better must not be told wrong.
    """

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self._names: dict[Class, frozenset[str] | None] = {}

    def lacks(self, thing: Thing, name: str, *, dunder: bool = False) -> bool:
        """Whether a thing surely has no member of that name. Python's own (``__len__``) are not asked for."""
        known = self.names(thing)
        if known is None or name in known or (name.startswith("__") and not dunder):
            return False
        # What is given may be of a class made from the one that is annotated.
        made = self.made_from(thing.of) if isinstance(thing, Instance) else []
        return all((more := self._class_names(cls)) is not None and name not in more for cls in made)

    def names(self, thing: Thing) -> frozenset[str] | None:
        """Return the members of a thing, None when it may have any."""
        match thing:
            case ModuleThing(module):
                folder = self.sources.folder.joinpath(*module.name.split(".")[1:])
                inside = {path.stem for path in folder.iterdir()} if module.is_package else set()
                return None if module.is_open else frozenset({*module.names, *inside})
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

    def made_from(self, cls: Class) -> list[Class]:
        """Return every class of the SDK that is made from another."""
        bound = [(m, n) for m in list(self.sources.all()) for some in m.names.values() for n in some]
        others = [Class(m, n) for m, n in bound if isinstance(n, ast.ClassDef) and n is not cls.node]
        return [other for other in others if cls in self.line(other)]

    def is_a(self, thing: object, path: str) -> bool:
        """Whether a thing is a value of a class, or of one made from it."""
        return isinstance(thing, Instance) and self.at(path) in self.line(thing.of)

    def is_own(self, module: Module, name: str) -> bool:
        """Whether a name of a module is the SDK's, and not what it imports of another package."""
        bound = module.names.get(name, ())
        return not any(isinstance(b, Imported) and b.path.partition(".")[0] != SDK for b in bound)

    def where_is(self, name: str) -> str:
        """Return the dotted name of the one public thing that is defined by a name, or ``""``."""
        homes = [
            f"{module.name}.{name}"
            for module in self.sources.all()
            if any(isinstance(b, (*FUNCTIONS, ast.ClassDef)) for b in module.names.get(name, ()))
        ]
        return homes[0] if len(homes) == 1 and "._" not in homes[0] else ""

    def _class_names(self, cls: Class) -> frozenset[str] | None:
        if cls not in self._names:
            self._names[cls] = None  # where it comes back to itself
            self._names[cls] = self._find_class_names(cls)
        return self._names[cls]

    def _find_class_names(self, cls: Class) -> frozenset[str] | None:
        body = self.body(cls)
        changed = any(base_name(d) != "dataclass" for d in cls.node.decorator_list) or cls.node.keywords
        if changed or "__getattr__" in body or "__getattribute__" in body:
            return None
        found = {*body, *_self_attributes(cls.node), *dir(object)}
        for base in cls.node.bases:
            thing = self.value(base, cls.module)
            more = self._class_names(thing) if isinstance(thing, Class) else None
            if isinstance(thing, Outside):
                more = _outside_names(thing.path)
            if more is None:
                return None
            found |= more
        return frozenset(found)


def _self_attributes(node: ast.ClassDef) -> set[str]:
    stored = (p for p in ast.walk(node) if isinstance(p, ast.Attribute) and isinstance(p.ctx, ast.Store))
    return {part.attr for part in stored if getattr(part.value, "id", "") in ("self", "cls")}


def _outside_names(path: str) -> frozenset[str] | None:
    """The names of a class of Python's own library, None for another package's: those are not imported here."""
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        cls = getattr(importlib.import_module(module), name)
        # `dir` of an Enum hides `name` and `value`, which its members have.
        return frozenset({*dir(cls), *(own for base in cls.__mro__ for own in vars(base))})
    except (ImportError, AttributeError):
        return None


_KNOWN: dict[Path, Installed] = {}
