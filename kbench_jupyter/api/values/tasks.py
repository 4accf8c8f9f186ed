"""Tasks and their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api.values.states import CandidateType, CreationState, TaskOrigin
from kbench_jupyter.api.values.wire import Wire, given, wire
from kbench_jupyter.errors import UsageError

__all__ = ["Citation", "Task", "TaskSlug", "TasksChanged", "UpdatedTask"]

WEB_BASE = "https://www.kaggle.com"


def on_the_web(url: str) -> str:
    """Return a page's address, absolute, as the server may leave its own host out; empty when it gave none."""
    return WEB_BASE + url if url.startswith("/") else url


@dataclass(frozen=True)
class TaskSlug(Wire):
    """A task's address."""

    task: str = wire("taskSlug")
    owner: str | None = wire("ownerSlug", default=None)  #: None means the signed-in user
    version: int | None = wire("versionNumber", default=None)  #: None means the newest

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
        return cls(task=data) if isinstance(data, str) else super().from_wire(data)

    def to_wire(self) -> dict[str, Any]:
        """Return the request's form, fields that are None left out."""
        version = {} if self.version is None else {"versionNumber": self.version}
        return given(ownerSlug=self.owner, taskSlug=self.task) | version

    def __str__(self) -> str:
        return f"{self.owner}/{self.task}" if self.owner else self.task


@dataclass(frozen=True)
class Citation(Wire):
    """What the data or the code of a task refers to."""

    title: str = ""
    url: str = ""


@dataclass(frozen=True)
class Task(Wire):
    """A task, seen at one of its versions (``slug.version``)."""

    slug: TaskSlug
    creation_state: CreationState = CreationState.UNSPECIFIED
    url: str = ""  #: as the server gave it, usually relative; `web_url` is absolute
    create_time: datetime | None = None
    error: str | None = None  #: what a push that was refused says
    creation_error_message: str | None = None
    is_public: bool | None = None
    source_kernel_id: int | None = None
    is_backing_notebook_published: bool | None = None
    datasets: tuple[str, ...] = wire("options.datasetDataSources", default=())  #: attached to this version
    #: Datasets that were asked for and could not be resolved.
    invalid_datasets: tuple[str, ...] = wire("invalidDatasetSources", default=())
    origin: TaskOrigin = wire("source", default=TaskOrigin.UNSPECIFIED)
    description: str = ""  #: Markdown, shown on the task's page
    tags: tuple[str, ...] = ()
    provenance: str = wire("provenanceSources", default="")  #: where data and code come from
    citations: tuple[Citation, ...] = ()
    candidate_type: CandidateType = CandidateType.UNSPECIFIED
    #: Whether others see the runs' files, logs and outputs, and not their scores alone.
    artifacts_public: bool | None = wire("areRunArtifactsPublic", default=None)
    #: What the client itself has to add, for example that the answer to the push was lost.
    note: str = wire(default="")

    @property
    def web_url(self) -> str:
        """The task's page, absolute; empty when the server gave none."""
        return on_the_web(self.url)

    @property
    def version(self) -> int | None:
        """The task version this was seen at."""
        return self.slug.version

    def unresolved(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return `invalid_datasets`, and those that a push asked for and that are not attached."""
        missing = (name for name in asked if not any(_same_dataset(name, got) for got in self.datasets))
        return tuple(dict.fromkeys((*self.invalid_datasets, *missing)))


@dataclass(frozen=True)
class UpdatedTask(Wire):
    """A task after its page was changed."""

    task: Task
    invalid_tags: tuple[str, ...] = ()  #: tags that the server does not know, and left out


@dataclass(frozen=True)
class TasksChanged(Wire):
    """What became of tasks that were to be added to a benchmark, or removed from it."""

    changed: tuple[TaskSlug, ...] = wire("addedTasks", "removedTasks", default=())
    skipped: tuple[TaskSlug, ...] = wire("skippedTasks", default=())  #: they were there already, or not there


def _same_dataset(asked: str, got: str) -> bool:
    # The server may answer with a pinned version of what was asked for: owner/name/versions/3.
    asked, got = asked.strip("/").lower(), got.strip("/").lower()
    return got == asked or got.startswith(asked + "/")
