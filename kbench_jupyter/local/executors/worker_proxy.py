"""The model proxy of a cluster's worker: the server's own, on the worker's loopback, for the jobs beside it.

The endpoint's key is handed over Dask's connection and kept in memory: no file, no environment and no task's
argument has it. Jobs get tokens that only this proxy knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from distributed import Semaphore, Worker
from starlette.applications import Starlette

from kbench_jupyter.execution.processes import close_memory
from kbench_jupyter.local import upstream
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.address import Limit
from kbench_jupyter.local.model_proxy import ModelProxy, routes
from kbench_jupyter.local.models import Model, Models, Provider
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.local.smollm import SmolLM
from kbench_jupyter.local.web import Guard


@dataclass(frozen=True)
class Endpoint:
    """A model endpoint as a server has it, and how many prompts of a model may be on their way in the cluster."""

    given: tuple[str, str, str] | None = field(default=None, repr=False)  # address, key, the key's variable
    limits: Mapping[str, Limit] = field(default_factory=dict)  # by canonical slug; "*" for each other


class WorkerProxy:
    """One server's model proxy on a worker."""

    def __init__(self, folder: Path) -> None:
        self.sandbox: Sandbox | None = None
        self._folder = folder
        self._tokens: dict[str, tuple[str, str]] = {}
        self._children = Children(folder, alone=False)
        self._own = SmolLM(self._children, folder / "engine")
        self._endpoint: Endpoint | None = None
        self._models = Models([self._own])
        self.url = ""

    def effort_of(self, token: str) -> tuple[str, str] | None:
        """Return the model and the effort of the run that a token is for."""
        return self._tokens.get(token)

    def admit(self, token: str, model: str, effort: str) -> None:
        """Let a job's token in."""
        self._tokens[token] = model, effort

    def forget(self, token: str) -> None:
        """Let a token in no more: its job has ended."""
        self._tokens.pop(token, None)

    async def use(self, endpoint: Endpoint, worker: Worker) -> None:
        """Send prompts to an endpoint, beside the worker's own model."""
        if endpoint == self._endpoint:
            return
        providers: list[Provider] = [self._own]
        if endpoint.given:
            close_memory()  # tasks of the same user could look for the key in it
            # To load certificates takes half a second.
            providers.append(await asyncio.to_thread(upstream.named, *endpoint.given))
        self._endpoint = endpoint
        self._models = _Limited(providers, endpoint.limits, worker)
        self._proxy.models = self._models

    async def serve(self, *, sandboxed: bool) -> None:
        """Listen on the worker's loopback, and, for kernels that are to be in a sandbox, for those.

        Raises LocalServerError where no sandbox can be made.
        """
        self._proxy = ModelProxy(self._models, self)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = Guard(Starlette(routes=routes(self._proxy)), os.urandom(16).hex(), ("/",))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
        self._server = _Server(config)
        sockets = [listener]
        if sandboxed:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self.sandbox = await asyncio.to_thread(
                Sandbox, listener.getsockname()[1], self._folder, self._folder.parent
            )
            sockets.append(self.sandbox.listener)
        self._serving = asyncio.create_task(self._server.serve(sockets=sockets))

    async def close(self) -> None:
        """Stop listening, and end the small model."""
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self._models.close()
        if self.sandbox:
            self.sandbox.close()


class _Server(uvicorn.Server):
    """uvicorn as a part of another program, which minds the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Limited(Models):
    """Models, each with limits to its prompts: in the whole cluster, by Dask's own semaphores.

    So many leases are there as prompts may be on their way. Where no more than so many may begin a minute, each is
    kept at least so long that all of them together are taken no more often.
    """

    def __init__(self, providers: list[Provider], limits: Mapping[str, Limit], worker: Worker) -> None:
        super().__init__(providers)
        self._limits = limits
        self._worker = worker
        self._leases: dict[str, Semaphore] = {}
        self._kept: set[asyncio.Task[None]] = set()

    async def answer(self, model: Model, provider: Provider, body: dict[str, Any]) -> dict[str, Any]:
        async with self._turn(model.slug):
            return await super().answer(model, provider, body)

    @contextlib.asynccontextmanager
    async def _turn(self, slug: str) -> AsyncIterator[None]:
        limit = self._limits.get(slug) or self._limits.get("*") or Limit()
        leases = limit.at_once or limit.a_minute
        if not leases:
            yield
            return
        if slug not in self._leases:
            name = f"kbench-prompts-{slug}-{limit.at_once}-{limit.a_minute}"
            self._leases[slug] = Semaphore(
                max_leases=leases, name=name, scheduler_rpc=self._worker.scheduler, loop=self._worker.loop
            )
        lease = self._leases[slug]
        await lease.acquire()
        kept = asyncio.create_task(asyncio.sleep(60 * leases / limit.a_minute if limit.a_minute else 0))
        try:
            yield
        finally:
            self._kept.add(releasing := asyncio.create_task(_release(lease, kept)))
            releasing.add_done_callback(self._kept.discard)


async def _release(lease: Semaphore, kept: asyncio.Task[None]) -> None:
    await kept
    await lease.release()
