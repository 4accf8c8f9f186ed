"""Quota: what runs and the model proxy may cost, and have cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.cards import when
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, money, told
from kbench_jupyter.session.session import Session

#: What the quotas are for.
RUNS, PROXY = "benchmark runs", "model proxy"


@dataclass(frozen=True)
class Quota(Shown):
    """What runs and the model proxy may cost, and have cost."""

    tasks: TaskQuota
    proxy: tuple[QuotaBalance, ...] = ()

    def view(self) -> View:
        """Describe the balances."""
        return View("Quota", [quota_table(self.tasks, self.proxy)], footer=self.footer)


def quota(session: Session) -> Quota:
    """Show what runs and the model proxy may cost, and have cost, in USD."""
    target = session.target()
    client = session.client(target)
    tasks, proxy = both(client.task_quota, client.model_proxy_quotas)
    return Quota(tasks, tuple(proxy), footer=target.label)


def quota_table(tasks: TaskQuota | None, proxy: Sequence[QuotaBalance]) -> Table:
    """Return the balances as a table; without the row of benchmark runs where `tasks` is None."""
    rows: list[list[Value]] = []
    if tasks:
        rows.append([RUNS, "daily", told(tasks.used, money), _limit(tasks.allowed), None])
    for b in proxy:
        used, refilled = told(b.used, money), told(b.refill_time, when)
        rows.append([PROXY, b.period.lower(), used, _limit(b.allowed), refilled])
    return Table(["for", "period", "used>", "allowed>", "refilled (UTC)"], rows, drop_empty=True)


def _limit(usd: float) -> Cell:
    """Say an allowance; the server tells one of nothing where there is none."""
    return told(usd, money) if usd else Cell("none told", value=None)
