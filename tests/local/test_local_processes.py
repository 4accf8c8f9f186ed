"""No process of ours outlives what it is for: a job's end with the job, all with the server, however that ends."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
from local_server_process import FEW_PACKAGES, PROXY, Server, plain, wait_for

pytestmark = pytest.mark.slow

#: 3 in everyday life; ``SERVER_KILLS=200`` is the long form.
KILLS = int(os.environ.get("SERVER_KILLS", "3"))
SECONDS = 20
"""How long what is told to end may take on a busy machine."""

#: A daemon: its own session, no parent, and as here no environment by which to find it.
DAEMON = """
import os, sys, time
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(told, str(os.getpid()).encode())
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"], %s)
    os._exit(0)
os.wait()
print("daemon", os.read(ready, 99).decode(), flush=True)
"""
needs_adoption = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")


def there(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def ours(home):
    """Return every process of a server's home, wherever it has gone: its own folder is named in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            values = [*process.environ().values(), *process.cmdline()]
        except psutil.Error:
            continue
        if there(process) and process.pid != os.getpid() and any(str(home) in value for value in values):
            found.append(process)
    return found


def all_gone(home):
    wait_for(lambda: not ours(home), SECONDS, f"all processes of {home} to end")
    return True


def daemon_of(folder):
    """Return the daemon whose number a job has printed."""

    def look():
        log = (folder / "log.jsonl").read_text() if (folder / "log.jsonl").exists() else ""
        return log.partition("daemon ")[2].partition("\\n")[0]

    number = int(wait_for(look, 60, "the daemon to be named"))
    return psutil.Process(number) if psutil.pid_exists(number) else None


@needs_adoption
def test_a_jobs_daemon_ends_with_the_job(server):
    server.push("daemonic", plain("daemonic", DAEMON % "{}"))
    assert server.creation("daemonic") == ("COMPLETED", "")
    folder = max((server.home / "creations").iterdir(), key=lambda path: int(path.name))
    assert daemon_of(folder) is None


@needs_adoption
@pytest.mark.parametrize("how", ["cancelled", "its runner is killed", "the server is killed"])
def test_a_daemon_of_a_job_that_ends_early_ends_too(make_server, how):
    one = make_server("--workers", "1")
    code = "import os, pathlib\ncreated = pathlib.Path(os.environ['HOME']).parents[2] / 'created'\n"
    code += "if created.exists():\n" + "".join(f"    {line}\n" for line in (DAEMON % "{}").splitlines())
    code += "    time.sleep(600)\ncreated.touch()\n"
    one.push("long", plain("long", code))
    assert one.creation("long") == ("COMPLETED", "")
    one.schedule("long")
    run = one.runs("long")[0]["id"]
    wait_for(lambda: (one.home / "runs" / str(run)).exists(), 60, "the run to begin")
    daemon = daemon_of(one.home / "runs" / str(run))
    assert daemon is not None
    if how == "cancelled":
        assert one.cancel(run, active=True) == {"activeTerminatedCount": 1}
    elif how == "its runner is killed":
        one.kernels()[0].parent().kill()
    else:
        one.kill()
    wait_for(lambda: not there(daemon), SECONDS, "the daemon to end")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="POSIX signals")
def test_a_job_whose_runner_was_stopped_ends_with_the_server(make_server):
    one = make_server("--workers", "1")
    one.push("stops", plain("stops", "import os, signal, time\nos.kill(os.getppid(), 19)\ntime.sleep(600)"))
    wait_for(
        lambda: [p for p in one.family() if there(p) and p.status() == psutil.STATUS_STOPPED], 60, "the stop"
    )
    one.kill()
    assert all_gone(one.home)


