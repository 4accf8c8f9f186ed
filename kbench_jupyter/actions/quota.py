"""Quota: what runs and the model proxy may cost, and have cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.cards import when
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Shown, Table, View, money
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
    return Quota(client.task_quota(), tuple(client.model_proxy_quotas()), footer=target.label)


def quota_table(tasks: TaskQuota | None, proxy: Sequence[QuotaBalance]) -> Table:
    """Return the balances as a table; without the row of benchmark runs where `tasks` is None."""
    rows = [[RUNS, "daily", money(tasks.used), _limit(tasks.allowed), ""]] if tasks else []
    rows += [[PROXY, b.period.lower(), money(b.used), _limit(b.allowed), when(b.refill_time)] for b in proxy]
    return Table(["for", "period", "used>", "allowed>", "refilled (UTC)"], rows, drop_empty=True)


def _limit(usd: float) -> str:
    """Say an allowance; the server tells one of nothing where there is none."""
    return money(usd) if usd else "none told"
