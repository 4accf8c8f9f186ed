"""The account's values: model proxy tokens, quotas (in US dollars), and whose token it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kbench_jupyter.api.values.states import RefillPeriod
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["ModelProxyToken", "QuotaBalance", "TaskQuota", "TokenInfo"]


@dataclass(frozen=True)
class ModelProxyToken(Wire):
    """Access to the model proxy, for two hours."""

    token: str = wire("token", shown=False)
    base_uri: str = ""
    expiry_time: datetime | None = None


@dataclass(frozen=True)
class TaskQuota(Wire):
    """What benchmark runs may cost today."""

    used: float = wire("dailyQuotaUsed", default=0.0)
    allowed: float = wire("totalDailyQuotaAllowed", default=0.0)


@dataclass(frozen=True)
class QuotaBalance(Wire):
    """What the model proxy may cost in one period."""

    used: float = wire("quotaUsed", default=0.0)
    allowed: float = wire("totalQuotaAllowed", default=0.0)
    period: RefillPeriod = wire("refillPeriod", default=RefillPeriod.UNSPECIFIED)
    refill_time: datetime | None = None


@dataclass(frozen=True)
class TokenInfo(Wire):
    """Whose token it is, and whether it still works."""

    active: bool = False
    username: str = ""
