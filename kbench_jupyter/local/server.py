"""The server process from its first to its last moment."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import logging.handlers
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvicorn
from filelock import FileLock, Timeout
from starlette.types import ASGIApp

from kbench_jupyter._version import __version__
from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.execution.processes import adopt_orphans, birth
from kbench_jupyter.local import upstream, wire
from kbench_jupyter.local.app import Api, make_app
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.address import check, prompt_limits
from kbench_jupyter.local.executors.processes import Processes
from kbench_jupyter.local.executors.work import Executor
from kbench_jupyter.local.home import Home, write_private
from kbench_jupyter.local.model_proxy import ModelProxy
from kbench_jupyter.local.models import Models, Provider
from kbench_jupyter.local.queue import Queue
from kbench_jupyter.local.sandbox import Sandbox, wanted
from kbench_jupyter.local.smollm import SmolLM
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.temporary import remove_temporary

log = logging.getLogger("kbench.local")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Settings:
    """What a server can be told."""

    home: Path  # where it keeps everything
    port: int = 0  # 0 takes the port used last if it is free, else any
    workers: int = 2  # notebooks that are executed at once
    timeout: float = 3600.0  # seconds for one notebook
    idle: float = 0.0  # seconds without a call or a job after which it stops; 0 is never
    memory: int = 0  # bytes that each process of a task may take; 0 is any
    ahead: bool = True  # whether the next job's kernel is kept ready, and its model made so when it begins
    fork: bool = True  # whether it is forked, where that is possible
    least: int = 0  # jobs that a cluster is handed at once, also where it has fewer threads
    cluster: str = ""  # address of a Dask scheduler whose workers carry the jobs out; else this machine does
    #: Address, key and the key's variable of a model endpoint; None is what the environment names.
    endpoint: tuple[str, str, str] | None = field(default=None, repr=False)


class AlreadyRunningError(LocalServerError):
    """Another server has this home."""


def serve(settings: Settings) -> None:
    """Serve until told to stop; raises AlreadyRunningError, or LocalServerError when that is impossible."""
    os.umask(0o077)
    home = Home(settings.home)
    try:
        with FileLock(home.lock, timeout=0):
            # Who holds the home, also while it starts or does not answer.
            home.make_room("holder")
            write_private(home.path / "server.pid", json.dumps([os.getpid(), birth(os.getpid())]))
            _log_to(home.log)
            adopt_orphans()
            asyncio.run(_serve(settings, home))
    except Timeout:
        raise AlreadyRunningError(f"An embedded server is running in {home.path} already.") from None


async def _serve(settings: Settings, home: Home) -> None:
    # First: an endpoint that cannot be must not wait for anything else.
    others = upstream.named(*settings.endpoint) if settings.endpoint else upstream.from_environment()
    prompt_limits()  # what cannot be is refused where there is no cluster, too
    listener = _listen(settings.port, home.last_port())
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    remove_temporary(home.path)  # of an earlier server that was killed
    # On a cluster each worker makes its own.
    sandbox = Sandbox(port, home.path, home.path) if wanted() and not settings.cluster else None
    home.keep_reserves()
    home.make_room("starting")
    store = Store(home.database, home.make_room)
    children = Children(home.work)
    providers: list[Provider] = [SmolLM(children, home.work / "engine"), *([others] if others else [])]
    models = Models(providers)
    executor: Executor
    if settings.cluster:
        executor = await _on_cluster(settings, home, store, models, children)
    else:
        executor = Processes(
            home.work,
            store,
            models,
            children,
            slots=settings.workers,
            timeout=settings.timeout,
            memory=settings.memory,
            ahead=settings.ahead,
            fork=settings.fork,
            url=lambda: url,
            sandbox=sandbox,
        )
    queue = Queue(home, store, children, executor)
    server = _Server(lambda: _announce(home, url, port))
    in_force = _in_force(settings, others, home.token)
    api = Api(home, store, models, queue, url=lambda: url, shut_down=server.stop, in_force=in_force)
    server.load(make_app(api, ModelProxy(models, store), home.token))
    await queue.start()
    watching = asyncio.create_task(_stop_when_idle(server, queue, settings.idle))
    try:
        await server.serve(sockets=[listener, *([sandbox.listener] if sandbox else [])])
    finally:
        watching.cancel()
        await queue.close()
        await models.close()
        store.close()
        if sandbox:
            sandbox.close()
        home.remove_state()
        home.keep_reserves()
        log.info("stopped")


async def _on_cluster(
    settings: Settings, home: Home, store: Store, models: Models, children: Children
) -> Executor:
    address, prompts = check(settings.cluster), prompt_limits()
    # Dask takes a second to import, and not everybody has it.
    cluster = await asyncio.to_thread(importlib.import_module, "kbench_jupyter.local.executors.cluster")
    given = settings.endpoint or upstream.given_by_environment()
    return cast(
        "Executor",
        cluster.Cluster(
            home,
            store,
            models,
            children,
            address=address,
            timeout=settings.timeout,
            memory=settings.memory,
            endpoint=cluster.Endpoint(given, prompts),
            sandbox=wanted(),
            fork=settings.ahead and settings.fork,
            least=settings.least,
        ),
    )


def _in_force(settings: Settings, others: upstream.Upstream | None, token: str) -> dict[str, str]:
    """Return what others compare with what their environment says now."""
    return {
        "upstream_url": others.address if others else "",
        "upstream_key_from": others.key_from if others else "",
        "upstream_efforts": os.environ.get("KBENCH_UPSTREAM_EFFORTS", "").strip(),
        "upstream_agents": os.environ.get("KBENCH_UPSTREAM_AGENTS", "").strip(),
        "upstream_proof": others.proof(token) if others else "",
        "workers": str(settings.workers),
        "run_timeout": f"{settings.timeout:.15g}",
        "idle_minutes": f"{settings.idle / 60:.15g}",
        "memory_gb": f"{settings.memory / 2**30:.15g}",
        "sandbox": "bwrap" if wanted() else "",
        "cluster": settings.cluster,
        "prompts": os.environ.get("KBENCH_PROMPTS", "").strip(),
    }


def _listen(port: int, last: int) -> socket.socket:
    for candidate in (port,) if port else (last, 0):
        # Said to be TCP: else asyncio lets small answers wait for each other (Nagle), 40 ms each.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(128)
        except OSError as error:
            listener.close()
            reason = error
        else:
            return listener
    raise LocalServerError(
        f"Port {port} cannot be used: {reason.strerror or reason}.",
        hint="Leave --port out to take any free one.",
    )


def _announce(home: Home, url: str, port: int) -> None:
    started = wire.timestamp(time.time())
    home.write_state(
        {"url": url, "pid": os.getpid(), "port": port, "version": __version__, "started": started}
    )
    print(f"kbench_jupyter serves {url} from {home.path}; Ctrl+C stops it.", flush=True)
    log.info("kbench_jupyter %s serves %s from %s", __version__, url, home.path)


class _Server(uvicorn.Server):
    """uvicorn, which says when it is up and can be stopped from inside."""

    def __init__(self, when_up: Callable[[], None]) -> None:
        self._when_up = when_up

    def load(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_up()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again once it has stopped serving, and the process is gone before
        # runs are settled and the state file is removed.
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        self.should_exit = True


async def _stop_when_idle(server: _Server, queue: Queue, idle: float) -> None:
    asked, since = 0, time.monotonic()
    while idle:
        await asyncio.sleep(min(idle, 30))
        jobs, state = await queue.count(), server.server_state
        # A prompt is a call, too, and a long one or a download is one as long as it takes.
        if asked != state.total_requests or state.tasks or jobs["going"] + jobs["waiting"]:
            asked, since = state.total_requests, time.monotonic()
        elif time.monotonic() - since > idle:
            log.info("stopping after %g s without a call", idle)
            server.stop()
            return


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=2**20, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("kbench").setLevel(logging.INFO)
    logging.raiseExceptions = (
        False  # a full disk is no reason to write a traceback for each line that was to be logged
    )
    # Unhandled errors go where people look.
    sys.excepthook = lambda *error: log.critical("the server failed", exc_info=error)
