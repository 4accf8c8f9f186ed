"""What the queue hands to an executor, and what an executor is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.models import Model, Models
from kbench_jupyter.local.rows import ERRORED, Run, Version

PATIENCE = 5.0
"""Seconds a runner gets to end by itself once it was told to."""
SLACK = 60.0
"""Seconds beyond a job's own limit after which its runner is taken for stuck."""


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

    lasting: bool
    """Whether a job may go on while the server is away: then it is handed over again after a restart."""

    @property
    def slots(self) -> int:
        """How many jobs it carries out at a time, now."""

    async def start(self, wake: Callable[[], Awaitable[None]]) -> None:
        """Begin to work; `wake` is to be called when there are more slots than before."""

    def expect(self) -> None:
        """Get ready: a job will come soon."""

    def about(self) -> dict[str, Any]:
        """Say where jobs go, beside this machine, and what is the matter there."""

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


async def candidate_of(work: Work, models: Models) -> Model | Verdict:
    """Return the model or agent that a job runs on; the job's verdict where there is none any more."""
    run = work.run
    model = await (models.find(run.agent or run.model, agent=bool(run.agent)) if run else models.default())
    if model is None:
        what = "agent" if run and run.agent else "model"
        return Verdict(ERRORED, f"Its {what} is gone. {models.problem()}".strip())
    if run and run.effort not in ("", *model.efforts):
        return Verdict(ERRORED, f"{model.slug} takes no reasoning effort {run.effort!r} any more.")
    return model


async def offered(model: Model, models: Models) -> list[str]:
    """Return the proxy slugs that a job on a model may ask."""
    return [known.proxy_slug for known in (*await models.all(), *([model] if model.agent else []))]
