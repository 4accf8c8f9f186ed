"""Which files a notebook reads by a fixed path."""

from __future__ import annotations

import ast
import re

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Const, Func, keyword_of
from kbench_jupyter.validation.rules.built_paths import built

_READERS = words(
    "open from_path load loadtxt genfromtxt fromfile imread read_text read_bytes read_csv read_json read_parquet"
    " read_excel read_table read_feather read_pickle read_fwf read_orc read_stata read_xml read_hdf scan_csv"
    " scan_parquet read_ndjson read_ipc"
)
# What these open is made where it is not there, or no file.
_NO_READERS = frozenset({"shelve.open", "dbm.open", "webbrowser.open"})
_LOADERS = frozenset({"np", "numpy", "torch", "joblib"})
_OWN_MACHINE = re.compile(r"(?:/Users/|/home/|/content/|/mnt/[a-z]/|/media/|/Volumes/|~/|[A-Za-z]:[\\/])")
_FILE = re.compile(r"[\w .()+=@,-]+(?:[\\/][\w .()+=@,-]+)*\.[A-Za-z][A-Za-z0-9]{0,7}\Z")


def own_machine(path: str) -> bool:
    """Whether a path can only be on its author's machine."""
    return _OWN_MACHINE.match(path) is not None


def read_paths(place: Place[ast.Call], program: Program) -> list[tuple[ast.AST, str]]:
    """Return the fixed paths a call reads from, with their nodes."""
    call, func = place.node, place.node.func
    if not is_reader(place, program):
        return []
    if isinstance(func, ast.Attribute) and of_a_path(func, place, program):
        receiver = func.value
        if (
            isinstance(receiver, ast.Call)
            and getattr(receiver.func, "id", "") == "Path"
            and len(receiver.args) == 1
        ):
            return _seen(receiver.args, place, program)
        return _seen([receiver], place, program)
    named = keyword_of(call, "path", "file", "filepath_or_buffer", "source", "path_or_buf", "io")
    nodes = call.args[:1] or ([named] if named is not None else [])
    return _seen(nodes, place, program)


def is_reader(place: Place[ast.Call], program: Program) -> bool:
    """Whether a call reads a file."""
    func = place.node.func
    name = last_name(func)
    if name not in _READERS or is_own_function(place, program):
        return False
    # `load` is a word of many libraries; of these it is known to read a file.
    if name == "load":
        return getattr(getattr(func, "value", None), "id", "") in _LOADERS
    return name != "open" or _reads(place.node, func, place, program)


def is_own_function(place: Place[ast.Call], program: Program) -> bool:
    """Whether a call is of a function of the notebook: what that does with a path is seen inside it."""
    found = program.values.of(place.node.func, place.scope)
    return bool(found) and all(isinstance(v, Func) and v.scope.kind == "function" for v in found)


def of_a_path(func: ast.Attribute, place: Place[ast.Call], program: Program) -> bool:
    """Whether a method reads what it is called on: ``path.open()``, unlike ``gzip.open(path)``."""
    if func.attr in ("read_text", "read_bytes"):
        return True
    return func.attr == "open" and not dotted(func, place.scope, program)


def _reads(call: ast.Call, func: ast.AST, place: Place[ast.Call], program: Program) -> bool:
    if dotted(func, place.scope, program) in _NO_READERS:
        return False
    index = 0 if isinstance(func, ast.Attribute) and of_a_path(func, place, program) else 1
    mode_node = keyword_of(call, "mode") or (call.args[index] if len(call.args) > index else None)
    mode = "r" if mode_node is None else program.values.const(mode_node, place.scope)
    return isinstance(mode, str) and not set(mode) & set("wax+")


def _seen(nodes: list[ast.expr], place: Place[ast.Call], program: Program) -> list[tuple[ast.AST, str]]:
    """The paths that surely are not on the server unless something brings them there."""
    found: list[tuple[ast.AST, str]] = []
    for node in nodes:
        found += [(node, path) for path in _several(node, place, program)]
        path, _, complete = built(node, place.scope, program)
        if own_machine(path):
            # A home folder is on the server too, if it is made into a path first: the notebook may write there.
            if path[:1] != "~" or isinstance(program.values.const(node, place.scope), str):
                found.append((node, path if complete else f"{path}..."))
        elif complete and looks_like_file(path):
            found.append((node, path))
    return found


def _several(node: ast.expr, place: Place[ast.Call], program: Program) -> list[str]:
    """The files that a parameter may name, where each call of its function shows another."""
    values = program.values.of(node, place.scope)
    texts = [v.value for v in values if isinstance(v, Const) and isinstance(v.value, str)]
    missing = [text for text in texts if own_machine(text) or looks_like_file(text)]
    # Where one of them is there, as in `"/kaggle/input/..." if ON_KAGGLE else "data.csv"`, the notebook chooses.
    return missing if 1 < len(missing) == len(values) else []


def looks_like_file(path: str) -> bool:
    """Whether a text is a relative path of a file."""
    return "://" not in path and _FILE.match(path.removeprefix("./").removeprefix("../")) is not None
