"""The shared client: the wire, and nothing of notebooks, widgets or result files.

Public names are loaded when first asked for, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.api.client import PRODUCTION, Client
    from kbench_jupyter.api.credentials.find import Credentials, find_credentials
    from kbench_jupyter.api.downloads import Download
    from kbench_jupyter.api.limits import Limits
    from kbench_jupyter.api.logs.stream import LogStream
    from kbench_jupyter.api.names import normalize_model, task_slug
    from kbench_jupyter.api.network.pooled import RequestsTransport
    from kbench_jupyter.api.terminal import Terminal
    from kbench_jupyter.api.transport import Request, Response, Transport, TransportFault
    from kbench_jupyter.api.values.tasks import (
        CreationState,
        Leaderboard,
        LeaderboardRow,
        LogEntry,
        Modality,
        Model,
        ModelProxyToken,
        QuotaBalance,
        Run,
        RunState,
        ScheduleResult,
        Score,
        Task,
        TaskOrigin,
        TaskQuota,
        TaskResult,
        TaskSlug,
        TokenInfo,
    )

_HOMES = {
    "limits": ("Limits",),
    "client": ("PRODUCTION", "Client"),
    "credentials.find": ("Credentials", "find_credentials"),
    "downloads": ("Download",),
    "logs.stream": ("LogStream",),
    "values.tasks": (
        "CreationState",
        "Leaderboard",
        "LeaderboardRow",
        "LogEntry",
        "Modality",
        "Model",
        "ModelProxyToken",
        "QuotaBalance",
        "Run",
        "RunState",
        "ScheduleResult",
        "Score",
        "Task",
        "TaskOrigin",
        "TaskQuota",
        "TaskResult",
        "TaskSlug",
        "TokenInfo",
    ),
    "names": ("normalize_model", "task_slug"),
    "network.pooled": ("RequestsTransport",),
    "terminal": ("Terminal",),
    "transport": ("Request", "Response", "Transport", "TransportFault"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "PRODUCTION",
    "Client",
    "CreationState",
    "Credentials",
    "Download",
    "Leaderboard",
    "LeaderboardRow",
    "Limits",
    "LogEntry",
    "LogStream",
    "Modality",
    "Model",
    "ModelProxyToken",
    "QuotaBalance",
    "Request",
    "RequestsTransport",
    "Response",
    "Run",
    "RunState",
    "ScheduleResult",
    "Score",
    "Task",
    "TaskOrigin",
    "TaskQuota",
    "TaskResult",
    "TaskSlug",
    "Terminal",
    "TokenInfo",
    "Transport",
    "TransportFault",
    "find_credentials",
    "normalize_model",
    "task_slug",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
