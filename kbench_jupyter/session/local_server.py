"""The embedded server as seen from here: find it, start it on first need, stop it, look at its log.

It is another process, met on the wire alone: through its state file (``server.json``: url, pid, ...), its
token file, and HTTP on loopback; `local_process` says how it is recognised. Every function takes the server's
home as `home_folder` does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.local_process import (
    PACE,
    Endpoint,
    LocalServer,
    announced,
    call,
    check_folder,
    check_installed,
    did_not_start,
    exit_code,
    holder,
    launch,
    proves_itself,
    see_end,
    stop_silent,
)  # fmt: skip

_ALREADY_RUNNING = 4  # exit code of `python -m kbench_jupyter.local`
#: Seconds a server that has the home gets to answer, before another one is tried.
_COURTESY = 10.0
_OURS = ("server.sqlite3", "server.sqlite3-wal", "server.sqlite3-shm", "server.log", "server.log.1",
         "start.log", "server.json", "server.pid", "runs", "creations", "work", "reserve-running",
         "reserve-starting", "reserve-holder", "reserve-state")  # fmt: skip


@dataclass(frozen=True)
class LocalStatus:
    """What a running embedded server is doing."""

    server: LocalServer
    models: tuple[str, ...]  #: Canonical slugs, the default one first.
    problem: str  #: Why models are missing, and what to do; mostly empty.
    #: How many jobs may go at once, do go, and wait.
    workers: int
    going: int
    waiting: int
    #: The settings it was started with, by their names. Holds no secret.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Of a cluster its ``address``, ``dashboard``, ``problem``, and ``workers`` with ``address``, ``slots``, ``jobs``.
    cluster: Mapping[str, Any] = field(default_factory=dict)


def home_folder(home: str | Path | None = None) -> Path:
    """Return the server's home: the one given, ``KBENCH_HOME``, or the platform's folder for user data."""
    from platformdirs import user_data_path

    chosen = home or os.environ.get("KBENCH_HOME", "").strip()
    folder = expanded(chosen) if chosen else user_data_path("kbench-jupyter", appauthor=False)
    return folder.resolve()


def find(home: str | Path | None = None) -> LocalServer | None:
    """Find a server that runs, answers and is the one it says; a killed one's state file is none."""
    found = _found(home_folder(home), brief=True)  # a look at the models may take seconds
    return found[0] if found else None


def silent(home: str | Path | None = None) -> tuple[int, bool] | None:
    """Find a server that runs and does not answer: for when `find` has found none.

    Return its process, and whether it has answered before: then it hangs, else it may be starting.
    """
    folder = home_folder(home)
    return (pid, announced(folder) == pid) if (pid := holder(folder)) else None


