"""What comes of a task: its runs, what became of scheduling them, and the entries of their logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.models import canonical
from kbench_jupyter.api.values.scores import Score, read_score
from kbench_jupyter.api.values.states import RunState
from kbench_jupyter.api.values.tasks import TaskSlug
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["Cancelled", "LogEntry", "Run", "ScheduleResult"]


@dataclass(frozen=True)
class Run(Wire):
    """One task version on one candidate."""

    id: int
    task: TaskSlug = wire("taskSlug")  #: with the run's *own* version
    #: Canonical model slug; of a run that names an agent and no model, the agent's slug, so that it is
    #: shown and downloaded under that.
    model: str = wire("modelVersionSlug", "agentSlug", read=canonical)
    state: RunState = RunState.UNSPECIFIED
    start_time: datetime | None = None
    end_time: datetime | None = None
    error_message: str | None = None  #: may be a whole traceback
    agent: str = wire("agentSlug", default="")  #: its slug, empty where none ran (kagglesdk 0.1.38)
    #: Slug of the model's config, of a run with an effort; empty where the model ran bare.
    config: str = wire("modelVersionConfigSlug", default="")
    #: None while there is none, or none came.
    score: Score | None = wire("result", default=None, read=read_score)

    @property
    def candidate(self) -> str:
        """The slug of what the task ran on: the agent's, else the config's, else the model's."""
        return self.agent or self.config or self.model

    @property
    def took(self) -> float | None:
        """Seconds from start to end; None before it has ended, and where the server's clock was set back meanwhile."""
        if self.start_time is None or self.end_time is None or self.end_time < self.start_time:
            return None
        return (self.end_time - self.start_time).total_seconds()


@dataclass(frozen=True)
class ScheduleResult(Wire):
    """What became of one candidate of a schedule."""

    #: Canonical slug of the model asked for, empty for an agent; the answer names none, it comes in request
    #: order.
    model: str = wire(default="")
    effort: str = wire(default="")  #: the reasoning effort asked for
    agent: str = wire(default="")  #: slug of the agent asked for
    run_id: int | None = None  #: None where none was scheduled, or the server does not say
    scheduled: bool = wire("runScheduled", default=False)
    skipped_reason: str | None = wire("runSkippedReason", default=None)  #: why none was scheduled
    model_version_id: int | None = wire("benchmarkModelVersionId", default=None)
    config_id: int | None = wire("benchmarkModelVersionConfigId", default=None)  #: with an effort only
    task_version_id: int | None = wire("benchmarkTaskVersionId", default=None)
    parent_task_version_id: int | None = None
    #: What the client itself has to add, for example that the answer was lost and the run was found.
    note: str = wire(default="")

    @classmethod
    def from_wire(cls, data: Any, *, model: str = "", effort: str = "", agent: str = "") -> Self:
        """Read what became of `model` at `effort`, or of `agent`."""
        result = super().from_wire(data)
        return replace(result, model=normalize_model(model), effort=effort, agent=agent)

    @property
    def candidate(self) -> str:
        """What was asked for, in words: the agent's slug, or the model's, with its effort if one was named."""
        return self.agent or (f"{self.model} ({self.effort})" if self.effort else self.model)

    def may_be(self, run: Run) -> bool:
        """Return whether a run, seen since, is what was scheduled: that very run, or one of the candidate."""
        if self.run_id is not None:
            return run.id == self.run_id
        if self.agent or run.agent:
            return run.agent == self.agent
        return run.model == self.model and bool(run.config) == bool(self.effort)


@dataclass(frozen=True)
class Cancelled(Wire):
    """How many runs a cancel stopped."""

    queued: int = wire("queuedCancelledCount", default=0)
    active: int = wire("activeTerminatedCount", default=0)  #: they were running


@dataclass(frozen=True)
class LogEntry:
    """A piece of a run's output: not a line, it may hold several, or part of one."""

    stream: str  #: ``"stdout"``, ``"stderr"`` or what else the server names; empty when it named none
    time: float | None  #: seconds, on the server's clock for the run
    data: str  #: text; may hold ANSI codes and carriage returns
    #: Whether it was missed when it was written and comes from the persisted log, out of order.
    late: bool = field(default=False, compare=False)
    #: Whether something may be missing before it: what its stream wrote of a line so far is given up, and
    #: comes again as a whole once the persisted log is there.
    gap: bool = field(default=False, compare=False)

    @classmethod
    def from_wire(cls, value: Any) -> Self:
        """Read an entry, or a bare string (a whole line, since it has no line end of its own)."""
        if type(value) is dict:
            stream, time, data = value.get("stream_name"), value.get("time"), value.get("data")
            if type(stream) is str and type(data) is str:
                # As entries mostly are. Logs hold them by the hundred thousand, and reading each as if
                # anything could be in it takes more than twice as long.
                return cls(stream, parse.number(time), data)
        if isinstance(value, Mapping) and "data" in value:
            return cls(
                stream=parse.text(value.get("stream_name", value.get("streamName"))),
                time=parse.number(value.get("time")),
                data=parse.text(value.get("data")),
            )
        data = value if isinstance(value, str) else json.dumps(value)
        return cls(stream="", time=None, data=data if data.endswith("\n") else data + "\n")
