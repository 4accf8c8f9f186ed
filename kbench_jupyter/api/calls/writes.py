"""Writes: never sent twice blindly, and never taken as done before the server has said so.

An answer that is not what was asked for (an empty object, another task) is as good as a lost one.

Sending a push twice makes two task versions, sending a schedule twice pays for two runs, and the wire has
no key that would tell a server "this is the one from before". So both look before and after: a push
compares the task's version number, a schedule the run ids of its models. A write whose answer was lost
and that is found to have landed is reported as done, with a note (a version made elsewhere or before, or
one of several, is nobody's to claim); one that is not found is *not* sent again, since a slow server may
still be at work on it, and the error says what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.names import task_slug
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import TaskOrigin
from kbench_jupyter.api.values.tasks import Run, ScheduleResult, Task, TaskSlug
from kbench_jupyter.errors import AmbiguousWriteError, ApiError, CredentialsError, TransportError

__all__ = ["create_task", "is_task", "publish_task", "schedule_runs"]

SERVICE = "benchmarks.BenchmarkTasksApiService"
T = TypeVar("T")
#: How far the server's clock may be off ours.
SKEW = timedelta(minutes=5)


def create_task(
    caller: Caller,
    look: Callable[[], Task | None],
    slug: str,
    text: str,
    datasets: Sequence[str],
    known_version: int | None,
) -> Task:
    """Push a task; after an ambiguous failure find out whether a new version appeared.

    Parameters
    ----------
    look : callable
        Returns the task at its newest version, or None when there is none.
    known_version : int or None
        The newest version before the push, 0 when there is no such task; None looks it up.
    """
    if known_version is None:
        known_version = _version(look())
    body: dict[str, Any] = {name: value for name, value in (("slug", slug), ("text", text)) if value}
    if datasets:
        body["options"] = {"datasetDataSources": list(datasets)}
    sent = datetime.now(UTC)
    try:
        answer = caller.call(SERVICE, "CreateBenchmarkTask", body, safe=False, subject=f"task {slug!r}")
    except AmbiguousWriteError as error:
        lost = error
    else:
        task = Task.from_wire(answer)
        if task.error or (is_task(task, slug) and _version(task) > known_version):
            return _resolved(answer, datasets, look)
        lost = _unconfirmed("CreateBenchmarkTask")

    def newer() -> Task | None:
        task = look()
        return task if _version(task) > known_version else None

    found, looked = _look_again(caller, newer)
    if found is not None and not _may_be_ours(found, known_version, sent):
        raise AmbiguousWriteError(
            f"The push of {slug!r} got no usable answer, and version {found.version}, which has appeared"
            " since, may be somebody else's.",
            detail=str(lost),
            hint=f"It was not sent again. Compare that version with yours: %kbench pull {slug}; if it is not"
            " yours, push again.",
        )
    if found is not None:
        return replace(
            found,
            invalid_datasets=_unresolved(found, datasets),
            note=f"The answer to the push was lost, but version {found.version} has appeared since.",
        )
    raise AmbiguousWriteError(
        f"The push of {slug!r} got no usable answer"
        + (
            f", and no version after {known_version or 'none'} has appeared."
            if looked
            else ", and looking whether it landed failed too."
        ),
        detail=str(lost),
        hint=f"It was not sent again, since the server may still be at work on it. %kbench status {slug}"
        f" shows whether version {known_version + 1} appears; if not, push again.",
    )


def is_task(task: Task, slug: str) -> bool:
    """Return whether an answer is the task that was asked for."""
    got = task.slug.task
    return bool(got) and (got == slug or task_slug(got) == task_slug(slug))


def _unconfirmed(method: str) -> AmbiguousWriteError:
    return AmbiguousWriteError(f"{method}: the server answered, but did not confirm what was asked for.")


def publish_task(caller: Caller, look: Callable[[TaskSlug], Task], slug: TaskSlug, notebook: bool) -> Task:
    """Make a task public, and its notebook if asked; doing it again changes nothing.

    Parameters
    ----------
    look : callable
        Returns the task.
    """
    body: dict[str, Any] = {"slug": slug.to_wire()} | ({"publishBackingNotebook": True} if notebook else {})
    subject = f"task {str(slug)!r}"

    def done(task: Task) -> bool:
        public = bool(task.is_public) and (bool(task.is_backing_notebook_published) or not notebook)
        return public and is_task(task, slug.task)

    task = Task.from_wire(caller.call(SERVICE, "PublishBenchmarkTask", body, subject=subject))
    # The answer may leave out what the task itself says.
    if done(task):
        return task
    with suppress(ApiError, TransportError, CredentialsError):
        task = look(slug)
    if done(task):
        return task
    if is_task(task, slug.task) and task.is_public:
        return task  # it shows that its notebook is not
    raise AmbiguousWriteError(
        f"The server did not confirm that {subject} is public.",
        hint=f"Look with %kbench status {slug}; publishing again changes nothing that is done: %kbench publish {slug}",
    )


def _may_be_ours(task: Task, known_version: int, sent: datetime) -> bool:
    """Return whether a new version can be the one whose answer was lost, and no other's."""
    return (
        _version(task) == known_version + 1
        and task.origin in (TaskOrigin.CLI, TaskOrigin.UNSPECIFIED)
        and (task.create_time is None or task.create_time >= sent - SKEW)
    )


