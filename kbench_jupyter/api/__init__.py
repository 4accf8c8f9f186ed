"""The shared client: the wire, one method a call. It must never know IPython, widgets, notebooks or result files.

What others may use is named here, and loaded when first asked for, so that importing the package stays
cheap. Others may import `addresses` besides.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.api.calls.writes import SKEW as SKEW
    from kbench_jupyter.api.client import PRODUCTION as PRODUCTION
    from kbench_jupyter.api.client import Client as Client
    from kbench_jupyter.api.credentials.find import find_credentials as find_credentials
    from kbench_jupyter.api.credentials.kinds import Credentials as Credentials
    from kbench_jupyter.api.downloads import Download as Download
    from kbench_jupyter.api.limits import Limits as Limits
    from kbench_jupyter.api.logs.stream import LogStream as LogStream
    from kbench_jupyter.api.names import normalize_model as normalize_model
    from kbench_jupyter.api.names import task_slug as task_slug
    from kbench_jupyter.api.network.pooled import PooledTransport as PooledTransport
    from kbench_jupyter.api.transport import Request as Request
    from kbench_jupyter.api.transport import Response as Response
    from kbench_jupyter.api.transport import Transport as Transport
    from kbench_jupyter.api.transport import TransportFault as TransportFault
    from kbench_jupyter.api.values.account import ModelProxyToken as ModelProxyToken
    from kbench_jupyter.api.values.account import QuotaBalance as QuotaBalance
    from kbench_jupyter.api.values.account import TaskQuota as TaskQuota
    from kbench_jupyter.api.values.account import TokenInfo as TokenInfo
    from kbench_jupyter.api.values.discussions import Comment as Comment
    from kbench_jupyter.api.values.discussions import Topic as Topic
    from kbench_jupyter.api.values.leaderboard import Leaderboard as Leaderboard
    from kbench_jupyter.api.values.leaderboard import LeaderboardRow as LeaderboardRow
    from kbench_jupyter.api.values.leaderboard import TaskResult as TaskResult
    from kbench_jupyter.api.values.models import Model as Model
    from kbench_jupyter.api.values.models import ModelConfig as ModelConfig
    from kbench_jupyter.api.values.runs import Cancelled as Cancelled
    from kbench_jupyter.api.values.runs import LogEntry as LogEntry
    from kbench_jupyter.api.values.runs import Run as Run
    from kbench_jupyter.api.values.runs import ScheduleResult as ScheduleResult
    from kbench_jupyter.api.values.scores import NumericResult as NumericResult
    from kbench_jupyter.api.values.scores import Score as Score
    from kbench_jupyter.api.values.states import CandidateType as CandidateType
    from kbench_jupyter.api.values.states import CreationState as CreationState
    from kbench_jupyter.api.values.states import Importance as Importance
    from kbench_jupyter.api.values.states import Modality as Modality
    from kbench_jupyter.api.values.states import RefillPeriod as RefillPeriod
    from kbench_jupyter.api.values.states import RunState as RunState
    from kbench_jupyter.api.values.states import TaskOrigin as TaskOrigin
    from kbench_jupyter.api.values.tasks import Citation as Citation
    from kbench_jupyter.api.values.tasks import Task as Task
    from kbench_jupyter.api.values.tasks import TasksChanged as TasksChanged
    from kbench_jupyter.api.values.tasks import TaskSlug as TaskSlug
    from kbench_jupyter.api.values.tasks import UpdatedTask as UpdatedTask

_HOMES = {
    "calls.writes": ("SKEW",),
    "client": ("Client", "PRODUCTION"),
    "credentials.find": ("find_credentials",),
    "credentials.kinds": ("Credentials",),
    "downloads": ("Download",),
    "limits": ("Limits",),
    "logs.stream": ("LogStream",),
    "names": ("normalize_model", "task_slug"),
    "network.pooled": ("PooledTransport",),
    "transport": ("Request", "Response", "Transport", "TransportFault"),
    "values.account": ("ModelProxyToken", "QuotaBalance", "TaskQuota", "TokenInfo"),
    "values.discussions": ("Comment", "Topic"),
    "values.leaderboard": ("Leaderboard", "LeaderboardRow", "TaskResult"),
    "values.models": ("Model", "ModelConfig"),
    "values.runs": ("Cancelled", "LogEntry", "Run", "ScheduleResult"),
    "values.scores": ("NumericResult", "Score"),
    "values.states": (
        "CandidateType",
        "CreationState",
        "Importance",
        "Modality",
        "RefillPeriod",
        "RunState",
        "TaskOrigin",
    ),
    "values.tasks": ("Citation", "Task", "TaskSlug", "TasksChanged", "UpdatedTask"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
