"""KB5xx: what is different on the server: packages, magics, nobody to ask, and who can read the source."""

from __future__ import annotations

import ast
import re
import shlex

from kbench_jupyter.notebook.leave_out import SETTING
from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Certainty, Place
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.rules.brought import Brought
from kbench_jupyter.validation.rules.files import imported
from kbench_jupyter.validation.rules.guards import is_caught, surely_reached
from kbench_jupyter.validation.rules.rule import Check, error, warning
from kbench_jupyter.validation.rules.secrets import find_secrets
from kbench_jupyter.validation.rules.shell import commands

SECRET = error(
    "KB503 secret-in-source",
    "The source holds what looks like a token, a key or a password, or what is named like one.",
    "The notebook is stored on the server, and published with the task unless one asks otherwise. Whoever "
    "reads it can use the secret.",
    'client = Client(api_key="...the key itself...")',
    'client = Client(api_key=os.environ["MY_SERVICE_KEY"])',
    "This line holds what looks like {kind}.",
    "Read it from the environment or a Kaggle secret, and revoke the one that was written here. If it is no secret, "
    "write {where}.",
)
EDITABLE = warning(
    "KB504 local-install",
    "A package is installed from this machine's disk.",
    "The folder does not exist on the server, the installation fails there, and the import after it as well.",
    "%pip install -e .",
    "%pip install git+https://github.com/ada/quiz-tools",
    "{where} is a folder of this machine; the server has nothing to install there.",
    "Install from PyPI or git+https, or put the package into a Kaggle dataset.",
)
LEFTOVER = error(
    "KB505 kbench-leftover",
    "The task source still uses kbench_jupyter.",
    "It is not installed on the server: `%kbench` is an unknown magic there, and the notebook stops.",
    'for task in tasks:\n    get_ipython().run_line_magic("kbench", "status")',
    "%kbench status  # on a line of its own: it is left out of the push",
    "kbench_jupyter is not installed on the server, so this line stops the notebook there.",
    "Put %kbench on a line of its own outside blocks (it is left out of the push), or tag the cell kbench-skip.",
)
INPUT = error(
    "KB506 asks-the-user",
    "The notebook asks for input.",
    "Nobody is there to answer when the server runs it: input() and getpass() raise.",
    'topic = input("Topic? ")',
    'topic = "geography"',
    "{name}() has nobody to ask on the server, and raises.",
    "Write the value into the notebook, or pass it as an argument.",
)
OWN_SETTING = warning(
    "KB507 kbench-setting",
    "The task source sets or reads a setting of kbench_jupyter.",
    "It is meant for this machine. On the server nobody sets it, so reading it raises KeyError; what is set here is "
    "stored there, and published with the task.",
    'os.environ["KBENCH_UPSTREAM_URL"] = "http://127.0.0.1:11434/v1"',
    "%kbench local start --upstream http://127.0.0.1:11434/v1  # is left out of the push",
    "{name} is a setting of kbench_jupyter on this machine, and becomes part of the task here.",
    "Write {instead}: it is left out of the push. Or tag the cell kbench-skip.",
)

_SETTING = re.compile(SETTING)
_SETS = re.compile(rf"(?:(?:set_)?env ({SETTING})|config KBench\b)")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    _secrets(check)
    _installs(check)
    for cell, magic in check.program.magics:
        if magic.name == "kbench" or (
            magic.name in ("load_ext", "reload_ext") and magic.argument.strip() == "kbench_jupyter"
        ):
            check.on_line(LEFTOVER, cell, magic.line, sure=magic.sure)
        elif match := _SETS.match(f"{magic.name} {magic.argument.strip()}"):
            _own_setting(check, cell, magic.line, match[1] or "%config KBench")
    _own_settings(check)
    for cell, node in check.nodes("kbench_jupyter"):
        place = Place(node, cell, check.program.module, Certainty.GUARDED)
        if "kbench_jupyter" in imported(node) and not is_caught("ModuleNotFoundError", place, check.program):
            check.at(LEFTOVER, place, sure=node in cell.tree.body)
    _asks(check)


def _secrets(check: Check) -> None:
    # Text cells are pushed, and published, as well.
    for cell in (*check.program.cells, *check.program.prose):
        text = cell.source.text
        for secret in find_secrets(text, prose=cell.source.kind != "code"):
            line = text.count("\n", 0, secret.start) + 1
            after = _ends_of_text(cell, line)
            where = f"# kbench: ignore[KB503] behind {'the closing quotes' if after else 'this line'}"
            if cell.source.kind != "code":
                where = "<!-- # kbench: ignore[KB503] --> on this line"
            told = f"{secret.name} is named like a secret, and its value stands in the source."
            message, sure = told if secret.name else "", secret.certain
            silenced_by = {line, *after}
            check.on_line(
                SECRET, cell, line, message, sure=sure, silenced_by=silenced_by, kind=secret.kind, where=where
            )


