"""`python -m kbench_jupyter enable`: every IPython has `%kbench`, nothing else of its configuration changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

SHOW = "get_ipython().find_line_magic('kbench') is not None, [name for name in dir() if name[0] != '_']"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "ipython"


def call(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "kbench_jupyter", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def ipython(*options: str) -> str:
    command = [sys.executable, "-m", "IPython", *options, "--simple-prompt", "--colors=NoColor", "-c"]
    done = subprocess.run([*command, f"print({SHOW})"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_every_ipython_and_kernel_has_kbench_after_enable_and_none_after_disable(home: Path) -> None:
    assert ipython().startswith("False ")
    startup = home / "profile_default" / "startup"
    (startup / "10-mine.py").write_text("mine = 1\n")
    (home / "profile_default" / "ipython_config.py").write_text(
        "c = get_config()\nc.InteractiveShellApp.extensions = ['autoreload']\n"
    )
    before = files(home / "profile_default" / "startup")
    status, said = call("enable")
    assert status == 0
    assert "%kbench is enabled in IPython's profile default" in said
    assert str(startup) in said
    status, again = call("enable")
    assert status == 0
    assert "%kbench is already enabled" in again
    assert ipython() == "True ['In', 'Out', 'exit', 'get_ipython', 'mine', 'open', 'quit']\n"
    manager, client = start_new_kernel(env=dict(os.environ))
    try:
        reply = client.execute_interactive("%kbench -h", silent=True, timeout=60)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert call("disable")[0] == 0
    assert "already disabled" in call("disable")[1]
    assert ipython().startswith("False ")
    assert files(startup) == before


def test_a_profile_by_name_must_be_there(home: Path) -> None:
    status, said = call("enable", "--profile", "work")
    assert status == 1
    assert "There is no IPython profile 'work'" in said
    assert "ipython profile create work" in said
    (home / "profile_work").mkdir(parents=True)
    assert call("enable", "--profile", "work")[0] == 0
    assert [path.parent.parent.name for path in home.rglob("*.py")] == ["profile_work"]
    assert call("enable", "--profile", "../elsewhere")[0] == 1


def test_an_environment_of_the_same_profile_without_the_package_is_left_in_peace(home: Path) -> None:
    call("enable")
    [file] = home.rglob("*.py")
    text = file.read_text().replace('"kbench_jupyter"', '"no_such_package"')
    exec(compile(text, file, "exec"), {})  # without get_ipython: it is not even asked for


@pytest.mark.parametrize(
    ("variable", "service"), [("KAGGLE_KERNEL_RUN_TYPE", "Kaggle"), ("COLAB_RELEASE_TAG", "Colab")]
)
def test_where_the_machine_does_not_last_it_says_what_the_first_cell_needs(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, service: str
) -> None:
    monkeypatch.setenv(variable, "Interactive")
    status, said = call("enable")
    assert status == 1
    assert service in said
    assert "%pip install -q kbench-jupyter\n" in said
    assert "%load_ext kbench_jupyter" in said
    assert not home.exists()


def test_a_file_of_that_name_which_is_somebody_elses_is_left_as_it_is(home: Path) -> None:
    file = home / "profile_default" / "startup" / "60-kbench_jupyter.py"
    file.parent.mkdir(parents=True)
    file.write_text("print('mine')\n")
    for command in ("enable", "disable"):
        status, said = call(command)
        assert status == 1
        assert "was not written by this package" in said
    assert file.read_text() == "print('mine')\n"
