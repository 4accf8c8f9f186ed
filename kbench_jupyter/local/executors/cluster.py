"""Carries jobs out on a Dask cluster: each is one task of its scheduler's.

Dask is the scheduler, the protocol and the way to other machines; here is what makes a job of ours a task of its. A
job goes, and its log and archive come back, over the connection to the scheduler alone. Neither a common file
system nor an open port of the server's or a worker's is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from typing import Any

from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.link import Link, LinkError, Linking
from kbench_jupyter.local.executors.pursuit import Pursuit, RefusedError, Ticket
from kbench_jupyter.local.executors.work import Work, candidate_of, offered
from kbench_jupyter.local.executors.worker_proxy import Endpoint
from kbench_jupyter.local.executors.workplace import Supplies
from kbench_jupyter.local.home import Home
from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.models import Models
from kbench_jupyter.local.rows import ERRORED, RUNNING
from kbench_jupyter.local.store import Store

log = logging.getLogger("kbench.local.cluster")
# What Dask has to say of a connection that is lost, with its traceback, is said here in a line.
logging.getLogger("distributed").setLevel(logging.CRITICAL)

_PARTING = 8.0
"""Seconds that the end of a job on the cluster is waited for."""


class Cluster:
    """The workers of the scheduler at an address; each of their threads carries out one job at a time.

    At `least` so many jobs are handed over, also to fewer threads: a cluster that adapts grows by what waits for it.
    """

    lasting = True

    def __init__(
        self, home: Home, store: Store, models: Models, children: Children, *,
        address: str, timeout: float, memory: int, endpoint: Endpoint, sandbox: bool = False,
        fork: bool = True, least: int = 0,
    ) -> None:  # fmt: skip
        self._home = home
        self._store = store
        self._models = models
        self._timeout = timeout
        self._memory = memory
        self._endpoint = endpoint
        self._least = least
        self._sandbox = sandbox
        self._fork = fork
        self._server = hashlib.sha256(home.token.encode()).hexdigest()[:8]
        self._prefix = f"kbench-{self._server}"  # of the keys of its tasks; and its topic
        self._linking = Linking(address, self._prefix, children, home.work / "cluster")
        self._going: dict[str, tuple[Work, Ticket]] = {}

    @property
    def slots(self) -> int:
        """How many threads the workers have now, or how many jobs are handed over all the same."""
        link = self._linking.link
        return max(self._least, sum(link.workers.values())) if link else 0

    async def start(self, wake: Callable[[], Awaitable[None]]) -> None:
        """Begin to link to the scheduler."""
        self._linking.start(wake, self._sweep)

    def expect(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        """Part from the scheduler."""
        await self._linking.close()

    def about(self) -> dict[str, Any]:
        """Return the scheduler's address, its dashboard's, each worker with its slots and jobs, and what is wrong."""
        link = self._linking.link
        jobs: dict[str, list[str]] = {}
        for work, ticket in self._going.values():
            place = ticket.places[-1] if ticket.places and ticket.lost < len(ticket.places) else ""
            on = f" on {work.run.agent or work.run.model}" if work.run else ", created"
            jobs.setdefault(place, []).append(f"{work.version.slug}{on}")
        workers = [
            {"address": address, "slots": slots, "jobs": jobs.get(address, [])}
            for address, slots in sorted(link.workers.items() if link else ())
        ]
        dashboard = str(link.client.dashboard_link) if link else ""
        found = {"address": self._linking.address, "dashboard": dashboard, "workers": workers}
        problem = self._linking.problem or (link.too_small(self._memory) if link else "")
        return {"cluster": {**found, "problem": problem}}

    async def execute(self, work: Work) -> Verdict:
        """Carry a job out, on however many links it takes."""
        ticket = await to_thread(Ticket.read, work.folder)
        self._going[work.key] = work, ticket
        try:
            await ticket.tell_again(work.log)
            verdict = None
            while verdict is None and not work.stop:
                link = await _unless_stopped(work, self._linking.linked())
                if link is not None:
                    verdict = await self._over(link, work, ticket)
            return verdict or Verdict(ERRORED, work.stop)
        finally:
            del self._going[work.key]

    async def _over(self, link: Link, work: Work, ticket: Ticket) -> Verdict | None:
        """Follow a job over a link; None when the link was lost first, or the job was stopped."""
        pursuit = Pursuit(
            link, work, ticket, self._supplies,
            prefix=self._prefix, timeout=self._timeout, memory=self._memory,
        )  # fmt: skip
        chase, lost = asyncio.create_task(pursuit.verdict()), asyncio.create_task(link.lost.wait())
        stopped = asyncio.create_task(work.stopped.wait())
        try:
            await asyncio.wait({chase, lost, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if chase.done():
                verdict = await chase
                # The mark of a job that has ended: only then is it forgotten over there.
                await to_thread(verdict.write, work.folder)
                return verdict
            return None
        except RefusedError as refused:
            return refused.verdict
        except LinkError as error:
            log.info("%s: the scheduler does not answer (%s)", work.key, error)
            await asyncio.wait({lost, stopped}, timeout=_PARTING, return_when=asyncio.FIRST_COMPLETED)
            return None
        finally:
            for task in (chase, lost, stopped):
                task.cancel()
            await asyncio.gather(chase, lost, stopped, return_exceptions=True)
            if not link.lost.is_set():
                await self._part(pursuit, work)

    async def _part(self, pursuit: Pursuit, work: Work) -> None:
        """Have a job that has ended, or is to end, forgotten."""
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(_PARTING):
                if work.stop:
                    await pursuit.stop()
                await pursuit.release()

    async def _supplies(self, work: Work) -> Supplies:
        model = await candidate_of(work, self._models)
        if isinstance(model, Verdict):
            raise RefusedError(model)
        run = work.run
        return Supplies(
            server=self._server,
            endpoint=self._endpoint,
            kind="run" if run else "creation",
            slug=work.version.slug,
            text=await to_thread(self._store.text, work.version.id),
            candidate=run.model if run else "",
            effort=run.effort if run else "",
            model=model.proxy_slug,
            models=tuple(await offered(model, self._models)),
            timeout=self._timeout,
            memory=self._memory,
            sandbox=self._sandbox,
            fork=self._fork,
        )

    async def _sweep(self, link: Link) -> None:
        """Have tasks forgotten that the scheduler keeps for this server and that nobody here waits for."""
        for key in await link.call(link.client.list_datasets()):
            if str(key).startswith(f"{self._prefix}-") and not await to_thread(self._wanted, str(key)):
                log.info("%s is not wanted any more", key)
                await link.call(link.client.unpublish_dataset(key))

    def _wanted(self, key: str) -> bool:
        kind, number, _nonce = key.removeprefix(f"{self._prefix}-").split("-")
        if kind == "run":
            run, folder = self._store.run(int(number)), self._home.runs / number
            going = run is not None and run.state == RUNNING
        else:
            folder = self._home.creations / number
            going = any(version.id == int(number) for version in self._store.versions_in(RUNNING))
        return going and Ticket.read(folder).key == key


async def _unless_stopped(work: Work, awaited: Awaitable[Link]) -> Link | None:
    """Await something, unless the job is stopped before it comes."""
    task, stopped = asyncio.ensure_future(awaited), asyncio.create_task(work.stopped.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
