"""Finding, starting, stopping and resetting the embedded server, as a notebook's kernel does it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
import requests

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local import __main__
from kbench_jupyter.session import local_server

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    yield folder
    local_server.stop(folder)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_it_is_started_on_first_need_and_found_again(home):
    assert local_server.find(home) is None
    first = local_server.ensure_running(home)
    assert first.started
    assert first.home == home.resolve()
    again = local_server.ensure_running(home)
    assert (again.url, again.pid, again.started) == (first.url, first.pid, False)
    assert local_server.find(home) == again
    headers = {"Authorization": f"Bearer {first.token}"}
    url = f"{first.url}/v1/benchmarks.BenchmarkTasksApiService/ListBenchmarkTasks"
    assert requests.post(url, json={}, headers=headers, timeout=10).json() == {}


def test_the_token_is_in_no_repr_and_its_file_is_private(home):
    server = local_server.ensure_running(home)
    assert server.token not in repr(server)
    assert server.token not in repr(local_server.status(home))
    assert stat.S_IMODE((home / "token").stat().st_mode) == 0o600
    assert server.token not in " ".join(psutil.Process(server.pid).cmdline())


def test_the_home_comes_from_the_environment(home, monkeypatch):
    monkeypatch.setenv("KBENCH_HOME", str(home))
    assert local_server.home_folder() == home.resolve()
    monkeypatch.delenv("KBENCH_HOME")
    assert local_server.home_folder().name == "kbench-jupyter"


def test_stopping_ends_the_process_and_says_whether_there_was_one(home):
    server = local_server.ensure_running(home)
    assert local_server.stop(home) is True
    assert not alive(server.pid)
    assert local_server.find(home) is None
    assert local_server.status(home) is None
    assert local_server.stop(home) is False
    assert "stopped" in local_server.log_tail(home)


def test_a_stopped_server_comes_back_at_the_same_address_with_the_same_token(home):
    first = local_server.ensure_running(home)
    local_server.stop(home)
    second = local_server.ensure_running(home)
    assert (second.url, second.token) == (first.url, first.token)
    assert second.pid != first.pid


def test_many_kernels_that_start_it_at_once_get_the_same_one(home):
    code = (
        "import sys; from kbench_jupyter.session.local_server import ensure_running as e;"
        "s = e(sys.argv[1]); print(s.url, s.pid, s.started)"
    )

    def kernel(_):
        command = [sys.executable, "-c", code, str(home)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(kernel, range(3)))
    assert len({(url, pid) for url, pid, _started in answers}) == 1
    assert [started for *_, started in answers].count("True") == 1


def test_a_killed_server_is_recovered_from(home):
    first = local_server.ensure_running(home)
    victim = psutil.Process(first.pid)
    victim.kill()
    victim.wait(10)
    assert (home / "server.json").exists()
    second = local_server.ensure_running(home)
    assert second.started
    assert second.token == first.token


def test_whoever_took_the_port_of_a_killed_server_never_sees_the_token(home):
    server = local_server.ensure_running(home)
    local_server.stop(home)
    seen = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, str(self.headers)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"proof": "believe me"}')

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        (home / "server.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        assert local_server.find(home) is None
        assert local_server.ensure_running(home).url != url
        stranger.shutdown()
        thread.join()
    assert seen
    assert not [words for words in seen if server.token in str(words)]


@pytest.mark.parametrize("ends", ["never", "no proof"])
def test_a_program_at_the_port_of_a_killed_server_keeps_nobody_waiting(tmp_path, monkeypatch, ends):
    monkeypatch.setattr("kbench_jupyter.session.local_process._ANSWER", 0.5)
    gone = threading.Event()

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write('{"proof": "é"}'.encode())
            with suppress(OSError):
                while ends == "never" and not gone.wait(0.1):
                    self.wfile.write(b" ")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        state = {"url": f"http://127.0.0.1:{stranger.server_port}", "pid": os.getpid()}
        (tmp_path / "server.json").write_text(json.dumps(state))
        (tmp_path / "token").write_text("a-token")
        looking = threading.Thread(target=local_server.find, args=[tmp_path], daemon=True)
        looking.start()
        looking.join(10)
        waits = looking.is_alive()
        gone.set()
        stranger.shutdown()
        thread.join()
    assert not waits
    assert local_server.find(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 3}', '{"url": "http://127.0.0.1:1", "pid": "x"}'])
def test_a_state_file_of_nonsense_is_as_none(tmp_path, text):
    (tmp_path / "server.json").write_text(text)
    (tmp_path / "token").write_text("t")
    assert local_server.find(tmp_path) is None


def test_status_says_what_it_does(home):
    server = local_server.ensure_running(home)
    said = local_server.status(home)
    assert said.server == server.__class__(server.url, server.token, server.pid, False, server.home)
    assert said.models == ("smollm2-135m-instruct",)
    assert (said.workers, said.going, said.waiting, said.problem) == (2, 0, 0, "")


def test_a_look_at_what_it_does_is_one_call(home, monkeypatch):
    local_server.ensure_running(home)
    calls = []
    call = local_server.call
    monkeypatch.setattr(
        local_server, "call", lambda server, name, **body: calls.append(name) or call(server, name, **body)
    )
    assert local_server.status(home).models
    assert not local_server.status(home, models=False).models
    assert calls == ["GetStatus", "GetStatus"]


def test_reset_forgets_tasks_and_keeps_the_token(home):
    server = local_server.ensure_running(home)
    headers = {"Authorization": f"Bearer {server.token}"}
    service = f"{server.url}/v1/benchmarks.BenchmarkTasksApiService"
    body = {"slug": "x", "text": "no notebook"}
    requests.post(f"{service}/CreateBenchmarkTask", json=body, headers=headers, timeout=10).raise_for_status()
    (home / "of-mine.txt").write_text("kept")
    local_server.reset(home)
    assert not alive(server.pid)
    assert local_server.log_tail(home) == ""
    assert (home / "of-mine.txt").exists()
    again = local_server.ensure_running(home)
    assert (again.token, again.url) == (server.token, server.url)
    assert requests.post(f"{service}/ListBenchmarkTasks", json={}, headers=headers, timeout=10).json() == {}


def test_a_missing_extra_is_named_with_what_to_type(home, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "starlette" else real(n, *a))
    with pytest.raises(LocalServerError, match="starlette") as caught:
        local_server.ensure_running(home)
    assert caught.value.hint == "%pip install 'kbench-jupyter[local]'"


def test_a_taken_port_is_told_with_the_servers_own_words(home):
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        with pytest.raises(LocalServerError) as caught:
            local_server.ensure_running(home, port=taken.server_port)
        assert str(taken.server_port) in caught.value.message


@pytest.mark.parametrize(
    "url", ["localhost:11434/v1", "ftp://127.0.0.1", "http://", "http://a:b/v1", "my endpoint"]
)
def test_an_endpoint_that_cannot_be_is_refused_as_the_server_is_started(home, monkeypatch, url):
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", url)
    with pytest.raises(LocalServerError, match="KBENCH_UPSTREAM_URL is no web address") as caught:
        local_server.ensure_running(home)
    assert url in caught.value.message
    assert "http://localhost:11434/v1" in caught.value.hint
    assert "%env KBENCH_UPSTREAM_URL=" in caught.value.hint


def test_a_refused_endpoints_password_and_a_refused_key_are_not_shown(home, monkeypatch):
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", "ftp://ada:hush@127.0.0.1/v1")
    with pytest.raises(LocalServerError, match="no web address") as caught:
        local_server.ensure_running(home)
    assert "hush" not in "".join(caught.value.lines())
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("KBENCH_UPSTREAM_API_KEY", "hush\u2026")
    with pytest.raises(LocalServerError, match="KBENCH_UPSTREAM_API_KEY holds a character") as caught:
        local_server.ensure_running(home)
    assert "hush" not in "".join(caught.value.lines()) + (home / "server.log").read_text()


NONSENSE = ["many", "nan", "inf", "-inf", "-1", "1e99", "0x2", "2,5", "9" * 5000]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("WORKERS", "RUN_TIMEOUT", "IDLE_MINUTES", "MEMORY_GB")
        for value in ("many", "nan")
    ]
    + [("WORKERS", value) for value in ("0", "1.5", *NONSENSE[2:])]
    + [("RUN_TIMEOUT", "0"), ("IDLE_MINUTES", "-0.5")],
)
def test_a_number_that_cannot_be_is_refused_with_one_line_as_the_server_is_started(
    home, monkeypatch, name, value
):
    monkeypatch.setenv(f"KBENCH_{name}", value)
    with pytest.raises(LocalServerError) as caught:
        local_server.ensure_running(home)
    said = caught.value
    assert said.message.startswith(f"The embedded server does not start: KBENCH_{name} takes a ")
    assert value[:60] in said.message
    assert "\n" not in said.message
    assert len(said.message) < 200
    assert said.detail is None
    assert said.hint.startswith(f"%env KBENCH_{name}=")


@pytest.mark.parametrize("option", ["port", "workers", "run-timeout", "idle-minutes"])
@pytest.mark.parametrize("value", NONSENSE)
def test_the_same_on_its_command_line(option, value, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["kbench_jupyter.local", "--home", str(tmp_path), f"--{option}={value}"])
    monkeypatch.setattr(__main__, "_become_clean", lambda: {"endpoint": None, "environment": {}})
    monkeypatch.setattr(__main__, "close_memory", lambda: None)  # of this very process
    assert __main__.main() == __main__.CANNOT_SERVE
    first, _, hint = capsys.readouterr().err.splitlines()
    assert first.startswith(f"--{option} takes a ")
    assert first.endswith(f", not {value[:60]!r}.")
    assert hint.startswith(f"→ --{option} ")


def test_a_server_that_breaks_at_its_start_is_told_with_its_last_words(home, tmp_path, monkeypatch):
    broken = tmp_path / "modules"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("raise RuntimeError('a broken uvicorn')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(LocalServerError) as caught:
        local_server.ensure_running(home)
    assert "a broken uvicorn" in caught.value.detail


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalServerError, match="cannot be written") as caught:
        local_server.ensure_running(tmp_path / "file" / "home")
    assert "KBENCH_HOME" in caught.value.hint


def test_a_home_that_is_a_file_is_told_or_has_no_server(tmp_path):
    home = tmp_path / "file"
    home.write_text("")
    assert local_server.log_tail(home) == ""
    assert local_server.stop(home) is False
    with pytest.raises(LocalServerError, match="cannot be emptied"):
        local_server.reset(home)


def test_a_log_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "server.log").mkdir()
    with pytest.raises(LocalServerError, match="cannot be read"):
        local_server.log_tail(tmp_path)


def test_a_server_that_takes_too_long_is_told_and_not_left_behind(home):
    with pytest.raises(LocalServerError, match="no answer within"):
        local_server.ensure_running(home, timeout=0.01)
    mine = [" ".join(p.cmdline()) for p in psutil.Process().children() if alive(p.pid)]
    assert not [line for line in mine if str(home) in line]


def test_importing_it_brings_no_requests():
    code = "import sys, kbench_jupyter.session.local_server; print('requests' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_the_log_is_read_from_its_end(tmp_path):
    (tmp_path / "server.log").write_text("".join(f"{n}\n" for n in range(100)))
    assert local_server.log_tail(tmp_path, 2) == "98\n99\n"
    assert local_server.log_tail(Path(tmp_path / "none")) == ""
