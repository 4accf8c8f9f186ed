"""Quota: what runs and the model proxy may cost, and have cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, moment, money, told
from kbench_jupyter.errors import ApiError
from kbench_jupyter.session.session import Session

_T = TypeVar("_T")
#: What the quotas are for.
RUNS, PROXY = "benchmark runs", "model proxy"


@dataclass(frozen=True)
class Quota(Shown):
    """What runs and the model proxy may cost, and have cost."""

    tasks: TaskQuota | None
    proxy: tuple[QuotaBalance, ...] = ()
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Describe the balances."""
        return View("Quota", [quota_table(self.tasks, self.proxy)], notes=self.notes, footer=self.footer)


def quota(session: Session) -> Quota:
    """Show what runs and the model proxy may cost, and have cost, in USD; without one of them that is refused.

    Raises
    ------
    ApiError
        If the server refuses both.
    """
    target = session.target()
    client = session.client(target)
    refused: dict[str, ApiError] = {}

    def asked(what: str, call: Callable[[], _T]) -> _T | None:
        try:
            return call()
        except ApiError as error:
            refused[what] = error
            return None

    tasks, proxy = both(
        lambda: asked(RUNS, client.task_quota), lambda: asked(PROXY, client.model_proxy_quotas)
    )
    if len(refused) == 2:
        raise refused[RUNS]
    notes = tuple(f"Quota for {what}: not known. {error}" for what, error in refused.items())
    return Quota(tasks, tuple(proxy or ()), notes, footer=target.label)


def quota_table(tasks: TaskQuota | None, proxy: Sequence[QuotaBalance]) -> Table:
    """Return the balances as a table; without the row of benchmark runs where `tasks` is None."""
    rows: list[list[Value]] = []
    if tasks:
        rows.append([RUNS, "daily", told(tasks.used, money), _limit(tasks.allowed), None])
    for b in proxy:
        used, refilled = told(b.used, money), moment(b.refill_time)
        rows.append([PROXY, b.period.lower(), used, _limit(b.allowed), refilled])
    return Table(["for", "period", "used>", "allowed>", "refilled (UTC)"], rows, drop_empty=True)


def _limit(usd: float) -> Cell:
    """Say an allowance; the server tells one of nothing where there is none."""
    return told(usd, money) if usd else Cell("none told", value=None)
