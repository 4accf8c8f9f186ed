"""What the queue hands to an executor, and what an executor is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.rows import Run, Version


@dataclass(eq=False)
class Work:
    """A job that is being carried out: a task version's creation, or a run of it."""

    key: str  # names it in the log and in the store
    version: Version
    run: Run | None  # None for a creation
    folder: Path  # where log, output and verdict go
    live: LiveLog | None = None  # takes its log; there once it is begun
    stop: str | None = None  # why it is to end early
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def end_early(self, reason: str) -> None:
        """Have it end, for the first reason given."""
        self.stop = self.stop or reason
        self.stopped.set()

    @property
    def log(self) -> LiveLog:
        """Its log, once it is begun."""
        assert self.live is not None  # noqa: S101 - the queue has made it
        return self.live


class Executor(Protocol):
    """Carries jobs out."""

    @property
    def slots(self) -> int:
        """How many jobs it carries out at a time."""

    def expect(self) -> None:
        """Get ready: a job will come soon."""

    async def execute(self, work: Work) -> Verdict:
        """Carry a job out, to its end or until it is stopped: its log, its output in its folder, its verdict.

        A job that was stopped may end with any verdict: the queue knows why. Whatever it took on the way is given back
        before this returns.

        Raises
        ------
        OSError
            If what it leaves cannot be stored.
        """

    async def close(self) -> None:
        """Give back what is kept ready; no job is going any more."""
