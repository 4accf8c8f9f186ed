"""The arrows of the house: which room may import which, and what loading the extension may not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from faults import FaultServer
from loopback_session import add_run

PACKAGE = Path(__file__).parents[1] / "kbench_jupyter"

#: The modules below all rooms, which everybody may import.
BELOW = {"errors", "hints", "paths", "quick_import", "retry_after", "_version"}

#: What each room may import of the package, besides itself and what lies below all rooms.
ARROWS = {
    "api": set(),
    "widgets": set(),
    "notebook": {"widgets"},
    "execution": set(),
    "display": set(),
    "results": {"display"},
    "patterns": set(),
    "validation": {"notebook", "execution"},
    "session": {"api", "notebook", "execution", "display"},
    "following": {"session", "api", "display"},
    "actions": {
        "api",
        "session",
        "following",
        "notebook",
        "validation",
        "results",
        "execution",
        "display",
        "patterns",
    },
    "magics": {"actions", "following", "session", "display", "panels"},
    "panels": {"actions", "following", "session", "display", "widgets"},
    "local": {"execution"},
}


def module_name(path: Path) -> str:
    """Return a module's dotted name, a package's without ``__init__``."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


#: Every module of the package, by its dotted name.
MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imports_of(name: str) -> set[str]:
    """Return the modules of this package that a module imports: at its top, inside functions and for types."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by dots; the name in full says which room it asks"
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found.update(inner or {str(node.module)})
    return found & MODULES.keys() - {name}


@cache
def graph() -> dict[str, set[str]]:
    """Return what each module imports; not read before it is asked for, as every worker of the tests collects this."""
    return {name: imports_of(name) for name in MODULES}


def room_of(name: str) -> str:
    """Return the room of a module; a module of no room stands for itself."""
    return name.split(".")[1] if "." in name else name


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " <- ".join(error.args[1]))


def test_a_circle_would_be_found_wherever_its_imports_stand() -> None:
    assert "kbench_jupyter.display.text" in graph()["kbench_jupyter"], "an import inside a function"
    assert "kbench_jupyter.api.client" in graph()["kbench_jupyter.api"], "an import for types"


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = ARROWS[room] | {room} | BELOW
    wrong = {
        f"{name} imports {imported}"
        for name, imports in graph().items()
        if room_of(name) == room
        for imported in imports
        if room_of(imported) not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("name", sorted(BELOW))
def test_what_lies_below_all_rooms_imports_none_of_them(name: str) -> None:
    assert {room_of(imported) for imported in graph()[f"kbench_jupyter.{name}"]} <= BELOW


def test_every_room_has_its_arrows_declared_and_says_what_it_must_never_know() -> None:
    faces = {path.parent.name: path.read_text(encoding="utf-8") for path in PACKAGE.glob("*/__init__.py")}
    assert faces.keys() == ARROWS.keys()
    silent = [
        room
        for room, face in faces.items()
        if "must never know" not in " ".join((ast.get_docstring(ast.parse(face)) or "").split())
    ]
    assert not silent


#: Who may look at the wall clock, which can be set at any time, and why no other will do. All else, time-outs, pauses
#: and ages among it, goes by the monotonic clock.
WALL = {
    "actions.auth": "when credentials end that others made",
    "actions.cards": "how long a run or a creation has been going, since a time that the server told",
    "actions.models": "whether a model's last day has come",
    "actions.results.report": "the day on a report",
    "actions.run": "when the forecast's runs may have ended",
    "actions.wanted_models": "whether a model's last day has come",
    "api.calls.tasks": "whether a version was made after it was pushed; in doubt it is said to be another's",
    "api.network.pooled": "how long a connection rested, also while the machine slept; in doubt another is opened",
    "api.credentials.kinds": "when a sign-in ends that was made elsewhere; one that is refused is renewed all the same",
    "following.scheduled": "whether a run ended before it was scheduled",
    "local.calls_models": "when a token ends that is told to others",
    "local.calls_runs": "runs of the last day, and those older than is asked for",
    "local.clean": "files and runs older than is asked for",
    "local.server": "when it began, as it tells",
    "local.store": "when tasks and runs were made and ended, and when a token ends that was told to others",
    "notebook.executed": "whether a cell ran after the file was saved",
    "notebook.mirror_state": "whether a window told of it after the file was saved",
    "panels.panel": "when a message was sent, for the browser",
    "results.downloads": "what another machine left behind a day ago",
    "retry_after": "a date of a server that does not tell its own time",
}


def looks_at_the_wall_clock(source: str) -> bool:
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = {ast.unparse(func) for func in calls}
    return bool(
        named
        & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "time.localtime"}
    )


def test_nothing_waits_or_ages_by_the_wall_clock() -> None:
    looking = {
        module_name(path).removeprefix("kbench_jupyter.")
        for path in PACKAGE.rglob("*.py")
        if "patterns" not in path.parts and looks_at_the_wall_clock(path.read_text(encoding="utf-8"))
    }
    assert looking == WALL.keys()


def imported_by(*commands: str) -> set[str]:
    """Return the modules that a fresh process imports for commands of IPython, not counting IPython's own start."""
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "for command in sys.argv[1:]:\n"
        "    shell.run_cell(command).raise_error()\n"
        "print('LOADED', *sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *commands], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_loading_the_extension_imports_nothing_slow() -> None:
    loaded = {name.split(".")[0] for name in imported_by("%load_ext kbench_jupyter")}
    assert "kbench_jupyter" in loaded
    assert not loaded & {"requests", "jupytext", "nbformat", "ipywidgets", "anywidget", "pandas", "nbclient"}


#: What only rules, rehearsals, task sources, run files, logs or proxies need; and libraries with tables of their own.
SLOW = (
    "requests",
    "kbench_jupyter.validation",
    "kbench_jupyter.execution",
    "kbench_jupyter.notebook.percent",
    "kbench_jupyter.results",
    "kbench_jupyter.following",
    "kbench_jupyter.api.logs",
    "jupytext",
    "nbformat",
    "slugify",
    "wcwidth",
)
LOGS = ("following", "api.logs")


@pytest.mark.parametrize(
    ("command", "needed", "unneeded"),
    [
        ("status my-task", "actions.status", SLOW),
        ("list", "actions.list_tasks", SLOW),
        ("models", "actions.models", (*SLOW, "kbench_jupyter.actions.pushes")),
        ("log my-task", "following.logs.live", tuple(name for name in SLOW if name[15:] not in LOGS)),
        ("-h", "magics.help", (*SLOW, "kbench_jupyter.api", "kbench_jupyter.actions")),
        ("status -h", "magics.help", (*SLOW, "kbench_jupyter.api", "kbench_jupyter.actions")),
    ],
)
def test_the_first_command_of_a_session_imports_nothing_that_it_does_not_need(
    command: str,
    needed: str,
    unneeded: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with FaultServer() as server:
        add_run(server.api, 11, task="my-task")
        monkeypatch.setenv("KBENCH_API_URL", server.url)
        monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
        loaded = imported_by("%load_ext kbench_jupyter", f"%kbench {command}")
    assert f"kbench_jupyter.{needed}" in loaded
    assert not [name for name in loaded if name.startswith(unneeded)]
