"""A task as the server knows it, or a word on why it does not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError, NotFoundError
from kbench_jupyter.hints import did_you_mean

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Task
    from kbench_jupyter.session.session import Session


def get_task(session: Session, client: Client, slug: str) -> Task:
    """Return a task, or say which one might have been meant.

    Parameters
    ----------
    session : Session
        Its notebook may hold the task, not pushed yet.
    client : Client
    slug : str

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    try:
        return client.get_task(slug)
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
    hint = (
        did_you_mean(slug, names, more="your tasks: %kbench list") if names else "Push it first: %kbench push"
    )
    return f"The server knows no task {slug!r}.", hint
