"""Quota: what runs and the model proxy may cost, and have cost."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.cards import when
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Shown, Table, View, money
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class Quota(Shown):
    """What runs and the model proxy may cost, and have cost."""

    tasks: TaskQuota
    proxy: tuple[QuotaBalance, ...] = ()

    def view(self) -> View:
        """Describe the balances."""
        rows = [["benchmark runs", "daily", money(self.tasks.used), _limit(self.tasks.allowed), ""]]
        rows += [
            ["model proxy", b.period.lower(), money(b.used), _limit(b.allowed), when(b.refill_time)]
            for b in self.proxy
        ]
        return View(
            "Quota",
            [Table(["for", "period", "used>", "allowed>", "refilled (UTC)"], rows, drop_empty=True)],
            footer=self.footer,
        )


def quota(session: Session) -> Quota:
    """Show what runs and the model proxy may cost, and have cost, in USD."""
    target = session.target()
    client = session.client(target)
    tasks, proxy = both(client.task_quota, client.model_proxy_quotas)
    return Quota(tasks, tuple(proxy), footer=target.label)


def _limit(usd: float) -> str:
    """Say an allowance; the server tells one of nothing where there is none."""
    return money(usd) if usd else "none told"
