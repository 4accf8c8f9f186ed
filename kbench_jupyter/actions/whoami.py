"""``%kbench whoami``: which account is signed in, which server is spoken to and why, and what quota is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kbench_jupyter.actions.at_once import asked
from kbench_jupyter.actions.quota import PROXY, RUNS, quota_table
from kbench_jupyter.actions.target import facts_of
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Text, View
from kbench_jupyter.errors import KBenchError, NotFoundError
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

T = TypeVar("T")


@dataclass(frozen=True)
class WhoAmI(Shown):
    """Whose credentials are in use, at which server, and what they may still cost. Holds no secret to show."""

    target: Target
    #: The user name, "" where neither the server nor the credentials tell it.
    username: str = ""
    #: Whether the server takes the credentials.
    active: bool = False
    #: Whether the server stands behind the user name; else it is only what the credentials say.
    confirmed: bool = False
    tasks: TaskQuota | None = None
    proxy: tuple[QuotaBalance, ...] = ()
    #: Sentences on the quotas that are not among these.
    without: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe account, target and quotas."""
        parts: list[Part] = [Facts({"account": self._account(), **facts_of(self.target)})]
        if self.tasks or self.proxy:
            parts.append(quota_table(self.tasks, self.proxy))
        parts += [Text(line) for line in self.without]
        return View(self._title(), parts, notes=self.notes, footer=self.footer)

    def _title(self) -> Cell:
        if self.target.credentials is None:
            return Cell("Nobody is signed in", "warn")
        if not self.confirmed:
            return Cell("The server does not say who is signed in", "warn")
        if self.target.is_local:
            return Cell("At work on this machine, without a Kaggle account", "good")
        return Cell(f"Signed in as {self.username}", "good")

    def _account(self) -> str:
        credentials = self.target.credentials
        if credentials is None:
            return "none: there are no credentials"
        if self.confirmed:
            whose = (
                "the embedded server's only account" if self.target.is_local else "confirmed by the server"
            )
            return f"{self.username} ({whose})"
        answer = (
            "the server takes the credentials, but names nobody"
            if self.active
            else "the server does not confirm the credentials"
        )
        if self.username:
            return f"{self.username}, says {credentials.source}; {answer}"
        return f"not known: {answer}"


def whoami(session: Session) -> WhoAmI:
    """Show which account is signed in, which server is spoken to and why, and what quota is left.

    For a quota that cannot be had a line says why; the rest is shown all the same.

    Raises
    ------
    KBenchError
        If there is no target, or the server gives no answer on the account.
    """
    target = session.target()
    client = session.client(target)
    credentials = target.credentials
    tasks_left = asked(lambda: _asked(client.task_quota))
    proxy_left = asked(lambda: _asked(lambda: tuple(client.model_proxy_quotas())))
    username, active, confirmed = "", False, False
    if credentials is not None:
        found = client.introspect_token()
        # Whoever fills in a user name may have put a token there.
        username = credentials.redact(found.username or credentials.username or "")
        active, confirmed = found.active, found.active and bool(found.username)
    (tasks, no_tasks), (proxy, no_proxy) = tasks_left(), proxy_left()
    errors = [error for error in (no_tasks, no_proxy) if error and not _not_offered(error)]
    if tasks == TaskQuota():  # how a server without a quota answers
        tasks = None
    missing = {RUNS: no_tasks} if tasks is None else {}
    missing |= {f"the {PROXY}": no_proxy} if not proxy else {}
    return WhoAmI(
        target,
        username,
        active,
        confirmed,
        tasks,
        proxy or (),
        _without(target, missing),
        tuple(dict.fromkeys(line for error in errors for line in (error.hint or "").splitlines())),
    )


def _asked(call: Callable[[], T]) -> tuple[T | None, KBenchError | None]:
    """Return what a call answers, or the error it ends with."""
    try:
        return call(), None
    except KBenchError as error:
        return None, error


def _not_offered(error: KBenchError) -> bool:
    """Return whether an error means that the server has no such call."""
    return isinstance(error, NotFoundError) or getattr(error, "status", 0) in (405, 501)


def _without(target: Target, missing: dict[str, KBenchError | None]) -> tuple[str, ...]:
    """Say which quotas are not shown, and why: one sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for what, error in missing.items():
        by_reason.setdefault(_reason(target, error), []).append(what)
    return tuple(f"Quota for {' and '.join(names)}: {reason}" for reason, names in by_reason.items())


def _reason(target: Target, error: KBenchError | None) -> str:
    if error is None:
        return "the embedded server has none." if target.is_local else f"{target.place} tells of none."
    return f"{target.place} does not offer it." if _not_offered(error) else f"not known. {error}"