def test_an_engine_that_is_still_loading_ends_with_the_server(make_server):
    for pause in (0, 0.05, 0.2, 0.4, 0.8):  # at its start, in its imports, in native code
        one = make_server()
        token = one.proxy_token()
        headers = {"Authorization": f"Bearer {token}"}
        asking = threading.Thread(target=ask, args=(one, headers))
        asking.start()
        engine = wait_for(
            lambda one=one: [p for p in one.family() if "kbench_jupyter.local.engine" in p.cmdline()],
            60,
            "the engine",
        )
        time.sleep(pause)  # not for anything to happen: a moment is chosen
        one.kill()
        asking.join()
        wait_for(lambda engine=engine: not there(engine[0]), SECONDS, "the engine to end")
        assert all_gone(one.home)


def ask(server, headers):
    body = {
        "model": "huggingfacetb/smollm2-135m-instruct",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    with contextlib.suppress(requests.RequestException):  # the server was killed
        requests.post(f"{server.url}/openapi/chat/completions", json=body, headers=headers, timeout=60)


def test_a_new_server_ends_what_an_old_one_left(make_server):
    one = make_server()
    one.stop()
    home = one.home / "work" / "run-1-0000" / "home"
    left = psutil.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, "HOME": str(home)}
    )
    other = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        one.start()
        assert left.wait(SECONDS) != 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.fixture
def temporary(monkeypatch):
    """Where what a test starts puts its temporary folders."""
    # Not below pytest's own: the path of a Unix socket may have about 100 characters.
    with tempfile.TemporaryDirectory(prefix="kbt-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process for a while")
def test_temporary_folders_of_a_killed_server_and_its_killed_runners_are_removed_at_the_next_start(
    tmp_path, temporary
):
    one = Server(tmp_path / "home")
    one.push("long", plain("long", "import time\ntime.sleep(600)"))
    stale = wait_for(lambda: set(temporary.glob("kb-*/kb-*/ipython/..")), 60, "the job's kernel")
    one.process.send_signal(signal.SIGSTOP)  # so that it cannot tidy up after those that are killed first
    for process in one.family():
        with contextlib.suppress(psutil.Error):
            process.kill()
    one.kill()
    assert all(map(Path.exists, stale))
    precious = temporary / "precious"
    precious.mkdir()
    (one.home / "temporary").write_text(str(precious))  # whatever is written there
    one.start()
    try:
        assert not any(map(Path.exists, stale))
    finally:
        one.stop()
    assert [path.name for path in temporary.iterdir()] == ["precious"]


def test_however_often_the_server_is_killed_under_load_nothing_is_left_and_nothing_lost(tmp_path, temporary):
    """Long form: ``SERVER_KILLS=200 pytest tests/local/test_local_processes.py -k however_often --timeout 0``."""
    chance = random.Random(KILLS)
    # In the long form it is also killed while what it forks off imports for seconds.
    env = {} if "SERVER_KILLS" in os.environ else FEW_PACKAGES
    one = Server(tmp_path / "home", env=env, ahead=True)
    try:
        for number in range(KILLS):
            stop = threading.Event()
            load = threading.Thread(target=keep_busy, args=(one, stop))
            load.start()
            one.push(f"task-{number}", plain(f"task-{number}"))
            time.sleep(chance.uniform(0, 4))  # not for anything to happen: a moment is chosen
            family = one.family()
            one.kill()
            stop.set()
            load.join()
            wait_for(lambda f=family: not any(map(there, f)), SECONDS, "the server's children to end")
            assert all_gone(one.home)
            one.start()
        for number in range(KILLS):
            assert one.creation(f"task-{number}") == ("COMPLETED", "")
            assert one.task(f"task-{number}")["slug"]["versionNumber"] == 1, "nothing was doubled"
    finally:
        one.stop()
    assert all_gone(one.home)
    assert not [path for path in (one.home / "work").iterdir() if any(path.rglob("working"))]
    assert list(temporary.glob("kb*")) == [], "nor in the folder for temporary files"


def keep_busy(server, stop):
    """Prompt the model, and ask this and that."""
    while not stop.is_set():
        try:
            server.call("CreateDefaultModelProxyToken", {}, PROXY)
            ask(server, {"Authorization": f"Bearer {server.proxy_token()}"})
            server.call("ListBenchmarkTasks")
        except (requests.RequestException, AssertionError):
            return  # killed
