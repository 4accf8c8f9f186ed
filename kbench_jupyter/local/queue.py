"""Which job goes when: worker limit, order, cancel, and what a restart finds.

Everything that must survive is in the store before anything happens, and a job's folder holds a verdict
only when the job has ended. So after ``kill -9`` at any moment: a queued job is still queued; a job with a
verdict has ended as the verdict says; a creation without one is begun again; and a run without one reads
ERRORED with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import shutil
import sqlite3
import time
from asyncio import to_thread
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kbench_jupyter.local.children import Children
from kbench_jupyter.local.home import Home, not_stored
from kbench_jupyter.local.job import BEGUN, END, NOT_STORED, Job, Verdict, task_environment
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.models import Model, Models
from kbench_jupyter.local.rows import ERRORED, QUEUED, RUNNING, Run, Version
from kbench_jupyter.local.runners import Runner, Runners, remove_scratch
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.local.store import Store

log = logging.getLogger("kbench.local.queue")

LOST = "The embedded server ended while this run was going; schedule the run again."
STOPPED = "The embedded server was stopped while this run was going; schedule the run again."
CANCELLED = "Cancelled."
_PATIENCE = 5.0
"""Seconds a runner gets to end by itself once it was told to."""
_SLACK = 60.0
"""Seconds beyond a job's own limit after which its runner is taken for stuck."""


