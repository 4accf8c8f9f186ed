"""Quota: what runs and the model proxy may cost, and have cost."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.cards import when
from kbench_jupyter.api import QuotaBalance, TaskQuota
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, money, told
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class Quota(Shown):
    """What runs and the model proxy may cost, and have cost."""

    tasks: TaskQuota
    proxy: tuple[QuotaBalance, ...] = ()

    def view(self) -> View:
        """Describe the balances."""
        rows: list[list[Value]] = [
            ["benchmark runs", "daily", told(self.tasks.used, money), _limit(self.tasks.allowed), None]
        ]
        rows += [
            [
                "model proxy",
                b.period.lower(),
                told(b.used, money),
                _limit(b.allowed),
                told(b.refill_time, when),
            ]
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
    return Quota(client.task_quota(), tuple(client.model_proxy_quotas()), footer=target.label)


def _limit(usd: float) -> Cell:
    """Say an allowance; the server tells one of nothing where there is none."""
    return told(usd, money) if usd else Cell("none told", value=None)
