"""A task as the server knows it: whether it is there, whether it can be run, and what to say where it cannot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.api import Client, Task, TaskSlug
from kbench_jupyter.errors import KBenchError, NotFoundError, TaskNotReadyError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.session import Session

# Why a creation that ended in a state left nothing to run, and what to do about it.
_ENDINGS = {
    "KERNEL_WITHOUT_RUN": (
        "the notebook ran, but recorded no run",
        "End the notebook with my_task.run(kbench.llm), then %kbench push again.",
    ),
    "VALIDATION_FAILED": (
        "the server did not accept it",
        "Mend what the message says, then %kbench push again.",
    ),
    "NO_MODEL_SPECIFIED": ("it names no model", "Pass kbench.llm to .run(...), then %kbench push again."),
    "ERRORED": (
        "the notebook failed while it ran",
        "%kbench validate shows what happens in a fresh kernel.",
    ),
}


def find_task(client: Client, slug: str) -> Task | None:
    """Return the task, or None when there is none of that name."""
    try:
        return addressed(client.get_task(slug), slug)
    except NotFoundError:
        return None


def addressed(task: Task, slug: str) -> Task:
    """Return a task under the address it was asked for by, as a line to type names it: somebody else's by its owner."""
    return replace(task, slug=replace(task.slug, owner=TaskSlug.parse(slug).owner))


def get_task(session: Session, client: Client, slug: str) -> Task:
    """Return a task, or say which one might have been meant.

    Parameters
    ----------
    session : Session
        Its notebook may hold the task, not pushed yet.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    try:
        return addressed(client.get_task(slug), slug)
    except NotFoundError as error:
        message, hint = _unknown_task(session, client, slug)
        raise NotFoundError(
            message,
            method=error.method,
            status=error.status,
            server_message=error.server_message,
            hint=hint,
        ) from error


def _unknown_task(session: Session, client: Client, slug: str) -> tuple[str, str]:
    """Say of a task the server does not know that it waits in the notebook, or which one is meant."""
    with suppress(KBenchError):
        if slug in (chosen := choose_task(session, required=False)).stored:
            several = f" {slug}" if len(chosen.stored) > 1 else ""
            return (
                f"{slug} is in {chosen.source.origin}, but has not been pushed to {session.target().place} yet.",
                f"Push it first: %kbench push{several} --wait",
            )
    with suppress(KBenchError):
        if slug in (model.slug for model in client.list_models()):
            return f"{slug!r} is a model, not a task.", f"Repeat -m for several models: -m MODEL -m {slug}"
    names = [task.slug.task for task in client.list_tasks()]
    first = "Push it first: %kbench push"
    if TaskSlug.parse(slug).owner:
        first = "Look at the owner and the name again: a task that is not public is seen by its owner alone."
    hint = did_you_mean(slug, names, more="your tasks: %kbench list") if names else first
    return f"The server knows no task {slug!r}.", hint


def refuse_unready(task: Task, explained: RunErrors = NO_SOURCE) -> None:
    """Raise TaskNotReadyError, with its error `explained`, unless the task's newest version can be run."""
    state = task.creation_state
    if state == "COMPLETED":
        return
    name = f"{task.slug}, version {task.version}" if task.version else str(task.slug)
    if state.is_pending:
        raise TaskNotReadyError(
            f"{name} is still being created ({str(state).lower()}).",
            hint=f"How far it is: %kbench status {task.slug}",
        )
    other = f"its creation ended as {str(state).lower()}", _ENDINGS["ERRORED"][1]
    why, hint = _ENDINGS.get(str(state), other)
    detail = explained.whole(task.creation_error_message) or task.error
    raise TaskNotReadyError(f"{name} cannot be run: {why}.", detail=detail, hint=hint)


def first_run_raised(task: Task) -> bool:
    """Whether the server created a version, and the run that it made for that ended in an error."""
    return task.creation_state == "COMPLETED" and "Traceback (most recent call last)" in (
        task.creation_error_message or ""
    )


def creation_notes(task: Task, explained: RunErrors = NO_SOURCE) -> list[str]:
    """Return what the creation of a version that can be run has to say all the same, its error `explained`."""
    if task.creation_state != "COMPLETED" or not task.creation_error_message:
        return []
    what = "Its first run raised an error" if first_run_raised(task) else "The server remarks"
    return [f"{what}: {explained.line(task.creation_error_message)}"]