@dataclass(eq=False)
class _Going:
    """A job that a worker has in hand."""

    key: str
    version: Version
    run: Run | None
    folder: Path
    live: LiveLog | None = None
    runner: Runner | None = None
    begun: bool = False
    stop: str | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
    """The workers: how many, how many seconds a notebook has, and whether the next job's runner is kept ready.

    The server's own address is asked for, because it is known only once the server listens.
    """

    def __init__(
        self,
        home: Home,
        store: Store,
        models: Models,
        children: Children,
        *,
        workers: int,
        timeout: float,
        ahead: bool,
        url: Callable[[], str],
        sandbox: Sandbox | None = None,
    ) -> None:
        self._home = home
        self._store = store
        self._models = models
        self._workers = workers
        self._timeout = timeout
        self._url = url
        self._children = children
        self._runners = Runners(home.work, children, ahead=ahead, sandbox=sandbox)
        self._warming: dict[str, asyncio.Task[None]] = {}
        self._going: dict[str, _Going] = {}
        self._news = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    # -- the life of the queue --------------------------------------------------------------------

    async def start(self) -> None:
        """Settle what an earlier server left, and begin to work."""
        await self._children.end_leftovers()
        try:
            await to_thread(self._recover)
        except sqlite3.OperationalError as error:  # the disk is full: a later start settles the rest
            log.warning("what an earlier server left cannot be settled: %s", error)
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]

    def _recover(self) -> None:
        for run in self._store.runs_in(RUNNING):
            verdict = Verdict.read(self.folder_of(run)) or Verdict(ERRORED, LOST)
            self._store.end_run(run.id, verdict.state, verdict.error, verdict.result)
        for version in self._store.versions_in(RUNNING):
            verdict = Verdict.read(self._home.creations / str(version.id)) or Verdict(QUEUED)
            self._store.set_version(version.id, verdict.state, verdict.error)
        for leftover in self._home.work.iterdir():
            remove_scratch(leftover)

    async def close(self) -> None:
        """End all that is going; runs read ERRORED, creations are begun again at the next start."""
        self._closing = True
        for job in list(self._going.values()):
            self._stop(job, STOPPED)
        await self._until_gone(self._going.values())
        tasks = [*self._tasks, *self._warming.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._runners.close()

    def expect(self) -> None:
        """Get ready: somebody who asks for a token will validate, push or run soon."""
        self._runners.expect()

    async def wake(self) -> None:
        """Tell the workers that something was queued."""
        async with self._news:
            self._news.notify_all()

    async def count(self) -> dict[str, int]:
        """Return how many workers there are, and how many jobs are going and waiting."""
        waiting = await to_thread(self._store.waiting)
        return {"workers": self._workers, "going": len(self._going), "waiting": waiting}

    def folder_of(self, run: Run) -> Path:
        """Return the folder of a run's log and output."""
        return self._home.runs / str(run.id)

    def live_log(self, run: Run) -> LiveLog | None:
        """Return the log of a run that is going."""
        job = self._going.get(f"run-{run.id}")
        return job.live if job else None

    async def cancel(self, run_ids: Sequence[int], *, active: bool) -> tuple[int, int]:
        """End runs that wait, and, if asked, those that go: return how many of each have ended by it."""
        async with self._news:  # no worker takes one up meanwhile
            jobs = {number: job for number in run_ids if (job := self._going.get(f"run-{number}"))}
            waiting = [number for number in run_ids if number not in jobs]
            queued = await to_thread(self._store.cancel_queued, waiting, CANCELLED)
        if not active:
            return queued, 0
        for job in jobs.values():
            self._stop(job, CANCELLED)
        await self._until_gone(jobs.values())
        found = await to_thread(lambda: [self._store.run(number) for number in jobs])
        return queued, sum(bool(run and (run.error or "").startswith(CANCELLED)) for run in found)

    async def _until_gone(self, jobs: Iterable[_Going]) -> None:
        """Wait, not for ever, until no worker has any of these jobs in hand."""
        waited_for = list(jobs)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * _PATIENCE), self._news:
                await self._news.wait_for(lambda: not any(job in self._going.values() for job in waited_for))

    def _stop(self, job: _Going, reason: str) -> None:
        job.stop = job.stop or reason
        job.stopped.set()

    # -- a worker ---------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            async with self._news:
                while (job := await to_thread(self._next)) is None:
                    await self._news.wait()
                self._going[job.key] = job
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

    def _next(self) -> _Going | None:
        if self._closing:
            return None
        # Creations first: they are short, and somebody is waiting to run the task.
        for version in self._store.versions_in(QUEUED):
            if (key := f"creation-{version.id}") not in self._going:
                return _Going(key, version, None, self._home.creations / str(version.id))
        for run in self._store.runs_in(QUEUED):
            if (key := f"run-{run.id}") not in self._going:
                return _Going(key, self._store.version_by_id(run.version_id), run, self.folder_of(run))
        return None

    async def _do(self, job: _Going) -> None:
        job.live = await to_thread(self._begin, job)
        try:
            await self._settle(job, await self._carry_out(job, job.live))
        finally:
            with contextlib.suppress(sqlite3.OperationalError):  # it expires by itself
                await to_thread(self._store.forget_tokens, job.key)
            # The state first, the end of the log after it: who follows the log looks at the state then.
            await job.live.end()

    def _begin(self, job: _Going) -> LiveLog:
        shutil.rmtree(job.folder, ignore_errors=True)
        job.folder.mkdir(mode=0o700)
        if job.run:
            self._store.start_run(job.run.id)
        else:
            self._store.set_version(job.version.id, RUNNING)
        return LiveLog(job.folder)

    async def _carry_out(self, job: _Going, live: LiveLog) -> Verdict:
        try:
            verdict = await self._execute(job)
        finally:
            # Before the state is recorded: if the disk is full, this may be what fills it.
            if job.runner is not None:
                await to_thread(remove_scratch, job.runner.scratch)
        if not live.problem:
            return verdict
        said = f"{verdict.error or ''}\nPart of its log is missing. {live.problem}".strip()
        return replace(verdict, error=said)

    async def _settle(self, job: _Going, verdict: Verdict) -> None:
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

    async def _execute(self, job: _Going) -> Verdict:
        run = job.run
        model = await (
            self._models.find(run.agent or run.model, agent=bool(run.agent))
            if run
            else self._models.default()
        )
        if model is None:
            what = "agent" if run and run.agent else "model"
            return Verdict(ERRORED, f"Its {what} is gone. {self._models.problem()}".strip())
        if run and run.effort not in ("", *model.efforts):
            return Verdict(ERRORED, f"{model.slug} takes no reasoning effort {run.effort!r} any more.")
        self._warm_up(model)
        early = True
        while early and not job.begun and not job.stop:  # the one that waited may have died unnoticed
            job.runner, early = await self._runners.take(job.key)
            if early:
                # The next one warms up while this one talks to its model, not while it imports the SDK itself.
                await self._expect_next()
            await self._see_through(job, job.runner, await self._order(job, job.runner, model))
        await self._expect_next()
        if job.stop == STOPPED and not job.run:
            return Verdict(QUEUED)
        if job.stop:
            return Verdict(ERRORED, job.stop)
        assert job.runner is not None  # noqa: S101 - the loop has run at least once
        code, noise = job.runner.process.returncode, job.runner.noise
        if code == NOT_STORED:
            return Verdict(ERRORED, not_stored(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        return await to_thread(Verdict.read, job.folder) or Verdict(
            ERRORED, f"The runner process ended unexpectedly (exit code {code}).\n{noise}".strip()
        )

    async def _expect_next(self) -> None:
        # While others wait for a worker, it takes a core that no worker needs.
        if len(self._going) < (os.cpu_count() or 1) or not await to_thread(self._store.waiting):
            self._runners.expect()

    def _warm_up(self, model: Model) -> None:
        """Have a model get ready, once for all jobs that begin meanwhile, and to its end even if they end before."""
        if model.slug not in self._warming:
            self._warming[model.slug] = asyncio.create_task(self._models.prepare(model))
            self._warming[model.slug].add_done_callback(lambda _task: self._warming.pop(model.slug))

    async def _order(self, job: _Going, runner: Runner, model: Model) -> bytes:
        token = "kbp_" + secrets.token_urlsafe(32)
        env = task_environment(
            home=str(runner.home),
            proxy_url=self._url(),
            token=token,
            model=model.proxy_slug,
            models=[
                known.proxy_slug for known in (*await self._models.all(), *([model] if model.agent else []))
            ],
        )

        def order() -> bytes:
            self._store.add_token(token, time.time() + self._timeout + _SLACK, job.key)
            return Job(
                kind="run" if job.run else "creation",
                slug=job.version.slug,
                text=self._store.text(job.version.id),
                folder=str(job.folder),
                scratch=str(runner.scratch),
                env=env,
                model=model.proxy_slug,
                timeout=self._timeout,
                around=self._runners.around(runner),
            ).dumps()

        return await to_thread(order)

    async def _see_through(self, job: _Going, runner: Runner, order: bytes) -> None:
        """Let a runner do its job, to its end or to the job's."""
        process = runner.process
        reading = asyncio.create_task(self._read_log(job, process))
        stopping = asyncio.create_task(job.stopped.wait())
        try:
            await runner.tell(order)
            await asyncio.wait(
                {reading, stopping}, timeout=self._timeout + _SLACK, return_when=asyncio.FIRST_COMPLETED
            )
            if not reading.done():
                await runner.tell(END)
                await asyncio.wait({reading}, timeout=_PATIENCE)
        finally:
            await self._runners.end(runner)
            reading.cancel()
            stopping.cancel()

    async def _read_log(self, job: _Going, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - Children.start asks for it
        assert job.live is not None  # noqa: S101 - made in _do
        while line := await process.stdout.readline():
            if line == BEGUN:
                job.begun = True
            else:
                await job.live.append(line)
