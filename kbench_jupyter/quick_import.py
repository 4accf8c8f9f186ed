"""Import nbformat, and what imports it, without the seconds that a check of addresses in it would take.

nbformat imports jsonschema, and jsonschema imports rfc3987_syntax when that is installed, as it is wherever
JupyterLab is (jupyter-events asks for it). On import rfc3987_syntax 1.1.0 compiles 38 grammars: 1 to 3 s, ten
times what nbformat itself takes, for a check of addresses that no notebook is put to. Here they are compiled
when something asks for that check, and so in most processes never.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_GRAMMARS = "rfc3987_syntax"
_lock = threading.Lock()


def load(name: str) -> Any:
    """Import nbformat, or a library that imports it.

    Parameters
    ----------
    name : str
        ``"nbformat"``, ``"jupytext"`` or ``"nbclient"``.

    Returns
    -------
    module
        The very module that ``import`` gives; jsonschema checks what it always checks.
    """
    if name in sys.modules:
        return importlib.import_module(name)  # which waits, if another thread is still at it
    with _lock, _grammars_on_demand():
        return importlib.import_module(name)


@contextmanager
def _grammars_on_demand() -> Iterator[None]:
    if {_GRAMMARS, "jsonschema"} & set(sys.modules) or importlib.util.find_spec(_GRAMMARS) is None:
        yield
        return
    stand_in = ModuleType(_GRAMMARS)
    stand_in.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
    sys.modules[_GRAMMARS] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_GRAMMARS) is stand_in:
            del sys.modules[_GRAMMARS]


def _is_valid_syntax(term: str, value: str) -> bool:
    """What jsonschema takes from rfc3987_syntax, imported at the first call."""
    return bool(importlib.import_module(_GRAMMARS).is_valid_syntax(term, value))
