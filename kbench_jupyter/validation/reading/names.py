"""Which names a cell defines and uses, read from the compiler's symbol table.

The symbol table is made without building syntax trees, so a thousand cells take tens of milliseconds.
It knows no order within a cell; what is defined anywhere in a cell counts as defined in it.
"""

from __future__ import annotations

import symtable
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["NameTable", "read_names", "words"]


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
    top = symtable.symtable(python, "<cell>", "exec")
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
            if symbol.is_global() and symbol.is_referenced():
                table.used_inside.add(symbol.get_name())
    return table


def words(text: str) -> frozenset[str]:
    """Return the words of a text, for sets of names that would be a screen long as a literal."""
    return frozenset(text.split())