def _version(task: Task | None) -> int:
    # A task whose version the wire leaves out still exists: any number after it is newer.
    return 0 if task is None else task.version or 0


def _resolved(answer: dict[str, Any], datasets: Sequence[str], look: Callable[[], Task | None]) -> Task:
    task = Task.from_wire(answer)
    if not datasets or task.error:
        return task
    if "options" not in answer:
        # Left out because nothing was attached, or because this answer never has it: the task tells.
        seen = None
        try:
            seen = look()
        except (ApiError, TransportError, CredentialsError):
            return task  # the push has landed; not knowing about datasets must not fail it
        if seen is None or _version(seen) != _version(task):
            return task
        task = replace(task, datasets=seen.datasets)
    return replace(task, invalid_datasets=_unresolved(task, datasets))


def _unresolved(task: Task, asked: Sequence[str]) -> tuple[str, ...]:
    wire = {
        "options": {"datasetDataSources": list(task.datasets)},
        "invalidDatasetSources": list(task.invalid_datasets),
    }
    return Task.from_wire(wire, asked=asked).invalid_datasets


def schedule_runs(
    caller: Caller,
    look: Callable[[], Iterable[Run]],
    slug: TaskSlug,
    models: Sequence[str],
    known_runs: Collection[int] | None,
) -> list[ScheduleResult]:
    """Schedule a run on each model; after an ambiguous failure find out which runs appeared.

    Parameters
    ----------
    look : callable
        Returns the runs of these models.
    models : sequence of str
        Canonical slugs, each once.
    known_runs : collection of int or None
        Ids of the runs of these models before; None looks them up.
    """
    before = frozenset(run.id for run in look()) if known_runs is None else frozenset(known_runs)
    body = {"taskSlugs": [slug.to_wire()], "modelVersionSlugs": list(models)}
    subject = f"task {str(slug)!r}, or no model {' or '.join(models)}"
    try:
        answer = caller.call(SERVICE, "BatchScheduleBenchmarkTaskRuns", body, safe=False, subject=subject)
    except AmbiguousWriteError as error:
        lost = error
    else:
        results = _paired(answer, models)
        if results is not None:
            return results
        lost = _unconfirmed("BatchScheduleBenchmarkTaskRuns")

    seen: dict[str, int] = {}

    def all_found() -> bool | None:
        seen.update({run.model: run.id for run in look() if run.id not in before})
        return True if all(model in seen for model in models) else None

    complete, looked = _look_again(caller, all_found)
    if complete:
        return [
            ScheduleResult(
                model, True, note=f"The answer was lost, but run {seen[model]} has appeared since."
            )
            for model in models
        ]
    appeared = [f"{model}: run {seen[model]} has appeared." for model in models if model in seen]
    absent = [f"{model}: no new run has appeared." for model in models if model not in seen]
    raise AmbiguousWriteError(
        f"Scheduling {slug} got no usable answer"
        + (
            f", and {len(seen)} of {len(models)} runs have appeared."
            if looked
            else ", and looking whether it landed failed too."
        ),
        detail="\n".join([str(lost), *(appeared + absent if looked else [])]),
        hint=f"It was not sent again, since the server may still be at work on it. %kbench status {slug}"
        " shows which runs there are; run the missing ones again.",
    )


def _paired(answer: dict[str, Any], models: Sequence[str]) -> list[ScheduleResult] | None:
    """Return what became of each model; None where the answer does not say."""
    results = parse.items(answer.get("results"))
    # Answers come in request order and name no model: with another count none can be told apart.
    if len(results) != len(models) or not all(results):
        return None
    return [ScheduleResult.from_wire(item, model=model) for item, model in zip(results, models, strict=True)]


def _look_again(caller: Caller, look: Callable[[], T | None]) -> tuple[T | None, bool]:
    """Look until something is found; return it, and whether any look succeeded at all."""
    looked = False
    for failures in range(1, caller.limits.looks + 1):
        caller.sleep(caller.limits.pause(failures, caller.rand))
        try:
            found = look()
        except (ApiError, TransportError, CredentialsError):
            continue
        looked = True
        if found is not None:
            return found, True
    return None, looked
