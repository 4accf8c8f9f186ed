"""Which job goes when: how many at once, order, cancel, and what a restart finds.

Everything that must survive is in the store before anything happens, and a job's folder holds a verdict
only when the job has ended. So after ``kill -9`` at any moment: a queued job is still queued; a job with a
verdict has ended as the verdict says; a creation without one is begun again; and a run without one reads
ERRORED with the reason. Where jobs outlive the server (`Executor.lasting`), those without a verdict are handed to the
executor again, which finds them or begins them anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
from asyncio import to_thread
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from itertools import count as counting
from pathlib import Path
from typing import Any

from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.runners import remove_scratch
from kbench_jupyter.local.executors.work import Executor, Work
from kbench_jupyter.local.home import Home, not_stored
from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.rows import ERRORED, QUEUED, RUNNING, Run, Version
from kbench_jupyter.local.store import Store

log = logging.getLogger("kbench.local.queue")

LOST = "The embedded server ended while this run was going; schedule the run again."
STOPPED = "The embedded server was stopped while this run was going; schedule the run again."
CANCELLED = "Cancelled."
_PATIENCE = 10.0
"""Seconds that jobs get to end once they were told to."""


class Queue:
    """The jobs that wait and go; an `executor` carries them out."""

    def __init__(self, home: Home, store: Store, children: Children, executor: Executor) -> None:
        self._home = home
        self._store = store
        self._children = children
        self._executor = executor
        self._going: dict[str, Work] = {}
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[str, int] = {}  # when each task had its last one
        self._turn = counting(1)
        self._closing = False

    # -- the life of the queue --------------------------------------------------------------------

    async def start(self) -> None:
        """Settle what an earlier server left, and begin to work."""
        await self._children.end_leftovers()
        try:
            await to_thread(self._recover)
        except sqlite3.OperationalError as error:  # the disk is full: a later start settles the rest
            log.warning("what an earlier server left cannot be settled: %s", error)
        await self._executor.start(self.wake)
        for job in list(self._going.values()):
            self._also(self._see_to(job))
        self._also(self._dispatch())

    def _also(self, what: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.create_task(what))
        task.add_done_callback(self._tasks.discard)

    def _recover(self) -> None:
        for run in self._store.runs_in(RUNNING):
            if not (verdict := Verdict.read(self.folder_of(run))) and self._executor.lasting:
                self._take_up(run)
                continue
            verdict = verdict or Verdict(ERRORED, LOST)
            self._store.end_run(run.id, verdict.state, verdict.error, verdict.result)
        for version in self._store.versions_in(RUNNING):
            if not (verdict := Verdict.read(self._folder(version))) and self._executor.lasting:
                self._take_up(version)
                continue
            verdict = verdict or Verdict(QUEUED)
            self._store.set_version(version.id, verdict.state, verdict.error)
        for leftover in self._home.work.iterdir():
            remove_scratch(leftover)

    def _take_up(self, what: Run | Version) -> Work:
        if isinstance(what, Run):
            job = Work(_key(what), self._store.version_by_id(what.version_id), what, self.folder_of(what))
        else:
            job = Work(_key(what), what, None, self._folder(what))
        self._going[job.key] = job
        return job

    async def close(self) -> None:
        """End all that is going; runs read ERRORED, creations are begun again at the next start."""
        self._closing = True
        for job in list(self._going.values()):
            job.end_early(STOPPED)
        await self._until_gone(self._going.values())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._executor.close()

    def expect(self) -> None:
        """Get ready: somebody who asks for a token will validate, push or run soon."""
        self._executor.expect()

    async def wake(self) -> None:
        """Look again: something was queued, or more can be done at once."""
        async with self._news:
            self._news.notify_all()

    async def count(self) -> dict[str, Any]:
        """Return how many jobs can go at once, are going and are waiting, and what the executor has to tell."""
        waiting = await to_thread(self._store.waiting)
        about = self._executor.about()
        return {"workers": self._executor.slots, "going": len(self._going), "waiting": waiting, **about}

    def _folder(self, version: Version) -> Path:
        return self._home.creations / str(version.id)

    def folder_of(self, run: Run) -> Path:
        """Return the folder of a run's log and output."""
        return self._home.runs / str(run.id)

    def live_log(self, run: Run) -> LiveLog | None:
        """Return the log of a run that is going."""
        job = self._going.get(f"run-{run.id}")
        return job.live if job else None

    async def cancel(self, run_ids: Sequence[int], *, active: bool) -> tuple[int, int]:
        """End runs that wait, and, if asked, those that go: return how many of each have ended by it."""
        async with self._news:  # none is taken up meanwhile
            jobs = {number: job for number in run_ids if (job := self._going.get(f"run-{number}"))}
            waiting = [number for number in run_ids if number not in jobs]
            queued = await to_thread(self._store.cancel_queued, waiting, CANCELLED)
        if not active:
            return queued, 0
        for job in jobs.values():
            job.end_early(CANCELLED)
        await self._until_gone(jobs.values())
        found = await to_thread(lambda: [self._store.run(number) for number in jobs])
        return queued, sum(bool(run and (run.error or "").startswith(CANCELLED)) for run in found)

    async def _until_gone(self, jobs: Iterable[Work]) -> None:
        """Wait, not for ever, until none of these jobs is in hand."""
        waited_for = list(jobs)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE), self._news:
                await self._news.wait_for(lambda: not any(job in self._going.values() for job in waited_for))

    # -- which goes next --------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        while True:
            async with self._news:
                while (job := await self._next()) is None:
                    await self._news.wait()
            self._also(self._see_to(job))

    async def _next(self) -> Work | None:
        if self._closing or len(self._going) >= self._executor.slots:
            return None
        try:
            return await to_thread(self._take_next)
        except sqlite3.OperationalError as error:  # whoever queues the next one has us look again
            log.warning("what waits cannot be read: %s", error)
            return None

    def _take_next(self) -> Work | None:
        # Creations first: they are short, and somebody is waiting to run the task.
        for version in self._store.versions_in(QUEUED):
            if _key(version) not in self._going:
                return self._take_up(version)
        # A task with many runs holds no other one up: each has its turn.
        going = [job.run.id for job in self._going.values() if job.run]
        waiting = self._store.first_queued(going)
        if not waiting:
            return None
        run = min(waiting, key=lambda run: (self._turns.get(run.slug, 0), run.id))
        self._turns[run.slug] = next(self._turn)
        return self._take_up(run)

    # -- one job ----------------------------------------------------------------------------------

    async def _see_to(self, job: Work) -> None:
        try:
            await self._do(job)
        except (OSError, sqlite3.OperationalError) as error:
            log.warning("%s: %s", job.key, error)
            await self._settle(job, Verdict(ERRORED, not_stored(error)))
        except Exception:
            log.exception("%s failed in the server itself", job.key)
            await self._settle(job, Verdict(ERRORED, "The embedded server failed; its log says how."))
        finally:
            async with self._news:
                del self._going[job.key]
                self._news.notify_all()

    async def _do(self, job: Work) -> None:
        try:
            await to_thread(self._begin, job)
            await self._settle(job, await self._carry_out(job))
        finally:
            self._store.forget_tokens(job.key)
            # The state first, the end of the log after it: who follows the log looks at the state then.
            if job.live:
                await job.live.end()

    def _begin(self, job: Work) -> None:
        if (job.run or job.version).state == RUNNING:  # found by a restart
            job.folder.mkdir(mode=0o700, exist_ok=True)
            job.live = LiveLog(job.folder, anew=True)
            return
        shutil.rmtree(job.folder, ignore_errors=True)
        job.folder.mkdir(mode=0o700)
        job.live = LiveLog(job.folder)  # before the state: the log of a run that goes is live
        if job.run:
            self._store.start_run(job.run.id)
        else:
            self._store.set_version(job.version.id, RUNNING)

    async def _carry_out(self, job: Work) -> Verdict:
        verdict = await self._executor.execute(job)
        if job.stop == STOPPED and not job.run:
            return Verdict(QUEUED)
        if job.stop:
            verdict = Verdict(ERRORED, job.stop)
        if not job.log.problem:
            return verdict
        said = f"{verdict.error or ''}\nPart of its log is missing. {job.log.problem}".strip()
        return replace(verdict, error=said)

    async def _settle(self, job: Work, verdict: Verdict) -> None:
        """Record how a job ended; while that cannot be stored, try again."""
        while True:
            try:
                if job.run:
                    await to_thread(
                        self._store.end_run, job.run.id, verdict.state, verdict.error, verdict.result
                    )
                else:
                    await to_thread(self._store.set_version, job.version.id, verdict.state, verdict.error)
            except sqlite3.OperationalError as error:
                if self._closing:  # the next start settles it
                    return
                log.warning("how %s ended cannot be stored yet: %s", job.key, error)
                await asyncio.sleep(1)
            else:
                log.info("%s of %s: %s", job.key, job.version.slug, verdict.state)
                return


def _key(what: Run | Version) -> str:
    return f"run-{what.id}" if isinstance(what, Run) else f"creation-{what.id}"
