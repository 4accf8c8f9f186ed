"""Carries jobs out on this machine: each in a runner process of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kbench_jupyter.execution import ROOM, free_memory
from kbench_jupyter.local.children import Children, Forked
from kbench_jupyter.local.executors.runners import Runner, Runners, remove_scratch
from kbench_jupyter.local.executors.work import PATIENCE, SLACK, Work, candidate_of, offered
from kbench_jupyter.local.job import BEGUN, END, Job, Verdict, task_environment
from kbench_jupyter.local.models import Model, Models
from kbench_jupyter.local.rows import ERRORED
from kbench_jupyter.local.sandbox import Sandbox
from kbench_jupyter.local.store import Store


class Processes:
    """Runner processes of this machine, `slots` at a time.

    The server's own address is asked for, because it is known only once the server listens; `waiting` says whether
    other jobs wait.
    """

    lasting = False

    def __init__(
        self,
        work: Path,
        store: Store,
        models: Models,
        children: Children,
        *,
        slots: int,
        timeout: float,
        memory: int,
        ahead: bool,
        fork: bool,
        url: Callable[[], str],
        sandbox: Sandbox | None = None,
    ) -> None:
        self.slots = slots
        self._store = store
        self._models = models
        self._timeout = timeout
        self._memory = memory
        self._url = url
        self._runners = Runners(work, children, ahead=ahead, fork=fork, sandbox=sandbox)
        self._ahead = ahead
        self._warming: dict[str, asyncio.Task[None]] = {}
        self._going = 0

    async def start(self, wake: Callable[[], Awaitable[None]]) -> None:
        """Nothing to begin: a runner is started when it is needed."""

    def expect(self) -> None:
        """Get ready: somebody who asks for a token will prompt, validate, push or run soon."""
        self._runners.expect()
        if self._ahead and free_memory() >= ROOM:
            self._warm_up()

    def about(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}

    async def close(self) -> None:
        """End the runner that is ready, and the models' warming up."""
        for task in list(self._warming.values()):
            task.cancel()
        await asyncio.gather(*self._warming.values(), return_exceptions=True)
        await self._runners.close()

    async def execute(self, work: Work) -> Verdict:
        """Carry a job out in a runner of its own."""
        model = await candidate_of(work, self._models)
        if isinstance(model, Verdict):
            return model
        if self._ahead:
            self._warm_up(model)
        self._going += 1
        try:
            return await self._in_runners(work, model)
        finally:
            self._going -= 1

    async def _in_runners(self, work: Work, model: Model) -> Verdict:
        verdict = Verdict(ERRORED, work.stop)
        early, begun = True, False
        while early and not begun and not work.stop:  # the one that waited may have died unnoticed
            runner, early = await self._runners.take(work.key)
            if early:
                # The next one warms up while this one talks to its model, not while it imports the SDK itself.
                await self._expect_next()
            try:
                begun = await self._see_through(work, runner, await self._order(work, runner, model))
                verdict = await to_thread(
                    Verdict.of_runner, work.folder, runner.process.returncode, runner.noise
                )
            finally:
                # Before the state is recorded: if the disk is full, this may be what fills it.
                await to_thread(remove_scratch, runner.scratch)
        await self._expect_next()
        return verdict

    async def _expect_next(self) -> None:
        # While others wait for a worker, it takes a core that no worker needs.
        if self._going < (os.cpu_count() or 1) or not await to_thread(self._store.waiting):
            self._runners.expect()

    def _warm_up(self, model: Model | None = None) -> None:
        """Have a model get ready, once for all jobs that begin meanwhile, and to its end even if they end before.

        Without one it is the default model.
        """
        key = model.slug if model else ""
        if key not in self._warming:
            self._warming[key] = asyncio.create_task(self._prepare(model))
            self._warming[key].add_done_callback(lambda _task: self._warming.pop(key))

    async def _prepare(self, model: Model | None) -> None:
        if model := model or await self._models.default():
            await self._models.prepare(model)

    async def _order(self, work: Work, runner: Runner, model: Model) -> bytes:
        token = "kbp_" + secrets.token_urlsafe(32)
        env = task_environment(
            home=str(runner.home),
            proxy_url=self._url(),
            token=token,
            model=model.proxy_slug,
            models=await offered(model, self._models),
        )

        def order() -> bytes:
            run = (work.run.model, work.run.effort) if work.run else ()
            self._store.lend_token(token, self._timeout + SLACK, work.key, *run)
            return Job(
                kind="run" if work.run else "creation",
                slug=work.version.slug,
                text=self._store.text(work.version.id),
                folder=str(work.folder),
                scratch=str(runner.scratch),
                env=env,
                model=model.proxy_slug,
                timeout=self._timeout,
                around=self._runners.around(runner),
                memory=self._memory,
            ).dumps()

        return await to_thread(order)

    async def _see_through(self, work: Work, runner: Runner, order: bytes) -> bool:
        """Let a runner do its job, to its end or to the job's; return whether it began."""
        begun = asyncio.Event()
        reading = asyncio.create_task(_read_log(work, runner.process, begun))
        stopping = asyncio.create_task(work.stopped.wait())
        try:
            await runner.tell(order)
            await asyncio.wait(
                {reading, stopping}, timeout=self._timeout + SLACK, return_when=asyncio.FIRST_COMPLETED
            )
            if not reading.done():
                await runner.tell(END)
                await asyncio.wait({reading}, timeout=PATIENCE)
        finally:
            await self._runners.end(runner)
            reading.cancel()
            stopping.cancel()
        return begun.is_set()


async def _read_log(work: Work, process: asyncio.subprocess.Process | Forked, begun: asyncio.Event) -> None:
    assert process.stdout is not None  # noqa: S101 - Children.start asks for it
    while line := await process.stdout.readline():
        if line == BEGUN:
            begun.set()
        else:
            await work.log.append(line)
