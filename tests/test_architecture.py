"""The arrows of the house: which room may import which, and what loading the extension may not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kbench_jupyter"

#: What each room may import of the package, besides itself, the error tree, the hints and the quick import.
ARROWS = {
    "api": set(),
    "widgets": set(),
    "notebook": {"widgets"},
    "execution": set(),
    "display": set(),
    "results": set(),
    "validation": {"notebook", "execution"},
    "session": {"api", "notebook", "execution", "display", "results"},
    "following": {"session", "api", "display"},
    "actions": {"api", "session", "following", "notebook", "validation", "results", "execution", "display"},
    "magics": {"actions", "following", "session", "display", "panels"},
    "panels": {"actions", "following", "session", "display", "widgets"},
    "local": {"execution"},
}


def imports_of(path: Path) -> set[str]:
    """Return the dotted names of this package that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "kbench_jupyter":
                names.update(f"kbench_jupyter.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("kbench_jupyter.")}


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = ARROWS[room] | {room, "errors", "hints", "quick_import", "_version"}
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imports_of(path)
        if name.split(".")[1] not in allowed
    }
    assert not wrong


def test_every_room_has_its_arrows_declared() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ARROWS)


def test_loading_the_extension_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'kbench_jupyter')\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "kbench_jupyter" in loaded
    assert not loaded & {"requests", "jupytext", "nbformat", "ipywidgets", "anywidget", "pandas", "nbclient"}
