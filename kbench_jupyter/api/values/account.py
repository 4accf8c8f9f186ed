"""The account's values: model proxy tokens, quotas, and whose token it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import RefillPeriod

__all__ = ["ModelProxyToken", "QuotaBalance", "TaskQuota", "TokenInfo"]


@dataclass(frozen=True)
class ModelProxyToken:
    """Access to the model proxy, for two hours."""

    token: str = field(repr=False)
    base_uri: str
    expiry_time: datetime | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``ApiCreateDefaultModelProxyTokenResponse``."""
        return cls(
            token=parse.text(data.get("token")),
            base_uri=parse.text(data.get("baseUri")),
            expiry_time=parse.when(data.get("expiryTime")),
        )


@dataclass(frozen=True)
class TaskQuota:
    """What benchmark runs may cost today, in US dollars."""

    used: float = 0.0
    allowed: float = 0.0

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``ApiGetBenchmarkTaskQuotaResponse``."""
        return cls(
            used=parse.number(data.get("dailyQuotaUsed")) or 0.0,
            allowed=parse.number(data.get("totalDailyQuotaAllowed")) or 0.0,
        )


@dataclass(frozen=True)
class QuotaBalance:
    """What the model proxy may cost in one period, in US dollars."""

    used: float = 0.0
    allowed: float = 0.0
    period: RefillPeriod = RefillPeriod.UNSPECIFIED
    refill_time: datetime | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``ApiModelProxyQuotaBalance``."""
        return cls(
            used=parse.number(data.get("quotaUsed")) or 0.0,
            allowed=parse.number(data.get("totalQuotaAllowed")) or 0.0,
            period=RefillPeriod.from_wire(data.get("refillPeriod")),
            refill_time=parse.when(data.get("refillTime")),
        )


@dataclass(frozen=True)
class TokenInfo:
    """Whose token it is, and whether it still works."""

    active: bool = False
    username: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``IntrospectTokenResponse``."""
        return cls(active=parse.boolean(data.get("active")), username=parse.text(data.get("username")))
