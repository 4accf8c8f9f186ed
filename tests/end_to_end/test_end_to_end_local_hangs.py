"""A server that runs and does not answer: told from one that does not run, and ended before anything else is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from door import Door

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.session import local_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to make a process hang from outside"),
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("KBENCH_HOME", str(folder))
    yield folder
    local_server.stop(folder)


@pytest.fixture
def hung(home, monkeypatch):
    """Start a server that hangs."""
    server = local_server.ensure_running(home)
    monkeypatch.setattr(local_server, "_COURTESY", 0.5)
    monkeypatch.setattr("kbench_jupyter.session.local_process._ANSWER", 0.5)
    os.kill(server.pid, signal.SIGSTOP)
    yield server
    for process in (p for p in psutil.process_iter() if p.pid == server.pid):
        process.send_signal(signal.SIGCONT)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_status_says_that_it_runs_and_hangs(shell, hung, home):
    shown = Door(shell)("local status")
    assert "does not answer" in str(shown)
    assert "it hangs" in str(shown)
    assert shown.facts["process"] == str(hung.pid)
    process = psutil.Process(hung.pid)
    process.kill()
    process.wait(10)
    assert "is not running" in str(Door(shell)("local status"))


def test_one_that_is_starting_is_not_taken_for_one_that_hangs(shell, hung, home):
    (home / "server.json").unlink()  # as before its first answer
    assert "may be starting" in str(Door(shell)("local status"))


def test_stop_ends_it_by_force(shell, hung, capsys):
    door = Door(shell)
    assert "has stopped" in str(door("local stop"))
    assert f"(process {hung.pid}), which does not answer" in " ".join(capsys.readouterr().out.split())
    assert not alive(hung.pid)
    assert "was not running" in str(door("local stop"))


def test_start_ends_it_first(shell, hung, capsys):
    shown = Door(shell)("local start")
    assert f"process {hung.pid}" in " ".join(capsys.readouterr().out.split())
    assert "started" in str(shown)
    assert shown.facts["process"] != str(hung.pid)
    assert not alive(hung.pid)


def test_reset_ends_it_and_deletes_after_that(hung, home):
    local_server.reset(home)
    assert not alive(hung.pid)
    assert not (home / "server.sqlite3").exists()


def test_reset_deletes_nothing_under_a_server_that_was_started_meanwhile(home, monkeypatch):
    local_server.ensure_running(home)
    monkeypatch.setattr(local_server, "stop", lambda _home: True)  # another kernel starts one right after
    with pytest.raises(LocalServerError, match="nothing was deleted"):
        local_server.reset(home)
    monkeypatch.undo()
    assert (home / "server.sqlite3").exists()
    assert local_server.find(home) is not None
    local_server.stop(home)


def test_another_process_with_the_number_of_a_dead_server_is_left_alone(home):
    home.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (home / "server.pid").write_text(json.dumps([other.pid, "1"]))
        assert local_server.stop(home) is False
        assert other.poll() is None
        other.kill()


def test_an_old_traceback_is_not_taken_for_the_reason(home, tmp_path, monkeypatch):
    home.mkdir()
    old = "Traceback (most recent call last):\nValueError: of yesterday\n"
    for name in ("start.log", "server.log"):
        (home / name).write_text(old)
    broken = tmp_path / "modules"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(LocalServerError, match="ended at once \\(exit code 9\\)") as caught:
        local_server.ensure_running(home)
    assert caught.value.detail is None
    (broken / "uvicorn.py").write_text("raise ValueError('of today')")
    with pytest.raises(LocalServerError) as caught:
        local_server.ensure_running(home)
    assert "of today" in caught.value.detail
    assert "of yesterday" not in caught.value.detail
