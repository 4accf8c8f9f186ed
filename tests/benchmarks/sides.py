"""The two sides of a comparison: the official client, and ours in a warm kernel.

Each side is a function that runs one command and returns seconds.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from official_client import OfficialClient

Side = Callable[[str], float]
Call = tuple[str, Mapping[str, Any]]

# The official client's own entry point again and again in one process, its output thrown away: what is
# left of its time when neither the interpreter nor its imports have to start.
_WARM = """\
import contextlib, os, sys, time
from kagglesdk import kaggle_env
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = sys.argv[1]
from kaggle import cli
for line in sys.stdin:
    sys.argv = ["kaggle", *line.split()]
    start = time.perf_counter()
    with open(os.devnull, "w") as out, contextlib.redirect_stdout(out):
        cli.main()
    print(time.perf_counter() - start, flush=True)
"""


def whole_commands(client: OfficialClient) -> Side:
    """Return the official client as users run it: process start and all, its output read through a pipe."""

    def run(command: str) -> float:
        start = time.perf_counter()
        client(*command.split())
        return time.perf_counter() - start

    return run


@contextmanager
def warm_official(client: OfficialClient) -> Iterator[Side]:
    """Keep the official client loaded in a process."""
    client.home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", _WARM, client.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=client.home,
        env=client.environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(command: str) -> float:
        process.stdin.write(command + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    with process:
        try:
            yield run
        finally:
            process.stdin.close()


@contextmanager
def warm_kernel(url: str, home: Path) -> Iterator[Side]:
    """Start a real kernel with the extension; a command takes from its request to its last output.

    The kernel is spoken to directly: a Jupyter server in between passes on 3 MB of stream output within 3 s,
    and drops what is beyond that.
    """
    from jupyter_client.manager import start_new_kernel

    home.mkdir(parents=True, exist_ok=True)
    env = {
        "HOME": str(home),
        "PATH": os.environ.get("PATH", ""),
        "KBENCH_API_URL": url,
        "KBENCH_HOME": str(home / "state"),
        "KAGGLE_API_TOKEN": "good",
        "IPYTHONDIR": str(home / "ipython"),
        "NO_PROXY": "127.0.0.1",
    }
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(home), env=env)

    try:
        execute(client, "%load_ext kbench_jupyter")
        yield lambda command: execute(client, f"get_ipython().run_line_magic('kbench', {command!r})")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def execute(client: Any, code: str) -> float:
    """Have a kernel's client execute code, and return the seconds from the request to the last output.

    Raises
    ------
    RuntimeError
        If the code fails.
    """
    start = time.perf_counter()
    reply = client.execute_interactive(code, output_hook=lambda _message: None, timeout=300)
    took = time.perf_counter() - start
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{code}: {reply['content'].get('evalue')}")
    return took


def wire_limit(url: str, first: Call, calls: Sequence[Call], together: int) -> float:
    """Return the seconds that bare sockets take for a call and then for others, so many at a time.

    Nothing is parsed, written or checked: no client can be faster than that with as many connections.
    """
    ask = _asker(url)
    start = time.perf_counter()
    ask(first)
    with ThreadPoolExecutor(together) as pool:
        list(pool.map(ask, calls))
    return time.perf_counter() - start


def wire_at_once(url: str, calls: Sequence[Call]) -> float:
    """Return the seconds that bare sockets take for calls that are all made at the same time."""
    ask = _asker(url)
    start = time.perf_counter()
    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(ask, calls))
    return time.perf_counter() - start


def _asker(url: str) -> Callable[[Call], None]:
    """Return what makes a call and reads its answer, over a connection of each thread."""
    host, _, port = url.removeprefix("http://").partition(":")
    mine, buffer = threading.local(), 1 << 18

    def ask(call: Call) -> None:
        if not hasattr(mine, "socket"):
            mine.socket = socket.create_connection((host, int(port)))
        method, asked = call
        body = json.dumps(asked).encode()
        head = (
            f"POST /v1/benchmarks.BenchmarkTasksApiService/{method} HTTP/1.1\r\nHost: {host}\r\n"
            "Authorization: Bearer good\r\nContent-Type: application/json\r\n"
        )
        mine.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += mine.socket.recv(buffer)
        fields, _, rest = got.partition(b"\r\n\r\n")
        left = int(re.search(rb"content-length: (\d+)", fields, re.IGNORECASE)[1]) - len(rest)
        while left:
            left -= len(mine.socket.recv(min(left, buffer)))

    return ask


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each side once a round, so that a busy machine is busy for all; a first round only warms."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, measure in sides.items():
            took = measure()
            if number:
                times[name].append(took)
    return times


def report(times: Mapping[str, list[float]]) -> None:
    """Print medians, and each one's ratio to the first, which is ours."""
    ours = statistics.median(next(iter(times.values())))
    for name, taken in times.items():
        median, spread = statistics.median(taken), f"(min {min(taken):.3f}, max {max(taken):.3f})"
        print(f"  {name:<44} {median:8.3f} s  {spread:<26} {median / ours:6.1f} x")
