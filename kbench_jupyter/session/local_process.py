"""The embedded server's process and its wire: how it is launched, recognised, spoken to and ended.

The parts that `local_server` is made of. A state file proves nothing, because its server may have been
killed and its port taken by another program: `proves_itself` asks for a proof that whoever answers knows
the token, and only then is the token sent.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.execution.environment import server_environment
from kbench_jupyter.execution.processes import birth

INSTALL = "%pip install 'kbench-jupyter[local]'"
_NEEDED = ("starlette", "uvicorn", "httpx", "filelock", "psutil", "nbclient", "ipykernel", "jupyter_bokeh",
           "kaggle_benchmarks")  # fmt: skip
#: Seconds between two looks at a process.
PACE = 0.1
#: Seconds a killed process may take to be gone.
_DYING = 5.0
#: Seconds to connect, and to answer.
_CONNECT, _ANSWER = 2.0, 5.0
#: Bytes of an answer.
_LONGEST = 64_000_000
#: Seconds a server that does not answer gets to end by itself.
_MOMENT = 3.0
_LOGS = ("start.log", "server.log")


@dataclass(frozen=True)
class LocalServer:
    """A running embedded server."""

    url: str  #: Its base address, such as ``http://127.0.0.1:41234``.
    token: str = field(repr=False)  #: The bearer token.
    pid: int
    started: bool  #: Whether this very call started it.
    home: Path  #: Where it keeps everything.


@dataclass(frozen=True)
class Endpoint:
    """A model endpoint that a server is started with: its address, its key and the variable that holds the key."""

    url: str = field(repr=False)
    key: str = field(default="", repr=False)
    key_from: str = ""

    def proof(self, token: str) -> str:
        """Return what a server with this token answers if this is the endpoint it was started with."""
        secret = f"{self.url.strip().rstrip('/')}\n{self.key}"
        return hmac.new(token.encode(), secret.encode(), hashlib.sha256).hexdigest()


def proves_itself(server: LocalServer) -> bool:
    """Ask whoever listens at the address for a proof of the token, without showing ours."""
    nonce = secrets.token_hex(16)
    answer = _request("GET", f"{server.url}/ping?nonce={nonce}")
    proof = hmac.new(server.token.encode(), nonce.encode(), hashlib.sha256).hexdigest()
    told = str(answer.get("proof", "")) if answer is not None else ""
    return hmac.compare_digest(told.encode(errors="replace"), proof.encode())


def call(server: LocalServer, method: str, **body: object) -> dict[str, Any] | None:
    """Make a call of the server's own service; None when it fails."""
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    url = f"{server.url}/v1/local.LocalService/{method}"
    wait = 600.0 if method == "Clean" else _ANSWER
    return _request("POST", url, json.dumps(body).encode(), headers, wait)


def _request(
    verb: str,
    url: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    wait: float = _ANSWER,
) -> dict[str, Any] | None:
    """Return the JSON object that came back, or None for anything else, also for what never ends."""
    from kbench_jupyter.api import PooledTransport, Request, TransportFault

    request = Request(verb, url, headers or {}, body, _CONNECT, wait, total_timeout=wait)
    with closing(PooledTransport()) as transport, suppress(TransportFault, ValueError, RecursionError):
        with transport(request) as answer:
            found = json.loads(answer.read(_LONGEST)) if answer.status == 200 else None
        return found if isinstance(found, dict) else None
    return None


def check_installed() -> None:
    """Raise LocalServerError unless everything in ``[local]`` that a server needs is there."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LocalServerError(
            f"The embedded server needs packages that are not installed here: {', '.join(missing)}.",
            hint=INSTALL,
        )


def check_folder(folder: Path) -> None:
    """Make the home and raise LocalServerError unless it can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the server has room of its own for that
            return
        raise LocalServerError(
            f"The embedded server's folder cannot be written: {folder} ({error.strerror or error})",
            hint="Set KBENCH_HOME to a folder you may write.",
        ) from error


