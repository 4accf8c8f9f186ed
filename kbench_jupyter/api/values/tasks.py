"""What the API speaks of, as frozen values: tasks, runs, models, tokens, quotas and log entries.

``from_wire`` takes a JSON object as the server sent it and never fails on a missing, null or unknown
field; ``to_wire`` leaves fields at their default out, as both official sides do. All times are aware
and in UTC. The leaderboard's values live in `board`, the account's in `account`, a model in `catalogue`; all
are named here too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.account import ModelProxyToken, QuotaBalance, TaskQuota, TokenInfo
from kbench_jupyter.api.values.leaderboard import CustomResult, Leaderboard, LeaderboardRow, Score, TaskResult
from kbench_jupyter.api.values.models import Model
from kbench_jupyter.api.values.states import CreationState, Modality, RefillPeriod, RunState, TaskOrigin
from kbench_jupyter.errors import UsageError

__all__ = [
    "CreationState",
    "CustomResult",
    "Leaderboard",
    "LeaderboardRow",
    "LogEntry",
    "Modality",
    "Model",
    "ModelProxyToken",
    "QuotaBalance",
    "RefillPeriod",
    "Run",
    "RunState",
    "ScheduleResult",
    "Score",
    "Task",
    "TaskOrigin",
    "TaskQuota",
    "TaskResult",
    "TaskSlug",
    "TokenInfo",
]

WEB_BASE = "https://www.kaggle.com"


@dataclass(frozen=True)
class TaskSlug:
    """A task's address.

    Parameters
    ----------
    task : str
        The task's slug.
    owner : str or None
        Whose task; None means the signed-in user's.
    version : int or None
        A task version; None means the newest.
    """

    task: str
    owner: str | None = None
    version: int | None = None

    @classmethod
    def parse(cls, value: str | TaskSlug) -> TaskSlug:
        """Return the address that ``"task"`` or ``"owner/task"`` names.

        Raises
        ------
        UsageError
            If a part is empty or there are more than two.
        """
        if isinstance(value, TaskSlug):
            return value
        owner, slash, task = value.strip().rpartition("/")
        if not task or "/" in owner or (slash and not owner):
            raise UsageError(
                f"{value!r} is not a task: expected 'task' or 'owner/task'.",
                hint="%kbench list shows your tasks.",
            )
        return cls(task=task, owner=owner or None)

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Read an ``ApiBenchmarkTaskSlug`` object, or a bare slug."""
        if isinstance(data, str):
            return cls(task=data)
        data = parse.mapping(data)
        return cls(
            task=parse.text(data.get("taskSlug")),
            owner=parse.text(data.get("ownerSlug")) or None,
            version=parse.integer(data.get("versionNumber")),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the request's form, fields that are None left out."""
        out: dict[str, Any] = {}
        if self.owner:
            out["ownerSlug"] = self.owner
        if self.task:
            out["taskSlug"] = self.task
        if self.version is not None:
            out["versionNumber"] = self.version
        return out

    def __str__(self) -> str:
        return f"{self.owner}/{self.task}" if self.owner else self.task


@dataclass(frozen=True)
class Task:
    """A task, seen at one of its versions (``slug.version``).

    Parameters
    ----------
    url : str
        As the server gave it, usually relative; `web_url` is absolute.
    error : str or None
        What a push that was refused says.
    datasets : tuple of str
        Datasets attached to this version.
    invalid_datasets : tuple of str
        Datasets that were asked for and could not be resolved.
    note : str
        What the client itself has to add, for example that the answer to the push was lost.
    """

    slug: TaskSlug
    creation_state: CreationState = CreationState.UNSPECIFIED
    url: str = ""
    create_time: datetime | None = None
    error: str | None = None
    creation_error_message: str | None = None
    is_public: bool | None = None
    source_kernel_id: int | None = None
    is_backing_notebook_published: bool | None = None
    datasets: tuple[str, ...] = ()
    invalid_datasets: tuple[str, ...] = ()
    origin: TaskOrigin = TaskOrigin.UNSPECIFIED
    note: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], *, asked: Sequence[str] = ()) -> Self:
        """Read an ``ApiBenchmarkTask``.

        Parameters
        ----------
        asked : sequence of str
            Datasets the push asked for: those missing from the answer's options are `invalid_datasets`.
        """
        datasets = parse.texts(parse.mapping(data.get("options")).get("datasetDataSources"))
        named = parse.texts(data.get("invalidDatasetSources"))
        missing = tuple(name for name in asked if not any(_same_dataset(name, got) for got in datasets))
        return cls(
            slug=TaskSlug.from_wire(data.get("slug")),
            creation_state=CreationState.from_wire(data.get("creationState")),
            url=parse.text(data.get("url")),
            create_time=parse.when(data.get("createTime")),
            error=parse.text(data.get("error")) or None,
            creation_error_message=parse.text(data.get("creationErrorMessage")) or None,
            is_public=parse.optional_boolean(data.get("isPublic")),
            source_kernel_id=parse.integer(data.get("sourceKernelId")),
            is_backing_notebook_published=parse.optional_boolean(data.get("isBackingNotebookPublished")),
            datasets=datasets,
            invalid_datasets=tuple(dict.fromkeys((*named, *missing))),
            origin=TaskOrigin.from_wire(data.get("source")),
        )

    @property
    def web_url(self) -> str:
        """The task's page, absolute; empty when the server gave none."""
        return WEB_BASE + self.url if self.url.startswith("/") else self.url

    @property
    def version(self) -> int | None:
        """The task version this was seen at."""
        return self.slug.version


