"""The server's connection to a Dask scheduler: opened again whenever it is lost, and never waited for in vain.

Nothing is kept of what was known when it was lost: workers close when their scheduler goes, and another scheduler at
the same address knows nothing of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client, Future, Security

from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.address import is_name, of_name

log = logging.getLogger("kbench.local.cluster")

_Answer = TypeVar("_Answer")
_PAUSE = 2.0
"""Seconds between two tries to reach a scheduler, or a worker."""
_TRIES = 150
"""How often a worker is asked that does not answer: five minutes, in which Dask itself gives up on one."""
_CONNECT = 10.0
"""Seconds that one may take."""
_PULSE = 0.5
"""Seconds between two looks whether the connection still is: Dask tells nobody."""
_LOOK, _LONGEST_LOOK = 3.0, 60.0
"""Seconds without a word of a job after which the scheduler is asked where it is: at first, and in the end."""
_START = 60.0
"""Seconds that a cluster on this machine gets to start."""


MEMORY = "memory"
"""The resource of Dask's by which workers say how many bytes they have for jobs."""


class LinkError(Exception):
    """The scheduler does not answer."""


class WorkerGone(Exception):
    """A worker has left, or does not answer."""


class Link:
    """A connection while it lasts: who works there, and where each job is."""

    def __init__(self, client: Client, changed: Callable[[], Awaitable[None]]) -> None:
        self.client = client
        self.workers: dict[str, int] = {}  # threads by address
        self.memory = 0.0  # most bytes that a worker says to have for jobs; 0 where none says it
        self.lost = asyncio.Event()
        self._changed = changed
        self._comm = client.scheduler_comm
        self._gone: dict[str, asyncio.Future[None]] = {}
        self._places: dict[str, str] = {}
        self._begun: dict[str, dict[str, str]] = {}  # of each job, the places of its attempts
        self._news = asyncio.Condition()
        self._pending: set[asyncio.Task[None]] = set()

    async def open(self, topic: str) -> None:
        """Ask who works there, and be told of what changes."""
        self.client.subscribe_topic("all", self._on_worker)
        self.client.subscribe_topic(topic, self._on_job)
        await self._refresh()

    async def watch(self) -> None:
        """Wait until the connection is lost."""
        while self.client.status == "running" and self.client.scheduler_comm is self._comm:
            await asyncio.sleep(_PULSE)
        self.lost.set()

    async def raise_if_lost(self) -> None:
        """Raise LinkError if the connection is lost, or about to be found so."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.lost.wait(), 3 * _PULSE)
            raise LinkError("the connection was lost")

    async def call(self, what: Awaitable[_Answer]) -> _Answer:
        """Await something of Dask's; raises LinkError if the scheduler does not answer."""
        try:
            return await what
        except (OSError, TimeoutError) as error:
            raise LinkError(str(error)) from error

    async def ask(self, place: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have a worker call a function: again while it does not answer, for that may pass.

        Raises WorkerGone when the scheduler says that there is no such worker any more, or it is no good for long.
        """
        for _ in range(_TRIES):
            if (gone := self._gone.get(place)) is None:
                break
            asking = asyncio.ensure_future(self.client.run(function, *arguments, workers=[place]))
            try:
                await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    return asking.result()[place]
            except (OSError, TimeoutError, KeyError):
                await asyncio.wait({gone}, timeout=_PAUSE)
            finally:
                if not asking.cancel() and not asking.cancelled():
                    asking.exception()  # looked at: it came too late
        raise WorkerGone(place)

    async def place_of(self, key: str, future: Future) -> str | None:
        """Wait for a worker to have a job, and return its address; None when the task has failed or was cancelled."""
        patience = _LOOK
        while future.status in ("pending", "finished"):
            if (place := self._places.get(key)) in self.workers:
                return place
            async with self._news:
                known = self._news.wait_for(lambda: self._places.get(key) in self.workers)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(known, patience)
                    continue
            await self._look_for(key, future)
            patience = min(2 * patience, _LONGEST_LOOK)
        return None

    def too_small(self, memory: int) -> str:
        """Say that no worker has the bytes that a job may take, or nothing: such a job waits for one that has."""
        if not 0 < self.memory < memory:
            return ""
        return (
            "No worker has the memory that each job may take, and jobs wait for one that has it: "
            f"KBENCH_MEMORY_GB={memory / 2**30:g} is memory={memory}, and the largest was started with "
            f"memory={self.memory:.0f}."
        )

    def begun(self, key: str) -> dict[str, str]:
        """Return the attempts at a job that were heard of, the oldest first, each with its place."""
        return dict(self._begun.get(key, {}))

    def forget(self, key: str) -> None:
        """Forget where a job is: it is not there."""
        self._places.pop(key, None)

    async def _look_for(self, key: str, future: Future) -> None:
        if future.status == "finished":
            holding = await self.call(self.client.who_has([future]))
            places = list(holding.get(key, ()))
        else:
            going = await self.call(self.client.processing())
            places = [place for place, keys in going.items() if key in keys]
        if places:
            self._places[key] = places[0]

    async def _on_job(self, event: tuple[float, dict[str, str]]) -> None:
        key, place, attempt = (event[1][name] for name in ("key", "place", "attempt"))
        async with self._news:
            self._places[key] = place
            self._begun.setdefault(key, {})[attempt] = place
            self._news.notify_all()

    async def _on_worker(self, event: tuple[float, dict[str, Any]]) -> None:
        action, worker = event[1].get("action"), str(event[1].get("worker"))
        if action == "remove-worker" and self.workers.pop(worker, None):
            self._gone.pop(worker).set_result(None)
            await self._changed()
        elif action == "add-worker":
            task = asyncio.create_task(self._refresh())
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _refresh(self) -> None:
        try:
            found = (await self.call(self.client.scheduler.identity()))["workers"]
        except LinkError:
            return  # `watch` sees it
        self.workers = {address: worker["nthreads"] for address, worker in found.items()}
        self.memory = max((worker["resources"].get(MEMORY, 0.0) for worker in found.values()), default=0.0)
        for worker in self._gone.keys() - self.workers.keys():
            self._gone.pop(worker).set_result(None)
        for worker in self.workers.keys() - self._gone.keys():
            self._gone[worker] = asyncio.get_running_loop().create_future()
        async with self._news:
            self._news.notify_all()
        await self._changed()


class Linking:
    """Keeps a server linked to the scheduler at an address, or to a cluster of its own (``new:4``)."""

    def __init__(self, address: str, topic: str, children: Children, folder: Path) -> None:
        self.address = address
        self.link: Link | None = None
        self.problem = "The scheduler has not answered yet."
        self._topic = topic
        self._children = children
        self._folder = folder
        self._own: tuple[asyncio.subprocess.Process, str, Security] | None = None
        self._linked = asyncio.Event()

    def start(self, changed: Callable[[], Awaitable[None]], swept: Callable[[Link], Awaitable[None]]) -> None:
        """Begin to link. `changed` is called when workers come and go, `swept` with each new link."""
        self._keeping = asyncio.create_task(self._keep(changed, swept))

    async def linked(self) -> Link:
        """Wait for a link."""
        while self.link is None:
            await self._linked.wait()
        return self.link

    async def close(self) -> None:
        """Part from the scheduler; a cluster of our own ends."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        if self._own:
            await self._children.end(self._own[0])

    async def _keep(
        self, changed: Callable[[], Awaitable[None]], swept: Callable[[Link], Awaitable[None]]
    ) -> None:
        while True:
            try:
                client = await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever Dask makes of an address: it is said, and tried again
                self._say(f"The Dask scheduler at {self.address} cannot be reached: {str(error)[:300]}")
                await asyncio.sleep(_PAUSE)
                continue
            link = Link(client, changed)
            try:
                await link.open(self._topic)
                await swept(link)
                self.link, self.problem = link, ""
                log.info("linked to the Dask scheduler at %s", self.address)
                self._linked.set()
                await changed()
                await link.watch()
                self._say(
                    f"The connection to the Dask scheduler at {self.address} is lost: its jobs wait for it."
                )
            except LinkError as error:
                self._say(f"The Dask scheduler at {self.address} does not answer: {error}")
            finally:
                self.link = None
                self._linked.clear()
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(client.close(timeout=2), 4)

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    async def _connect(self) -> Client:
        address, security = await self._whereabouts()
        options = {"security": security, "timeout": _CONNECT, "name": "kbench", "set_as_default": False}
        client = Client(address, asynchronous=True, **options)
        try:
            return await client
        except BaseException:
            with contextlib.suppress(OSError, TimeoutError):
                await client.close(timeout=1)
            raise

    async def _whereabouts(self) -> tuple[str, Security | None]:
        if is_name(self.address):
            return await of_name(self.address)
        if not self.address.startswith("new:"):
            return self.address, None
        if self._own is None or self._own[0].returncode is not None:
            self._own = await self._start_own(int(self.address.removeprefix("new:")))
        return self._own[1:]

    async def _start_own(self, slots: int) -> tuple[asyncio.subprocess.Process, str, Security]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "cluster.err").open("wb") as stderr:
            process = await self._children.start("executors.new_cluster", self._folder, stderr)
        assert process.stdin is not None  # noqa: S101 - Children.start asks for it
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps({"slots": slots}).encode() + b"\n")
        try:
            told = json.loads(await asyncio.wait_for(process.stdout.readline(), _START))
        except (TimeoutError, ValueError) as error:
            await self._children.end(process)
            said = (self._folder / "cluster.err").read_text(errors="replace")[-300:]
            raise RuntimeError(f"the new cluster does not start. {said}".strip()) from error
        security = Security(
            tls_ca_file=told["ca"],
            tls_client_key=told["key"],
            tls_client_cert=told["certificate"],
            require_encryption=True,
        )
        return process, str(told["address"]), security
