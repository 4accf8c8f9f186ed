"""One job on a Dask cluster, as the server follows it: handed over, its log as it grows, its archive, its verdict.

The scheduler starts a task again when its worker is lost. That is an attempt of its own: its log begins anew, and
nothing that an earlier one left counts. A published task is kept by the scheduler while the server is away, so a server
that is back finds it by the ticket in the job's folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from distributed import Future

from kbench_jupyter._version import __version__
from kbench_jupyter.local.executors import workplace
from kbench_jupyter.local.executors.link import MEMORY, Link, WorkerGone
from kbench_jupyter.local.executors.work import Work
from kbench_jupyter.local.home import write_private
from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.rows import ERRORED

ATTEMPTS = 3
_PATIENCE = 20.0
"""Seconds that a worker waits for something new in a log before it answers."""
_PART = 4 * 2**20
"""Bytes of an archive that are fetched at a time."""
_TICKET = "cluster.json"
_CANCELLED = (
    "Its task was cancelled on the cluster, or its workers died as they took it up; schedule the run again."
)


@dataclass
class Ticket:
    """Under which key a job is known to the scheduler, and where its attempts were begun."""

    key: str = ""
    attempts: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # each attempt's
    lost: int = 0  # how many of the attempts
    taken: int = 0  # bytes of the last attempt's log that the job's has: not noted, for a later server begins that anew

    @classmethod
    def read(cls, folder: Path) -> Ticket:
        """Return what is noted in a job's folder."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return cls(**json.loads((folder / _TICKET).read_text()))
        return cls()

    def write(self, folder: Path) -> None:
        """Note it."""
        write_private(folder / _TICKET, json.dumps(asdict(self) | {"taken": 0}))

    async def tell_again(self, log: LiveLog) -> None:
        """Say in a log that a later server has begun anew what the one before had said in it."""
        for place in self.places[: self.lost]:
            await log.note(_lost(place))
        if self.lost < len(self.attempts):
            await self.tell_attempt(log)

    async def tell_attempt(self, log: LiveLog) -> None:
        """Say in a log that the run goes again, if it does."""
        if (number := len(self.attempts)) > 1:
            await log.note(
                f"This is attempt {number} of {ATTEMPTS}, from its beginning, on {self.places[-1]}."
            )


def _lost(place: str) -> str:
    return f"The worker {place} was lost, and what this attempt had done."


