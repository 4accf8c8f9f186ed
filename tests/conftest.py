"""What all tests share: an environment with nothing of the developer's in it, and a real embedded server."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import kernel_template
import own_kernel
import pytest
from hypothesis import HealthCheck, settings
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kbench_jupyter.execution import ROOM, free_memory, kernel
from kbench_jupyter.quick_import import load

load("nbformat")  # before a test module imports it, which takes seconds where JupyterLab is installed

_FOREIGN = ("KAGGLE_", "KBENCH_", "MODEL_PROXY_", "LLM", "JPY_", "JUPYTER_", "IPYTHON")


# A machine with other work is no slow strategy.
settings.register_profile("tests", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Clean the environment before anything is imported; subprocesses inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background jobs with Ctrl+C ignored, and every process below inherits that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            del os.environ[name]
    # Few tests rehearse twice; a kernel started after each rehearsal would only take their time.
    os.environ["KBENCH_KERNEL_AHEAD"] = "off"
    # Hundreds of processes import the package; each would compile it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Times are shown in local time, wherever that is.
    os.environ["TZ"] = "UTC"
    if hasattr(time, "tzset"):
        time.tzset()
    home = tempfile.mkdtemp(prefix="kbench-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["HOME"] = home
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ.pop(name, None)
    own_kernel.use(Path(home))
    quick_start = str(Path(__file__).parent / "quick_start")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [quick_start, os.environ.get("PYTHONPATH")]))


#: Rooms and files that take long, the longest first: by seconds of a core, from some 100 for the notebooks to 10.
_LONG = (
    "browser",
    "test_notebooks",
    "test_local_forks",
    "test_local_runs",
    "test_local_executors",
    "test_local_cluster",
    "test_local_cluster_faults",
    "test_end_to_end_notebooks",
    "test_local_cluster_forks",
    "test_local_restart",
    "test_local_sandbox",
    "test_notebook_nbclient",
    "test_local_processes",
    "test_conformance_official_client",
    "end_to_end",
    "local",
    "actions",
    "validation",
    "conformance",
)
#: JupyterLabs that a run of several workers starts, each with a Chromium: more would cost what they gain.
_LABS = 2
#: Browser tests that take long, by tens of seconds of a core; what is not named takes one.
_TAKES = {
    "panels": 8,
    "other_windows": 5,
    "presence": 5,
    "log_view": 4,
    "mirror": 4,
    "push": 4,
    "trust": 4,
    "candidates": 3,
    "newcomer": 3,
    "outputs": 3,
    "samples": 2,
}


def _takes(file: Path) -> int:
    return _TAKES.get(file.stem.removeprefix("test_browser_"), 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files without slow tests first, so that what fails fails soon; then the rest, the long ones before the short.

    A worker that is given a long file last works on alone while the others idle.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> tuple[int, int]:
        names = {item.path.stem, item.path.parent.name}
        long = next((number for number, name in enumerate(_LONG) if name in names), len(_LONG))
        return (1 + long, -_takes(item.path)) if item.path in slow else (0, 0)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a file's tests to one worker, and those of a browser to as few as there are JupyterLabs."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    labs: dict[str, int] = {}
    taken = [0] * _LABS

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            if not file.startswith("tests/browser/"):
                return file
            if file not in labs:
                labs[file] = taken.index(min(taken))
                taken[labs[file]] += _takes(Path(file))
            return f"browser {labs[file]}"

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what came of all injected faults, added up over the tests that counted them, for docs/figures.md."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counts in getattr(report, "user_properties", ()):
                if name == "faults" and report.when == "call":
                    total.update(counts)
    if total:
        terminalreporter.section("through injected faults")
        terminalreporter.write("".join(f"| {row} | {count:,} |\n" for row, count in total.items()))


@pytest.fixture(autouse=True)
def _environment_as_before() -> Iterator[None]:
    """Undo what a test leaves in the environment: `init` loads credentials and models, for everyone after it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    InteractiveShell.clear_instance()
    # History would be written to a database in a home that is gone before IPython closes it.
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "kbench_jupyter")
    yield shell
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    end_shell(shell)


def end_shell(shell: InteractiveShell) -> None:
    """Let go of a shell, which would otherwise be held to the end, and a thousand of them take minutes to end then."""
    atexit.unregister(shell.atexit_operations)
    InteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of one embedded server, started when first needed and stopped at the end."""
    from kbench_jupyter.session import local_server

    home = tmp_path_factory.mktemp("server-home")
    try:
        yield home
    finally:
        local_server.stop(home)


@contextmanager
def template() -> Iterator[str]:
    """Run what kernels are forked off; it imports its packages, 4 s of a core, when the first one is wanted."""
    with tempfile.TemporaryDirectory(prefix="kbt-") as folder, kernel_template.running(folder) as path:
        yield path


_TEMPLATE = pytest.StashKey[str]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of one template for all of them."""
    config = node.config
    if hasattr(os, "pidfd_open") and _TEMPLATE not in config.stash:
        held = ExitStack()
        config.stash[_TEMPLATE] = held.enter_context(template())
        config.add_cleanup(held.close)
    node.workerinput["template"] = config.stash.get(_TEMPLATE, "")


@pytest.fixture(scope="session")
def kernels_forked(pytestconfig: pytest.Config) -> Iterator[dict[str, str]]:
    """The environment in which kernels of rehearsals are forked off a template; empty where they cannot be."""
    if not hasattr(os, "pidfd_open") or free_memory() < ROOM:
        yield {}
        return
    kernel_template.redirect(kernel)
    shared = getattr(pytestconfig, "workerinput", {}).get("template")
    with nullcontext(shared) if shared else template() as path:
        yield {kernel_template.SOCKET: path}


@pytest.fixture
def forked_kernels(kernels_forked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what a task does, and not of how its kernel starts: importing the SDK is most of their time."""
    for name, value in kernels_forked.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def jupyter_kernels_forked(
    kernels_forked: dict[str, str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For tests of what a kernel of jupyter_client's does, and not of how it starts."""
    folder = tmp_path_factory.mktemp("kernels")
    own_kernel.install(folder, template=kernels_forked.get(kernel_template.SOCKET))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
