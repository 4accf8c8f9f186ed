"""Which names a cell defines and uses, read from the compiler's symbol table.

The symbol table is made without building syntax trees, so a thousand cells take tens of milliseconds.
It knows no order within a cell; what is defined anywhere in a cell counts as defined in it.
"""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kbench_jupyter.notebook.ipython_syntax import parse


@dataclass
class NameTable:
    """The global names of one cell.

    It binds those `defined` in the notebook's namespace: assigned, `imported`, ``def``, ``class``, and ``global``
    names assigned in functions. It reads those `used` itself, and those `used_inside` in its functions and classes.
    """

    defined: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    used_inside: set[str] = field(default_factory=set)

    @property
    def mentioned(self) -> set[str]:
        """Every global name the cell reads, now or in a function of it."""
        return self.used | self.used_inside


# Between two checks of a notebook most cells stay as they were.
@lru_cache(maxsize=4096)
def read_names(python: str) -> NameTable:
    """Read the names of a piece of Python.

    The table is not to be changed: the same is returned for the same text. Raises what the parser raises.
    """
    top = _symbols_of(python)
    table = NameTable()
    for symbol in top.get_symbols():
        name = symbol.get_name()
        if symbol.is_imported():
            table.imported.add(name)
        if symbol.is_assigned() or symbol.is_imported():
            table.defined.add(name)
        if symbol.is_referenced():
            table.used.add(name)
    # A walrus in a comprehension binds outside of it.
    binds_globals = "global" in python or ":=" in python
    # Python 3.14 evaluates annotations when they are asked for; the one that will run the task may be older.
    table.used |= {name for inner in top.get_children() if _annotates(inner) for name in _read_by(inner)}
    todo = top.get_children()
    while todo:
        inner = todo.pop()
        todo += inner.get_children()
        # A function's global names come as one tuple; symbol by symbol takes three times as long.
        if isinstance(inner, symtable.Function) and not binds_globals:
            table.used_inside.update(inner.get_globals())
            continue
        for symbol in inner.get_symbols():
            if symbol.is_global() and (symbol.is_assigned() or symbol.is_imported()):
                table.defined.add(symbol.get_name())
        table.used_inside |= _read_by(inner)
    return table


def _symbols_of(python: str) -> symtable.SymbolTable:
    try:
        return symtable.symtable(python, "<cell>", "exec")
    except SyntaxError:
        if "await" not in python and "async" not in python:
            raise
        # Since Python 3.14 the symbol table refuses what IPython awaits at the top of a cell.
        return symtable.symtable(ast.unparse(_Awaited().visit(parse(python))), "<cell>", "exec")


class _Awaited(ast.NodeTransformer):
    """Waits for nothing at the top of a cell: the names stay the same."""

    def visit_FunctionDef(self, node: ast.AST) -> ast.AST:
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_Await(self, node: ast.Await) -> Any:
        return self.visit(node.value)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.is_async = 0
        return self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._plain(node, ast.For(node.target, node.iter, node.body, node.orelse))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self._plain(node, ast.With(node.items, node.body))

    def _plain(self, node: ast.AST, instead: ast.AST) -> ast.AST:
        return self.generic_visit(ast.copy_location(instead, node))


def _annotates(inner: symtable.SymbolTable) -> bool:
    return str(inner.get_type()) == "annotation"


def _read_by(inner: symtable.SymbolTable) -> set[str]:
    return {
        symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global() and symbol.is_referenced()
    }


def words(text: str) -> frozenset[str]:
    """Return the words of a text, for sets of names that would be a screen long as a literal."""
    return frozenset(text.split())
