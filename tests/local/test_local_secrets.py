"""What a task can and cannot get hold of on the embedded server: keys, memory, proxies that would be handed them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from local_server_process import plain, wait_for

from kbench_jupyter.local.models import Model, ModelError
from kbench_jupyter.local.upstream import Upstream
from kbench_jupyter.session import local_server

KEY, PASSWORD, TOKEN = "upstream-s3cret", "pr0xy-word", "kaggle-t0ken"
SECRETS = {
    "KBENCH_UPSTREAM_URL": "http://127.0.0.1:9/v1",
    "KBENCH_UPSTREAM_API_KEY": KEY,
    "HTTPS_PROXY": f"http://ada:{PASSWORD}@127.0.0.1:9",
    "KAGGLE_API_TOKEN": TOKEN,
}

# A task that looks for keys wherever Linux lets it, and says where it looked. It is not to find its own text.
LOOK = """
import json as j
from pathlib import Path
needles = [b"upstream-" + b"s3cret", b"pr0xy-" + b"word", b"kaggle-" + b"t0ken"]
read, denied, found = [], [], []
for entry in Path("/proc").iterdir():
    if entry.name.isdigit():
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except PermissionError:
            denied.append(int(entry.name))
        except OSError:
            continue
        else:
            read.append(int(entry.name))
            if any(needle in text for needle in needles):
                found.append(int(entry.name))
j.dump([read, denied, found], open("looked.json", "w"))
print("LOOKED", j.dumps([read, denied, found]))
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc on this system")


def looked(log):
    text = "".join(json.loads(line)["data"] for line in log.read_text().splitlines())
    return json.loads(text.partition("LOOKED ")[2].splitlines()[0])


def engine_of(pid):
    family = psutil.Process(pid).children(recursive=True)
    return [p.pid for p in family if "kbench_jupyter.local.engine" in " ".join(p.cmdline())]


@needs_proc
@pytest.mark.slow
def test_a_task_finds_no_key_in_any_process_of_the_server_however_it_was_started(
    tmp_path, make_server, monkeypatch
):
    typed = make_server(env=SECRETS)
    typed.prompt()  # so that the model's process is there
    typed.push("looks", plain("looks", LOOK))
    assert typed.creation("looks") == ("COMPLETED", "")
    read, denied, found = looked(typed.home / "creations" / "1" / "log.jsonl")
    assert found == []
    [engine] = engine_of(typed.process.pid)
    for pid in (typed.process.pid, engine):
        assert pid in read or (pid in denied and os.geteuid()), "it was looked into"
    typed.stop()

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    mine = local_server.ensure_running(tmp_path / "mine")
    try:
        assert local_server.status(mine.home).settings["upstream_key_from"] == "KBENCH_UPSTREAM_API_KEY"
        text = b"".join(
            (Path("/proc") / str(p.pid) / "environ").read_bytes()
            for p in (psutil.Process(mine.pid), *psutil.Process(mine.pid).children(recursive=True))
            if not os.geteuid() or p.pid != mine.pid
        )
        assert not [secret for secret in (KEY, PASSWORD, TOKEN) if secret.encode() in text]
    finally:
        local_server.stop(mine.home)


@needs_proc
@pytest.mark.slow
def test_another_process_of_the_same_user_cannot_look_into_the_servers_memory(tmp_path):
    # Root sees everything, unless the right to is taken away.
    as_user = ["setpriv", "--bounding-set", "-sys_ptrace,-perfmon,-sys_admin"] if os.geteuid() == 0 else []
    if as_user and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv")

    def look(pid, name):
        code = f"open('/proc/{pid}/{name}', 'rb').close()"
        command = [*as_user, sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    home = tmp_path / "home"
    command = [*as_user, sys.executable, "-m", "kbench_jupyter.local", "--home", str(home), "--no-ahead"]
    server = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **SECRETS})
    other = subprocess.Popen([*as_user, sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        wait_for((home / "server.json").exists, 60, "the server")
        assert look(other.pid, "environ") == "", "one that was not told to keep its own counsel"
        assert "PermissionError" in look(server.pid, "environ")
        assert "PermissionError" in look(server.pid, "mem")
    finally:
        other.communicate(b"\n")
        server.terminate()
        server.wait(20)


class Proxy(BaseHTTPRequestHandler):
    """Answers as a proxy or as an endpoint, and remembers what it was asked."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Authorization"]))
        data = b'{"data": [{"id": "lab/calc-7b"}], "choices": [{"message": {"content": "hi"}}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def two():
    """Two servers: an endpoint, and a proxy that must not hear of it."""
    with ThreadingHTTPServer(("", 0), Proxy) as one, ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as other:
        threads = [threading.Thread(target=server.serve_forever) for server in (one, other)]
        for server, thread in zip((one, other), threads, strict=True):
            server.seen = []
            thread.start()
        yield one, other
        for server, thread in zip((one, other), threads, strict=True):
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "127.8.9.10", "0.0.0.0", "LocalHost"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_an_endpoint_on_this_machine_is_never_spoken_to_through_a_proxy(two, monkeypatch, host, variable):
    endpoint, proxy = two
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.server_port}")

    async def use():
        upstream = Upstream(f"http://{host}:{endpoint.server_port}/v1", KEY)
        [model] = await upstream.models()
        await upstream.chat(model, {"messages": []})
        await upstream.close()

    with ThreadPoolExecutor(1) as apart:  # a browser test before it in this process leaves a loop running
        apart.submit(asyncio.run, use()).result()
    assert proxy.seen == []
    assert endpoint.seen == [("/v1/models", f"Bearer {KEY}"), ("/v1/chat/completions", f"Bearer {KEY}")]


def test_an_endpoint_elsewhere_is_reached_through_the_proxy(two, monkeypatch):
    _, proxy = two
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")

    async def use():
        upstream = Upstream("http://models.example.org/v1", "")
        assert [model.slug for model in await upstream.models()] == ["calc-7b"]
        await upstream.close()

    with ThreadPoolExecutor(1) as apart:  # a browser test before it in this process leaves a loop running
        apart.submit(asyncio.run, use()).result()
    assert proxy.seen == [("http://models.example.org/v1/models", None)]


def test_an_answer_without_end_is_cut_and_said(two, monkeypatch):
    endpoint, _ = two

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 2**20)

    monkeypatch.setattr(Proxy, "do_GET", endless)

    async def use():
        upstream = Upstream(f"http://127.0.0.1:{endpoint.server_port}/v1", KEY)
        with pytest.raises(ModelError, match="an answer of more than 64 MB"):
            await upstream.chat(Model("m", "m", "m"), {"messages": []})
        await upstream.close()

    with ThreadPoolExecutor(1) as apart:  # a browser test before it in this process leaves a loop running
        apart.submit(asyncio.run, use()).result()
