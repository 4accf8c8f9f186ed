"""What a cluster's worker has of ours: the jobs on it, and a model proxy beside them.

`carry_out` is the task that Dask schedules. All else here is called by the server through the scheduler
(``Client.run``), so no port of either needs to be reachable. A job's folder lives as long as its task's key: when the
scheduler forgets that, because the job was cancelled, its server has gone for good, or everything was fetched, the
job's processes end and its folder goes.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from kbench_jupyter._version import __version__
from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.executors.keepers import Keepers
from kbench_jupyter.local.executors.worker_job import WorkerJob
from kbench_jupyter.local.executors.worker_proxy import Endpoint, WorkerProxy
from kbench_jupyter.local.home import not_stored
from kbench_jupyter.local.job import Job, task_environment

_NAME = "kbench"


@dataclass(frozen=True)
class Supplies:
    """What a job is told by its server when it has begun. The scheduler hands it on and keeps nothing of it."""

    server: str  # whose model proxy it is to use: a worker may have several servers
    endpoint: Endpoint
    kind: str
    slug: str
    text: str  # the pushed notebook
    candidate: str  # the run's model, as the API names it; empty for a creation
    effort: str
    model: str  # proxy slug of the model under test
    models: tuple[str, ...]
    timeout: float
    memory: int  # bytes that each of its processes may take; 0 is any
    sandbox: bool  # whether its kernel is to be in one
    fork: bool = True  # whether its processes are forked, where that is possible


class Workplace(WorkerPlugin):  # type: ignore[misc] # distributed has no types
    """A worker's jobs by their keys, what their processes are forked off, and a model proxy for each server."""

    name = _NAME

    def setup(self, worker: Worker) -> None:
        """Make the folder in which everything lies."""
        self._worker = worker
        self._folder = Path(worker.local_directory) / "kbench"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._jobs: dict[str, WorkerJob] = {}
        self._proxies: dict[str, WorkerProxy] = {}
        self._admitted: dict[str, tuple[WorkerProxy, str]] = {}  # each job's token
        self._starting = asyncio.Lock()
        self._keepers = Keepers(self._folder)

    def begin(self, key: str) -> WorkerJob:
        """Take up a job, unless it was cancelled a moment ago: then it is dropped at once."""
        job = WorkerJob(key, self._folder, self._worker.loop.asyncio_loop)
        task = self._worker.state.tasks.get(key)
        if task is not None and task.state == "executing":
            self._jobs[key] = job
        else:
            job.drop()
        return job

    def job(self, key: str) -> WorkerJob | None:
        """Return the job of a key."""
        return self._jobs.get(key)

    def transition(self, key: Any, start: str, finish: str, **_more: Any) -> None:  # noqa: ARG002
        """Let a job go that the scheduler does not want any more."""
        if finish in ("cancelled", "released", "forgotten") and (job := self._jobs.pop(key, None)):
            job.drop()
            if admitted := self._admitted.pop(key, None):
                admitted[0].forget(admitted[1])

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """End all jobs, what they are forked off, and the proxies."""
        await asyncio.gather(*(job.end() for job in self._jobs.values()))
        await self._keepers.close()
        for proxy in self._proxies.values():
            await proxy.close()

    async def supply(self, key: str, told: Supplies) -> None:
        """Tell a job what it is to do."""
        if (job := self._jobs.get(key)) is None or job.supplied:
            return
        try:
            proxy = await self._proxy(told)
        except (LocalServerError, OSError) as error:
            why = error.lines() if isinstance(error, LocalServerError) else [not_stored(error)]
            job.refuse("\n".join([f"On the worker {self._worker.address}:", *why]))
            return
        if job.supplied:  # by the same call, sent once more while the proxy was started
            return
        token = "kbp_" + secrets.token_urlsafe(32)
        proxy.admit(token, told.candidate, told.effort)
        self._admitted[key] = proxy, token

        def make(job: WorkerJob) -> Job:
            home, scratch = str(job.home), str(job.scratch)
            env = task_environment(
                home=home, proxy_url=proxy.url, token=token, model=told.model, models=list(told.models)
            )
            around = proxy.sandbox.around(job.scratch) if proxy.sandbox else []
            return Job(
                told.kind, told.slug, told.text, str(job.folder), scratch, env, told.model, told.timeout, around,
                told.memory,
            )  # fmt: skip

        # A sandbox is put around a command.
        job.supply(make, self._keepers.fork if told.fork and not proxy.sandbox else None)

    async def _proxy(self, told: Supplies) -> WorkerProxy:
        """Return the model proxy for a server's jobs; raises LocalServerError where they cannot be in their sandbox."""
        name = f"proxy-{told.server}" + ("-sandbox" if told.sandbox else "")
        async with self._starting:
            proxy = self._proxies.get(name)
            if proxy is None:
                proxy = WorkerProxy(self._folder / name)
                await proxy.serve(sandboxed=told.sandbox)
                self._proxies[name] = proxy
            await proxy.use(told.endpoint, self._worker)
            return proxy


async def open_workplace(worker: Worker) -> Workplace:
    """Return a worker's workplace, made on first use: workers that do nothing for us notice nothing."""
    if _NAME not in worker.plugins:
        await worker.plugin_add(plugin=Workplace(), name=_NAME, catch_errors=False)
    place: Workplace = worker.plugins[_NAME]
    return place


# -- the task ----------------------------------------------------------------------------------------


def carry_out(key: str, topic: str, timeout: float) -> str:
    """Carry a job out: in a thread of a worker, to its end. Returns the attempt."""
    worker = get_worker()
    job = asyncio.run_coroutine_threadsafe(_begin(worker, key), worker.loop.asyncio_loop).result()
    worker.log_event(topic, {"key": key, "place": worker.address, "attempt": job.attempt})
    job.carry_out(timeout)
    return job.attempt


async def _begin(worker: Worker, key: str) -> WorkerJob:
    # In the event loop, in which the scheduler's word arrives too.
    return (await open_workplace(worker)).begin(key)


# -- called by the server ----------------------------------------------------------------------------


async def look(key: str, offset: int, patience: float, dask_worker: Worker) -> dict[str, Any] | None:
    """Look at a job's log, as `WorkerJob.look`; None where no such job is."""
    job = (await open_workplace(dask_worker)).job(key)
    return {**await job.look(offset, patience), "version": __version__} if job else None


async def supply(key: str, told: Supplies, dask_worker: Worker) -> None:
    """Tell a job what it is to do."""
    await (await open_workplace(dask_worker)).supply(key, told)


async def part(key: str, offset: int, size: int, dask_worker: Worker) -> bytes:
    """Return a part of a job's archive; empty where no such job is."""
    job = (await open_workplace(dask_worker)).job(key)
    return await job.part(offset, size) if job else b""


async def end(key: str, dask_worker: Worker) -> None:
    """End a job, and return when its processes have ended."""
    if job := (await open_workplace(dask_worker)).job(key):
        await job.end()
