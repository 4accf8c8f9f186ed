"""Calls that not every server offers: a refusal of one is told apart from a task that is not there.

The wire has one answer for both, 403 or 404. What is certain is what a call that every server has says: so the tasks
that a refused call named are looked for. The first that is not there is the error; where all are there, the call is
what the server does not offer. A 501 needs no look, and a look that fails otherwise settles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.values.tasks import TaskSlug
from kbench_jupyter.errors import ApiError, NotFoundError, NotOfferedError, TransportError


def call_if_offered(
    caller: Caller, service: str, method: str, body: Mapping[str, Any], tasks: Iterable[TaskSlug] = ()
) -> dict[str, Any]:
    """Make a (safe) call about `tasks` that the server may not offer, and return the answer's JSON object.

    Raises
    ------
    NotOfferedError
        If the server does not have the call, or not for this account.
    NotFoundError
        If it refused because one of the tasks is not there.
    """
    try:
        return caller.call(service, method, body)
    except NotOfferedError as error:
        for task in tasks if error.status != 501 else ():
            subject = f"task {str(task)!r}"
            try:
                caller.call(TASKS, "GetBenchmarkTask", {"slug": task.to_wire()}, subject=subject)
            except NotFoundError:
                raise
            except (ApiError, TransportError):
                break
        raise
