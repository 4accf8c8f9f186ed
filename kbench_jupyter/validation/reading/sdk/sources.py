"""The sources of the SDK: which names each of its modules binds to what."""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from kbench_jupyter.validation.reading.value import SDK


@dataclass(frozen=True)
class Imported:
    """What an import binds, by its full dotted name."""

    path: str


#: What binds a name: an import, a definition, an assigned expression, or None for what cannot be told.
Bound: TypeAlias = ast.AST | Imported | None


@dataclass(eq=False)
class Module:
    """One module of the SDK: what binds each name, and whether it may have some that its text does not show."""

    name: str
    is_package: bool
    names: dict[str, list[Bound]] = field(default_factory=dict)
    is_open: bool = False


class Sources:
    """The modules below one folder, each read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: dict[str, Module | None] = {}
        self._stamps: dict[Path, tuple[int, int]] = {}

    def module(self, name: str) -> Module | None:
        """Return a module by its dotted name, or None when there is no such file."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def all(self) -> Iterator[Module]:
        """Go through every module."""
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder).with_suffix("").parts
            dotted = ".".join([SDK, *(part for part in parts if part != "__init__")])
            module = self.module(dotted)
            if module is not None:
                yield module

    @property
    def fresh(self) -> bool:
        """Whether no file that was read has changed since."""
        return all(_stamp(path) == stamp for path, stamp in self._stamps.items())

    def _read(self, name: str) -> Module | None:
        base = self.folder.joinpath(*name.split(".")[1:])
        for path in (base / "__init__.py", base.with_suffix(".py")):
            stamp = _stamp(path)
            if stamp is None:
                continue
            self._stamps[path] = stamp
            text = path.read_bytes()
            module = Module(name, path.name == "__init__.py")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(text)
            except (SyntaxError, ValueError):
                module.is_open = True
                return module
            # A module that names itself by hand may have any name.
            module.is_open = any(word in text for word in (b"globals()", b"def __getattr__", b"exec("))
            module.names = bindings(tree.body, module)
            return module
        return None


def bindings(body: list[ast.stmt], module: Module) -> dict[str, list[Bound]]:
    """Return what binds each name of a module's or a class's body, in blocks of it as well."""
    found: dict[str, list[Bound]] = defaultdict(list)
    todo: list[ast.AST] = list(reversed(body))
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name].append(node)
                continue
            case ast.Import(names=names):
                for alias in names:
                    name = alias.asname or alias.name.partition(".")[0]
                    found[name].append(Imported(alias.name if alias.asname else name))
            case ast.ImportFrom(names=names):
                base = _absolute(node, module)
                for alias in names:
                    module.is_open = module.is_open or alias.name == "*"
                    found[alias.asname or alias.name].append(Imported(f"{base}.{alias.name}"))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name].append(node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _bind(found, target, value)
            case ast.NamedExpr(target=target, value=value):
                _bind(found, target, value)
            case ast.For(target=target):
                _bind(found, target, None)
            case ast.Lambda():
                continue
        todo.extend(reversed(list(ast.iter_child_nodes(node))))
    return dict(found)


def _bind(found: dict[str, list[Bound]], target: ast.AST, value: ast.expr | None) -> None:
    """Bind the names of a target: of several, nobody can tell which gets what."""
    for part in ast.walk(target):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found[part.id].append(value if part is target else None)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - 1 if module.is_package else node.level
    return ".".join([*parts[: len(parts) - up], *((node.module or "").split(".") if node.module else [])])