def launch(
    folder: Path, port: int, endpoint: Endpoint | None = None, cluster: str | None = None
) -> tuple[subprocess.Popen[bytes], Mapping[str, int]]:
    """Start the process; return it and where in each log its words begin."""
    path = folder / "start.log"
    if path.exists() and path.stat().st_size > 2**20:
        path.unlink(missing_ok=True)
    begin = {name: (folder / name).stat().st_size for name in _LOGS if (folder / name).exists()}
    environment, told = server_environment()
    given = [endpoint.url, endpoint.key, endpoint.key_from] if endpoint else None
    line = json.dumps({"endpoint": given, "environment": told})
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:  # the disk is full; the server may start all the same
        descriptor = os.open(os.devnull, os.O_WRONLY)
    command = [sys.executable, "-m", "kbench_jupyter.local", "--told-on-stdin"]
    command += ["--home", str(folder), "--port", str(port)]
    if cluster:
        command += ["--cluster", cluster]
    if not os.environ.get("KBENCH_IDLE_MINUTES"):
        command += ["--idle-minutes", "720"]
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder,
            # It outlives this kernel, and an interrupted cell must not interrupt it.
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    assert process.stdin is not None  # noqa: S101 - asked for above
    with suppress(OSError), process.stdin as pipe:  # it may have ended: its exit code says so
        pipe.write(line.encode() + b"\n")
    # Somebody has to take note of its end one day, or it stays behind as a zombie.
    threading.Thread(target=process.wait, name="kbench-local-server", daemon=True).start()
    return process, begin


def exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the process's exit code; None when it still runs after a moment."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=PACE)
    return None


def words_since(folder: Path, begin: Mapping[str, int]) -> str:
    """Return what a server has written since it was launched: to its own stderr, or else to its log."""
    for name in _LOGS:
        with suppress(OSError), (folder / name).open("rb") as file:
            start, size = begin.get(name, 0), os.fstat(file.fileno()).st_size
            file.seek(start if start <= size else 0)  # a log that has grown too long was begun again
            if said := file.read().decode(errors="replace").strip():
                return said
    return ""


def holder(folder: Path) -> int | None:
    """Return the process of the server that has a home, also while it starts or hangs; None when none runs."""
    with suppress(OSError, ValueError, TypeError):
        pid, born = json.loads((folder / "server.pid").read_text())
        if born and birth(int(pid)) == born:
            return int(pid)
    return None


def see_end(pid: int, patience: float) -> None:
    """Wait for the end of a server that was told to end, and kill it when that takes too long."""
    born = birth(pid)
    for seconds in (patience, _DYING):
        deadline = time.monotonic() + seconds
        while (going := born and birth(pid) == born) and time.monotonic() <= deadline:
            time.sleep(PACE)
        if not going:
            return
        with suppress(OSError):
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    raise LocalServerError(
        f"The embedded server (process {pid}) cannot be stopped.",
        hint=f"Type `kill -9 {pid}` in a terminal.",
    )


def stop_silent(pid: int) -> None:
    """End a server that cannot be told over the wire; by force after a moment."""
    with suppress(OSError):
        os.kill(pid, signal.SIGTERM)
    see_end(pid, _MOMENT)


def announced(folder: Path) -> int:
    """Return the process of the state file; 0 when there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((folder / "server.json").read_text())["pid"])
    return 0


def did_not_start(folder: Path, begin: Mapping[str, int], why: str) -> LocalServerError:
    """Return the error for a server that did not start, with what it wrote since it was launched."""
    said = words_since(folder, begin)
    words, refused, hint = said.partition("\n\n→ ")
    if refused and "\n" not in words:  # as `LocalServerError.lines` gives it: it knows itself what to do
        advice = "\n".join(line.strip() for line in hint.splitlines())
        return LocalServerError(f"The embedded server does not start: {words}", hint=advice)
    if not said and shutil.disk_usage(folder).free < 2**16:
        return LocalServerError(
            f"The embedded server does not start: no space is left on the disk of {folder}.",
            hint="Free some space there, then try again.",
        )
    detail = "\n".join(said.splitlines()[-15:])
    return LocalServerError(
        f"The embedded server does not start: {why}.", detail=detail or None, hint="%kbench local log"
    )
