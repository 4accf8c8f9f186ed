"""KBENCH_SANDBOX=bwrap: what a task sees from its sandbox, and that it works in there as outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from local_server_process import FEW_PACKAGES, plain

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.session import local_server

pytestmark = pytest.mark.slow

TASK = """
import kaggle_benchmarks as kbench

@kbench.task(name="Inside")
def inside(llm) -> bool:
    return bool(llm.prompt("Say hello."))

inside.run(kbench.llm)
"""
# Asks the model as the SDK does, without the seconds of importing it.
ASK = """
import json, os, urllib.request
asked = {"model": os.environ["LLM_DEFAULT"], "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}
request = urllib.request.Request(
    os.environ["MODEL_PROXY_URL"] + "/openapi/chat/completions", json.dumps(asked).encode(),
    {"Authorization": "Bearer " + os.environ["MODEL_PROXY_API_KEY"]},
)
assert json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
"""
# What can be read, reached and seen; each as a list of what should not have been.
LOOK = """
import json as j, os, socket, urllib.request
from pathlib import Path

def readable(path):
    try:
        if os.path.isdir(path):
            return bool(os.listdir(path))
        open(path, "rb").read()
        return True
    except OSError:
        return False

def reachable(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False

def writable(path):
    try:
        Path(path, "probe").write_text("x")
        return True
    except OSError:
        return False

open("mine.txt", "w").write("x")
os.system("(mount -o remount,rw,bind /usr; mount -o remount,rw /) 2> /dev/null")  # as root might
print("LOOKED", j.dumps({
    "read": [p for p in PATHS if readable(p)],
    "written": [p for p in ("/", "/usr", "/etc", *PATHS) if writable(p)],
    "ports": [p for p in PORTS if reachable(p)],
    "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
    "proxy": reachable(int(os.environ["MODEL_PROXY_URL"].rpartition(":")[2].split("/")[0])),
}))
"""


@pytest.fixture(scope="module")
def bwrap():
    found = shutil.which("bwrap")
    if found is None:
        pytest.skip("bubblewrap is not installed")
    tried = subprocess.run(
        [found, "--unshare-all", "--ro-bind", "/", "/", "/bin/true"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"bubblewrap cannot make a sandbox here: {tried.stderr.decode().strip()}")


def looked(path):
    text = "".join(json.loads(line)["data"] for line in path.read_text().splitlines())
    return json.loads(text.partition("LOOKED ")[2].splitlines()[0])


@pytest.mark.usefixtures("bwrap")
def test_a_task_sees_nothing_of_the_home_no_network_and_no_other_process_and_its_model_answers(
    make_server, tmp_path
):
    (tmp_path / "secret.txt").write_text("x")
    one = make_server(env={"KBENCH_SANDBOX": "bwrap"})
    with socket.create_server(("127.0.0.1", 0)) as other:
        paths = [
            str(p)
            for p in (Path.home(), tmp_path / "secret.txt", one.home, one.home / "token", Path(__file__))
        ]
        paths += ["/root", "/home", "/etc/shadow", "/var", "/mnt", "/opt"]
        look = f"PATHS = {paths!r}\nPORTS = [{other.getsockname()[1]}]\n{LOOK}"
        one.push("looks", plain("looks", look))
        assert one.creation("looks") == ("COMPLETED", "")
    found = looked(one.home / "creations" / "1" / "log.jsonl")
    interpreter = [p for p in found["read"] if Path(os.path.realpath(os.sys.executable)).is_relative_to(p)]
    assert [p for p in found["read"] if p not in interpreter and p != str(one.home)] == []
    assert found["written"] == []
    assert found["ports"] == []
    assert found["proxy"] is True
    assert found["processes"] < 8
    one.push("inside", TASK)
    assert one.creation("inside") == ("COMPLETED", "")
    assert one.run_now("looks")["state"] == "COMPLETED"


@pytest.mark.usefixtures("bwrap")
def test_a_server_whose_folder_lies_in_one_that_a_task_may_see_keeps_it_to_itself(make_server, tmp_path):
    (tmp_path / "seen.txt").write_text("x")
    one = make_server(env={"KBENCH_SANDBOX": "bwrap", "PYTHONPATH": str(tmp_path)})
    paths = [tmp_path / "seen.txt", one.home / "token", one.home / "server.sqlite3", one.home / "creations"]
    look = f"PATHS = {[str(path) for path in paths]!r}\nPORTS = []\n{LOOK}"
    one.push("looks", plain("looks", look))
    assert one.creation("looks") == ("COMPLETED", "")
    found = looked(one.home / "creations" / "1" / "log.jsonl")
    assert found["read"] == [str(tmp_path / "seen.txt")]
    assert found["written"] == []


@pytest.mark.usefixtures("bwrap")
def test_a_task_in_a_sandbox_is_interrupted_cancelled_and_gone_as_any(make_server):
    one = make_server("--run-timeout", "12", env={"KBENCH_SANDBOX": "bwrap"})
    one.push(
        "endless",
        "import subprocess, time\nsubprocess.Popen(['sleep', '600'])\nx = 1\nwhile True: time.sleep(1)",
    )
    state, error = one.creation("endless")
    assert state == "ERRORED"
    assert "Stopped after 12 s, the most a notebook may take; it was in cell 1, line 4." in error
    assert not [p for p in one.family() if p.name() == "sleep"]
    one.push("fails", "x = 1\nraise ValueError('no such thing')")
    assert "Cell 1, line 2 failed" in one.creation("fails")[1]


@pytest.mark.usefixtures("bwrap")
def test_a_kernel_kept_ready_is_in_a_sandbox_too(make_server, tmp_path):
    one = make_server(env={"KBENCH_SANDBOX": "bwrap", **FEW_PACKAGES}, ahead=True)
    look = f"PATHS = {[str(tmp_path / 'home' / 'token')]!r}\nPORTS = []\n{LOOK}"
    for number in range(1, 3):
        one.push(f"ahead-{number}", plain(f"ahead-{number}", look))
        assert one.creation(f"ahead-{number}") == ("COMPLETED", "")
        found = looked(one.home / "creations" / str(number) / "log.jsonl")
        assert found["read"] == []


@pytest.mark.parametrize(
    ("value", "said"), [("firejail", "called bwrap"), ("bwrap", "bubblewrap is not installed")]
)
def test_a_sandbox_that_cannot_be_had_is_said_as_the_server_is_started(tmp_path, monkeypatch, value, said):
    monkeypatch.setenv("KBENCH_SANDBOX", value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServerError) as caught:
        local_server.ensure_running(tmp_path / "home")
    assert f"The embedded server does not start: KBENCH_SANDBOX={value}: " in caught.value.message
    assert said in caught.value.message
    assert "%env KBENCH_SANDBOX=" in caught.value.hint


@pytest.mark.usefixtures("bwrap")
def test_a_sandbox_that_would_hide_python_is_refused_before_any_task_is_run_in_it(tmp_path):
    with pytest.raises(LocalServerError, match="execvp") as caught:
        Sandbox(1, tmp_path, Path(sys.prefix))
    assert "KBENCH_HOME" in caught.value.hint


@pytest.mark.usefixtures("bwrap")
def test_on_a_clusters_workers_a_task_is_in_a_sandbox_too_and_its_model_answers(make_server, tmp_path):
    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    (tmp_path / "secret.txt").write_text("x")
    # Else its kernel would be forked, and no command to put a sandbox around.
    one = make_server("--cluster", "new:1", env={"KBENCH_SANDBOX": "bwrap"}, ahead=True)
    paths = [str(path) for path in (Path.home(), tmp_path / "secret.txt", one.home / "token", "/var", "/opt")]
    one.push("looks", plain("looks", f"PATHS = {paths!r}\nPORTS = [{one.state['port']}]\n{LOOK}"))
    assert one.creation("looks") == ("COMPLETED", "")
    found = looked(one.home / "creations" / "1" / "log.jsonl")
    interpreter = [p for p in found["read"] if Path(os.path.realpath(os.sys.executable)).is_relative_to(p)]
    assert [*found["ports"], *(p for p in found["read"] if p not in interpreter)] == []
    assert (found["written"], found["proxy"], found["processes"] < 8) == ([], True, True)
    one.push("inside", plain("inside", ASK))
    assert one.creation("inside") == ("COMPLETED", "")


def test_a_worker_that_has_no_sandbox_says_so_in_the_runs_error(tmp_path):
    from dask_cluster import DaskCluster
    from local_server_process import Server

    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    (tmp_path / "cluster").mkdir()
    (tmp_path / "bin").mkdir()
    cluster = DaskCluster(tmp_path / "cluster", env={"PATH": str(tmp_path / "bin")})
    cluster.add()
    server = Server(tmp_path / "home", "--cluster", cluster.address, env={"KBENCH_SANDBOX": "bwrap"})
    try:
        server.push("looks", plain("looks"))
        state, error = server.creation("looks")
        assert (state, "On the worker tcp://" in error) == ("ERRORED", True)
        assert "bubblewrap is not installed" in error
    finally:
        server.stop()
        cluster.stop()
