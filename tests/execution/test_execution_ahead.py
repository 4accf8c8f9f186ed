"""The kernel that waits for the next notebook: quicker, and used only where it makes no other difference."""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from execution_helpers import notebook, text_of

from kbench_jupyter.execution import ahead as room
from kbench_jupyter.execution import execute_notebook

pytestmark = pytest.mark.slow

WARM_UP = "import colorsys; left = 1"


@pytest.fixture
def next_kernel(no_kernel_left, monkeypatch):
    monkeypatch.setattr(room, "ROOM", 0)
    made = room.NextKernel(later=["TOKEN", "MODELS"], warm_up=WARM_UP)
    yield made
    made.close()


def told(place, env, *cells):
    """Execute cells in a place and return what they print."""
    events = []
    outcome = execute_notebook(
        notebook(*cells), cwd=place.folder, env=env, timeout=60, on_event=events.append, ahead=place.ahead
    )
    assert outcome.ok, outcome.error
    return text_of(events).split()


def test_the_next_notebook_finds_a_fresh_kernel_with_its_own_environment_and_folder(next_kernel):
    next_kernel.expect({**os.environ, "TOKEN": "old", "KEPT": "1"})
    env = {**os.environ, "TOKEN": "new", "KEPT": "1"}
    with next_kernel.place(env) as place:
        assert place.ahead is not None
        said = told(
            place,
            env,
            "import os, psutil, sys\nprint('colorsys' in sys.modules, 'left' in globals(), len(In))",
            "print(os.environ['TOKEN'], os.environ['KEPT'], os.environ.get('MODELS'))",
            # What the process was started with, which is what others may look at while it waits.
            "print('TOKEN' in psutil.Process().environ(), 'new' in ' '.join(psutil.Process().cmdline()))",
            "print(os.getcwd())",
        )
    assert said == ["True", "False", "2", "new", "1", "None", "False", "False", str(place.folder)]
    assert not place.folder.exists()
    with next_kernel.place(env) as place:
        assert place.ahead is None, "it is for one notebook"


def test_two_notebooks_at_once_do_not_share_it(next_kernel):
    next_kernel.expect(os.environ)
    with next_kernel.place(os.environ) as first, next_kernel.place(os.environ) as second:
        assert first.ahead is not None
        assert second.ahead is None
        assert first.folder != second.folder
        next_kernel.expect(os.environ)
        with next_kernel.place(os.environ) as third:
            assert third.ahead not in (None, first.ahead)


def installed(folder):
    (folder / "more-1.0.dist-info").mkdir()


def linked(folder):
    (folder / "linked.pth").write_text("/elsewhere\n")  # in place: the folder itself stays as it was


def changed_variable(_folder):
    os.environ["CHANGED"] = "1"


def taken_away(_folder):
    del os.environ["GONE"]


def hidden(folder):
    (folder.parent / "path" / "pandas.py").touch()


@pytest.mark.parametrize("happens", [installed, linked, changed_variable, taken_away, hidden])
def test_one_that_a_new_kernel_would_differ_from_is_not_used(next_kernel, tmp_path, monkeypatch, happens):
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (tmp_path / "path").mkdir()
    (packages / "linked.pth").touch()
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(packages)])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.setenv("GONE", "1")
    next_kernel.expect(os.environ)
    happens(packages)
    with next_kernel.place(os.environ) as place:
        assert place.ahead is None


def test_saving_files_beside_modules_costs_nobody_the_kernel(next_kernel, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "notebook.ipynb").touch()
    next_kernel.expect(os.environ)
    (tmp_path / "new").touch()
    (tmp_path / "new").replace(tmp_path / "notebook.ipynb")
    with next_kernel.place(os.environ) as place:
        assert place.ahead is not None


def test_a_notebook_that_installs_packages_gets_a_kernel_that_has_imported_none(next_kernel):
    next_kernel.expect(os.environ)
    with next_kernel.place(os.environ) as place:
        said = told(place, os.environ, "# %pip install x\nimport sys\nprint('colorsys' in sys.modules)")
    assert said == ["False"]
    assert not place.ahead.alive


def test_one_that_died_over_its_waiting_costs_nobody_a_notebook(next_kernel, monkeypatch):
    monkeypatch.setattr(next_kernel, "_warm_up", "import os; os._exit(1)")
    next_kernel.expect(os.environ)
    with next_kernel.place(os.environ) as place:  # it is not dead yet
        assert told(place, os.environ, "print(1)") == ["1"]


def test_one_that_nobody_comes_for_is_ended(monkeypatch, no_kernel_left):
    monkeypatch.setattr(room, "ROOM", 0)
    made = room.NextKernel(later=(), warm_up="pass", idle=0.01)
    made.expect(os.environ)
    deadline = time.monotonic() + 30
    while made._waiting is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    made.close()


def test_none_is_started_without_memory_or_after_the_end(next_kernel, monkeypatch):
    with monkeypatch.context() as scarce:
        scarce.setattr(room, "ROOM", float("inf"))
        next_kernel.expect(os.environ)
    next_kernel.close()
    next_kernel.expect(os.environ)
    with next_kernel.place(os.environ) as place:
        assert place.ahead is None


def test_a_container_has_what_its_limit_leaves(tmp_path):
    (tmp_path / "memory.current").write_text("600000000\n")
    (tmp_path / "memory.max").write_text("1000000000\n")
    assert room.free_memory(tmp_path) == 400_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room.free_memory(tmp_path) > 400_000_000
    assert room.free_memory(tmp_path / "none") > 400_000_000


SCRIPT = """
import sys
from kbench_jupyter.execution import ahead
ahead.ROOM = 0
made = ahead.NextKernel(later=(), warm_up="import os; print(os.getpid(), file=open(%r, 'w'))")
made.expect({"PATH": ""})
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("end", ["exit", "kill"])
def test_it_ends_with_the_process_that_wanted_it(tmp_path, end):
    said = tmp_path / "pid"
    os.mkfifo(said)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # A short path: that of a socket may have about 100 characters.
    with tempfile.TemporaryDirectory(prefix="kb") as temporary:
        env = {**os.environ, "TMPDIR": temporary}
        with subprocess.Popen([sys.executable, "-c", SCRIPT % str(said)], env=env, **pipes) as process:
            kernel = psutil.Process(int(said.read_text()))
            assert len(list(Path(temporary).iterdir())) == 2
            if end == "kill":
                process.send_signal(signal.SIGKILL)
            _, noise = process.communicate(timeout=30)
        assert noise == b""
        gone, _ = psutil.wait_procs([kernel], timeout=10)
        assert gone or kernel.status() == psutil.STATUS_ZOMBIE
        if end == "exit":
            assert list(Path(temporary).iterdir()) == []