def _same_dataset(asked: str, got: str) -> bool:
    # The server may answer with a pinned version of what was asked for: owner/name/versions/3.
    asked, got = asked.strip("/").lower(), got.strip("/").lower()
    return got == asked or got.startswith(asked + "/")


@dataclass(frozen=True)
class Run:
    """One task version on one model.

    Parameters
    ----------
    task : TaskSlug
        With the run's *own* version.
    model : str
        Canonical model slug; of a run that names an agent and no model, the agent's slug, so that it is
        shown and downloaded under that.
    agent : str
        The agent's slug, empty where none ran (kagglesdk 0.1.38).
    error_message : str or None
        May be a whole traceback.
    """

    id: int
    task: TaskSlug
    model: str
    state: RunState = RunState.UNSPECIFIED
    start_time: datetime | None = None
    end_time: datetime | None = None
    error_message: str | None = None
    agent: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``ApiBenchmarkTaskRun``."""
        agent = parse.text(data.get("agentSlug"))
        return cls(
            id=parse.integer(data.get("id")) or 0,
            task=TaskSlug.from_wire(data.get("taskSlug")),
            model=normalize_model(parse.text(data.get("modelVersionSlug")) or agent),
            state=RunState.from_wire(data.get("state")),
            start_time=parse.when(data.get("startTime")),
            end_time=parse.when(data.get("endTime")),
            error_message=parse.text(data.get("errorMessage")) or None,
            agent=agent,
        )


@dataclass(frozen=True)
class ScheduleResult:
    """What became of one model of a schedule.

    Parameters
    ----------
    model : str
        Canonical slug of the model asked for; the answer itself names none, it comes in request order.
    scheduled : bool
        Whether a run was scheduled.
    skipped_reason : str or None
        Why not.
    note : str
        What the client itself has to add, for example that the answer was lost and the run was found.
    """

    model: str
    scheduled: bool
    skipped_reason: str | None = None
    model_version_id: int | None = None
    task_version_id: int | None = None
    parent_task_version_id: int | None = None
    note: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], *, model: str = "") -> Self:
        """Read a ``BatchScheduleBenchmarkModelVersionResult``."""
        return cls(
            model=normalize_model(model),
            scheduled=parse.boolean(data.get("runScheduled")),
            skipped_reason=parse.text(data.get("runSkippedReason")) or None,
            model_version_id=parse.integer(data.get("benchmarkModelVersionId")),
            task_version_id=parse.integer(data.get("benchmarkTaskVersionId")),
            parent_task_version_id=parse.integer(data.get("parentTaskVersionId")),
        )


@dataclass(frozen=True)
class LogEntry:
    r"""A piece of a run's output: not a line, it may hold several, or part of one.

    Parameters
    ----------
    stream : str
        ``"stdout"``, ``"stderr"`` or what else the server names; empty when it named none.
    time : float or None
        Seconds, on the server's clock for the run.
    data : str
        Text; may hold ANSI codes and ``\r``.
    late : bool
        Whether it was missed when it was written and comes from the persisted log, out of order.
    gap : bool
        Whether something may be missing before it: what its stream wrote of a line so far is given up, and
        comes again as a whole once the persisted log is there.
    """

    stream: str
    time: float | None
    data: str
    late: bool = field(default=False, compare=False)
    gap: bool = field(default=False, compare=False)

    @classmethod
    def from_wire(cls, value: Any) -> Self:
        """Read an entry, or a bare string (a whole line, since it has no line end of its own)."""
        if type(value) is dict:
            stream, time, data = value.get("stream_name"), value.get("time"), value.get("data")
            if type(stream) is str and type(time) is float and type(data) is str:
                # As entries mostly are. Logs hold them by the hundred thousand, and reading each as if
                # anything could be in it takes more than twice as long.
                return cls(stream, time, data)
        if isinstance(value, Mapping) and "data" in value:
            return cls(
                stream=parse.text(value.get("stream_name", value.get("streamName"))),
                time=parse.number(value.get("time")),
                data=parse.text(value.get("data")),
            )
        data = value if isinstance(value, str) else json.dumps(value)
        return cls(stream="", time=None, data=data if data.endswith("\n") else data + "\n")