class RefusedError(Exception):
    """The job cannot be done."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.error)
        self.verdict = verdict


class Pursuit:
    """Follows one job over one link to the scheduler, which gives it so many seconds, and bytes if that is not 0.

    `prefix` begins the keys of this server's tasks. `supplies` makes what a worker is told, or raises RefusedError.
    """

    def __init__(
        self, link: Link, work: Work, ticket: Ticket, supplies: Callable[[Work], Awaitable[workplace.Supplies]], *,
        prefix: str, timeout: float, memory: int,
    ) -> None:  # fmt: skip
        self._link = link
        self._work = work
        self._ticket = ticket
        self._supplies = supplies
        self._prefix = prefix
        self._timeout = timeout
        self._memory = memory
        self._future: Future | None = None

    async def verdict(self) -> Verdict:
        """Find the job or hand it over, and follow it to its end."""
        future = await self._find() or await self._hand_over()
        cancelled = 0
        while True:
            place = await self._link.place_of(self._ticket.key, future)
            if place is None:
                await self._link.raise_if_lost()
                verdict = await self._failure(future)
                # Without a verdict somebody has cancelled it, a server was killed before the scheduler had it whole, or
                # the scheduler has given it up: it counts workers, too, that had not begun it.
                if verdict is not None or cancelled == ATTEMPTS:
                    return verdict or Verdict(ERRORED, _CANCELLED)
                cancelled += 1
                future = await self._hand_over()
                continue
            try:
                if (result := await self._follow(place)) is None:
                    # Its worker has left in good order, and its archive with it.
                    if future.status == "finished":
                        future = await self._hand_over()
                    continue
                await self._fetch(place, result["archive"])
                return Verdict(**result["verdict"])
            except WorkerGone:
                self._link.forget(self._ticket.key)
                if not await self._note_lost():
                    return self._given_up()

    async def stop(self) -> None:
        """End the job's processes, if a worker has it in hand."""
        with contextlib.suppress(WorkerGone):
            if self._ticket.places and self._ticket.lost < len(self._ticket.places):
                await self._link.ask(self._ticket.places[-1], workplace.end, self._ticket.key)

    async def release(self) -> None:
        """Tell the scheduler that nobody wants the job any more: its worker forgets it."""
        if self._future is not None:
            client = self._link.client
            await self._link.call(client.unpublish_dataset(self._ticket.key))
            await self._link.call(client.cancel([self._future], force=True))
            self._future.release()

    async def _find(self) -> Future | None:
        if self._ticket.key:
            found = await self._link.call(self._link.client.get_dataset(self._ticket.key, default=None))
            self._future = found
        return self._future

    async def _hand_over(self) -> Future:
        await self._supplies(self._work)  # or it is not worth a task
        await self.release()
        self._ticket.key = f"{self._prefix}-{self._work.key}-{secrets.token_hex(4)}"
        # First of all: a server that is killed now finds the task, or knows that there is none.
        await asyncio.to_thread(self._ticket.write, self._work.folder)
        key, client = self._ticket.key, self._link.client
        # In a pickle of its own, which it opens in a thread: a worker that cannot read what it is handed closes.
        call = pickle.dumps(_Call((key, self._prefix, self._timeout)))
        priority = 0 if self._work.run else 1
        # Workers that say how much memory they have take no more jobs than that is enough for.
        resources = {MEMORY: self._memory} if self._memory and self._link.memory else None
        if too_small := self._link.too_small(self._memory):
            await self._work.log.note(too_small)
        self._future = client.submit(
            pickle.loads,
            call,
            key=key,
            pure=False,
            priority=priority,
            retries=0,
            resources=resources,
        )
        await self._link.call(client.publish_dataset(self._future, name=key))
        return self._future

    async def _follow(self, place: str) -> dict[str, Any] | None:
        """Take over the log of the attempt on a worker, to its end; None when it has no such job."""
        key, patience = self._ticket.key, 0.0
        while True:
            seen = await self._link.ask(place, workplace.look, key, self._ticket.taken, patience)
            if seen is None or seen["attempt"] in self._ticket.attempts[:-1]:
                self._link.forget(key)
                return None
            if seen["attempt"] not in self._ticket.attempts[-1:]:
                await self._note_attempt(seen["attempt"], place, seen["version"])
                continue
            if not seen["supplied"]:
                await self._link.ask(place, workplace.supply, key, await self._supplies(self._work))
            for entry in seen["data"].splitlines(keepends=True):
                self._ticket.taken += len(entry)  # before: after it may come a cut
                await self._work.log.append(entry)
            if seen["result"] is not None:
                result: dict[str, Any] = seen["result"]
                return result
            patience = _PATIENCE

    async def _note_attempt(self, attempt: str, place: str, version: str) -> None:
        # One may have been lost before anybody looked at it.
        for begun, where in {**self._link.begun(self._ticket.key), attempt: place}.items():
            if begun not in self._ticket.attempts:
                if self._ticket.attempts and not await self._note_lost():
                    # One too many: it is not told what to do.
                    raise WorkerGone(where)
                self._ticket.attempts.append(begun)
                self._ticket.places.append(where)
        self._ticket.taken = 0
        await asyncio.to_thread(self._ticket.write, self._work.folder)
        await self._ticket.tell_attempt(self._work.log)
        if version != __version__:
            await self._work.log.note(f"{place} has kbench_jupyter {version}, the server {__version__}.")

    async def _note_lost(self) -> bool:
        """Note that the last attempt is lost; say whether another one may be begun."""
        ticket = self._ticket
        if ticket.lost < len(ticket.attempts):
            ticket.lost = len(ticket.attempts)
            await asyncio.to_thread(ticket.write, self._work.folder)
            await self._work.log.note(_lost(ticket.places[-1]))
        return ticket.lost < ATTEMPTS

    def _given_up(self) -> Verdict:
        places = ", ".join(self._ticket.places)
        return Verdict(
            ERRORED,
            f"Its worker was lost {ATTEMPTS} times ({places}): out of memory, killed, or cut off. Does the task do "
            "that to them? If not, schedule the run again.",
        )

    async def _failure(self, future: Future) -> Verdict | None:
        """Return what a task that no worker has came to; None if it may be handed over again."""
        if future.status != "error":
            return None
        error = await self._link.call(future.exception())
        if isinstance(error, ModuleNotFoundError):
            install = "pip install 'kbench-jupyter[cluster,local]'"
            return Verdict(ERRORED, f"A worker of the cluster has no {error.name}. Type there: {install}")
        if type(error).__name__ == "KilledWorker":
            return None if await self._note_lost() else self._given_up()
        return Verdict(ERRORED, f"The worker could not carry it out: {type(error).__name__}: {error}")

    async def _fetch(self, place: str, size: int | None) -> None:
        if size is None:
            return
        with _made(self._work.folder / "output.zip") as file:
            while (at := file.tell()) < size:
                data = await self._link.ask(place, workplace.part, self._ticket.key, at, _PART)
                if not data:
                    raise WorkerGone(place)
                await asyncio.to_thread(file.write, data)


class _Call(tuple[Any, ...]):
    """The arguments of `workplace.carry_out`, which is called when this is unpickled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return workplace.carry_out, tuple(self)


@contextlib.contextmanager
def _made(path: Path) -> Iterator[IO[bytes]]:
    """Provide a new file, which is put in its place when it is whole, or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