def _ends_of_text(cell: Cell, line: int) -> set[int]:
    """The lines where a comment speaks for a line inside a text of several: its last, and its statement's."""
    ends: set[int] = set()
    statement: ast.stmt | None = None
    for node in ast.walk(cell.tree):
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
        if first == last or not cell.text_line(first) <= line <= cell.text_line(last):
            continue
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            statement = node
        elif isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str):
            ends.add(cell.text_line(last))
    if ends and statement is not None:
        ends.add(cell.text_line(statement.end_lineno or 0))
    return ends


def _installs(check: Check) -> None:
    brought = Brought(check.program)
    for cell, line, text in commands(check.program):
        where = _local_package(text)
        if where and not brought.folder_before(where, cell, line):
            check.on_line(EDITABLE, cell, line, where=where)


def _local_package(command: str) -> str:
    """Return the local path that a pip command installs, or ``""``."""
    if "install" not in command:
        return ""
    try:
        parts = shlex.split(command, comments=True)
    except ValueError:
        return ""
    if "pip" not in " ".join(parts[: parts.index("install")] if "install" in parts else []):
        return ""
    editable = False
    for part in parts[parts.index("install") + 1 :]:
        if part in ("&&", ";", "|"):
            return ""
        value = part
        if part.startswith("--editable="):
            editable, value = True, part.partition("=")[2]
        elif part in ("-e", "--editable"):
            editable = True
            continue
        elif part.startswith("-"):
            editable = False
            continue
        remote = "://" in value or value.startswith(("git+", "/kaggle/", "../input/"))
        if not remote and (editable or value in (".", "..") or value.startswith(("./", "../", "/", "~"))):
            return value
        editable = False
    return ""


def _own_settings(check: Check) -> None:
    """``os.environ`` with a setting of ours: by its key, in a call, or in what it is joined with."""
    for cell, node in check.nodes("KBENCH_"):
        for name in _set_or_read(node):
            _own_setting(check, cell, cell.text_line(getattr(node, "lineno", 1)), name)


def _set_or_read(node: ast.AST) -> list[str]:
    found: list[object] = []
    if isinstance(node, ast.Subscript) and last_name(node.value) == "environ":
        found = [getattr(node.slice, "value", None)]
    elif isinstance(node, ast.AugAssign) and last_name(node.target) == "environ":
        found = _keys(node.value)
    elif isinstance(node, ast.Call):
        func = node.func
        of_environ = isinstance(func, ast.Attribute) and last_name(func.value) == "environ"
        if of_environ and last_name(func) == "update":
            found = [*(key for part in node.args for key in _keys(part)), *(k.arg for k in node.keywords)]
        elif (of_environ or last_name(func) in ("putenv", "getenv", "unsetenv")) and node.args:
            found = [getattr(node.args[0], "value", None)]
    return [name for name in found if isinstance(name, str) and _SETTING.fullmatch(name)]


def _keys(node: ast.AST) -> list[object]:
    return [getattr(key, "value", None) for key in node.keys] if isinstance(node, ast.Dict) else []


def _own_setting(check: Check, cell: Cell, line: int, name: str) -> None:
    instead = f"%env {name}=..." if name.isidentifier() else f"{name}..."
    instead += " on a line of its own"
    if name in ("KBENCH_UPSTREAM_URL", "KBENCH_UPSTREAM_API_KEY"):
        instead = "%kbench local start --upstream URL --key-from VARIABLE"
    check.on_line(OWN_SETTING, cell, line, name=name, instead=instead)


def _asks(check: Check) -> None:
    program = check.program
    # It may be called by another name than its own, so every call would have to be looked up.
    mentioned = "getpass" in program.text
    for place in program.index.calls:
        name = _asking(place, program, mentioned=mentioned)
        # What the kernel raises is a NotImplementedError (tried with ipykernel).
        if name and program.executed(place) and not is_caught("NotImplementedError", place, program):
            hint = "Read a key from the environment or a Kaggle secret." if name == "getpass" else ""
            check.at(INPUT, place, "", hint, sure=surely_reached(place, program), name=name)


def _asking(place: Place[ast.Call], program: Program, *, mentioned: bool) -> str:
    """Return the name of the function that asks the user, if a call is one of them."""
    func = place.node.func
    name = last_name(func)
    if name == "input" and isinstance(func, ast.Name) and not list(program.bindings(name, place.scope)):
        return name
    if mentioned and dotted(func, place.scope, program) == "getpass.getpass":
        return "getpass"
    return ""
