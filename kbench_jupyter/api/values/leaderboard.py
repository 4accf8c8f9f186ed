"""The leaderboard's values: rows of candidates, each with a result a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kbench_jupyter.api.values.scores import Score, read_score
from kbench_jupyter.api.values.states import DisplayType
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["Leaderboard", "LeaderboardRow", "TaskResult"]


def _display(data: Any) -> str:
    display = DisplayType.from_wire(data)
    return "" if display is DisplayType.UNSPECIFIED else display.value


@dataclass(frozen=True)
class TaskResult(Wire):
    """One task's result in a row; ``score`` is None when the model was not scored on it."""

    task: str = wire("benchmarkTaskSlug")
    name: str = wire("benchmarkTaskName", default="")
    version: int = wire("taskVersion", default=0)
    score: Score | None = wire("result", default=None, read=read_score)
    #: The word of the scale the number is on, such as ``PERCENTAGES``; empty where none is told.
    display: str = wire("displayType", default="", read=_display)


@dataclass(frozen=True)
class LeaderboardRow(Wire):
    """One candidate's results; rows on one model differ by config or agent, and are never pooled."""

    model: str = wire("modelVersionSlug")
    model_name: str = wire("modelVersionName", default="")
    config: str = wire("modelVersionConfigSlug", default="")  #: of a row with an effort, or an agent
    config_name: str = wire("modelVersionConfigName", default="")
    agent: str = wire("agentSlug", default="")
    agent_name: str = wire("agentName", default="")
    results: tuple[TaskResult, ...] = wire("taskResults", default=())

    @property
    def candidate(self) -> str:
        """The slug of what ran: the agent's, else the config's, else the model's."""
        return self.agent or self.config or self.model

    @property
    def candidate_name(self) -> str:
        """The name of what ran, its slug where the server gave none."""
        if self.agent:
            return self.agent_name or self.agent
        return (self.config_name or self.config) if self.config else self.model_name or self.model


@dataclass(frozen=True)
class Leaderboard(Wire):
    """A benchmark's leaderboard, rows in the server's order."""

    rows: tuple[LeaderboardRow, ...] = ()