def _found(folder: Path, *, brief: bool) -> tuple[LocalServer, dict[str, Any]] | None:
    """Find a server; return it and what it says of itself."""
    try:
        state = json.loads((folder / "server.json").read_text())
        token = (folder / "token").read_text().strip()
        server = LocalServer(str(state["url"]), token, int(state["pid"]), False, folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not token or not proves_itself(server):
        return None
    # A new server at the old address has proved itself too, a moment before it writes its own state file.
    said = call(server, "GetStatus", brief=brief)
    return (server, said) if said and said.get("pid") == server.pid else None


def ensure_running(
    home: str | Path | None = None,
    *,
    timeout: float = 30.0,
    port: int = 0,
    endpoint: Endpoint | None = None,
    cluster: str | None = None,
) -> LocalServer:
    """Find the server, or start it and wait until it answers. Several callers at once get the same one.

    One that has answered and does not any more is ended first.

    Parameters
    ----------
    timeout : float
        Seconds to wait for it.
    port : int
        For a server to be started: 0 takes the port used last if it is free, else any.
    endpoint : Endpoint, optional
        For a server to be started: the models it offers beside its own; by default what the environment names.
    cluster : str, optional
        For a server to be started: the Dask scheduler whose workers run the tasks; by default what the environment
        names.

    Raises
    ------
    LocalServerError
        A part of ``[local]`` is missing, the folder cannot be written, or it does not start; the detail is
        the end of its log.
    """
    folder = home_folder(home)
    if server := find(folder):
        return server
    check_installed()
    check_folder(folder)
    if (server := _wait_for_holder(folder, time.monotonic() + timeout)) is not None:
        return server
    if (left := silent(folder)) and left[1]:
        stop_silent(left[0])
    deadline = time.monotonic() + timeout
    process, begin = launch(folder, port, endpoint, cluster)
    while time.monotonic() < deadline:
        if (server := find(folder)) is not None:
            return LocalServer(server.url, server.token, server.pid, server.pid == process.pid, folder)
        code = exit_code(process)
        if code == _ALREADY_RUNNING:
            # Another one has the home: it is about to answer, or about to end and leave it to us. It is left
            # in peace for a while first: launching against it again and again only slows its start.
            if (server := _wait_for_holder(folder, deadline)) is not None:
                return server
            process, begin = launch(folder, port, endpoint, cluster)
        elif code is not None:
            raise did_not_start(folder, begin, f"it ended at once (exit code {code})")
    process.kill()
    process.wait()
    raise did_not_start(folder, begin, f"no answer within {timeout:g} s")


def _wait_for_holder(folder: Path, deadline: float) -> LocalServer | None:
    """Wait until the server that has the home answers, ends, or has had its time."""
    deadline = min(deadline, time.monotonic() + _COURTESY)
    while holder(folder) is not None and time.monotonic() < deadline:
        if (server := find(folder)) is not None:
            return server
        time.sleep(PACE)
    return None


def stop(home: str | Path | None = None, *, timeout: float = 20.0) -> bool:
    """Stop the server, and everything it has started. One that does not answer is ended by force after a moment.

    Runs that are going read ERRORED; what is queued waits for the next start.

    Parameters
    ----------
    timeout : float
        Seconds to wait before it is killed.

    Returns
    -------
    bool
        Whether one was running.

    Raises
    ------
    LocalServerError
        It cannot be stopped.
    """
    folder = home_folder(home)
    server, pid = find(folder), holder(folder)
    if server:
        call(server, "Shutdown")
        see_end(server.pid, timeout)
    elif pid is not None:
        stop_silent(pid)
    with suppress(OSError):  # it proves nothing, should it stay
        (folder / "server.json").unlink(missing_ok=True)
    return server is not None or pid is not None


def status(home: str | Path | None = None, *, models: bool = True) -> LocalStatus | None:
    """Ask a running server what it is doing; None when none runs.

    With `models` it looks at its models, which takes up to 3 seconds where an endpoint stalls.
    """
    found = _found(home_folder(home), brief=not models)
    if found is None:
        return None
    server, said = found
    return LocalStatus(
        server=server,
        models=tuple(said.get("models", ())),
        problem=str(said.get("problem", "")),
        workers=int(said.get("workers", 0)),
        going=int(said.get("going", 0)),
        waiting=int(said.get("waiting", 0)),
        settings={str(name): str(value) for name, value in dict(said.get("settings") or {}).items()},
        cluster=dict(said.get("cluster") or {}),
    )


def log_tail(home: str | Path | None = None, lines: int = 50) -> str:
    """Return the last lines of the server's log; the empty text when there is none; an unreadable one raises."""
    path = home_folder(home) / "server.log"
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, maxlen=lines))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise LocalServerError(f"{path} cannot be read: {error.strerror or error}") from error


def clean(server: LocalServer, limits: Mapping[str, int], *, really: bool) -> Mapping[str, int]:
    """Have a server delete logs and outputs, or say what would go.

    Parameters
    ----------
    limits : mapping
        ``olderThanSeconds`` and ``keepBytes``, either or both.
    really : bool
        Delete, instead of only adding up.

    Returns
    -------
    mapping
        ``jobs`` and ``bytes`` that went, or would, and the bytes ``kept``.

    Raises
    ------
    LocalServerError
        It does not answer, or is of an older version.
    """
    answer = call(server, "Clean", **limits, really=really)
    if answer is None:
        raise LocalServerError("The embedded server did not clean up.", hint="%kbench local log says why.")
    return answer


def reset(home: str | Path | None = None) -> None:
    """Stop the server and delete all its tasks, runs and logs. Its token stays.

    Raises
    ------
    LocalServerError
        It cannot be stopped, another one has been started since, or its files cannot be deleted.
    """
    folder = home_folder(home)
    stop(folder)
    try:
        with _without_server(folder):
            for name in _OURS:
                path = folder / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise LocalServerError(
            f"The embedded server's folder {folder} cannot be emptied: {error.strerror or error}",
            hint="Delete it by hand.",
        ) from error


def _without_server(folder: Path) -> AbstractContextManager[object]:
    """Keep servers out of the home meanwhile; refuse where one has it."""
    # Without filelock no server of ours can start.
    if not folder.exists() or importlib.util.find_spec("filelock") is None:
        return nullcontext()
    from filelock import FileLock, Timeout

    try:
        return FileLock(folder / "server.lock").acquire(timeout=_COURTESY)
    except Timeout:
        raise LocalServerError(
            f"An embedded server runs in {folder}: nothing was deleted.", hint="%kbench local stop"
        ) from None
