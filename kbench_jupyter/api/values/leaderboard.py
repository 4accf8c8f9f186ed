"""The leaderboard's values: rows of candidates, each with a result a task, and what a result says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import DisplayType
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = [
    "CustomResult",
    "Leaderboard",
    "LeaderboardRow",
    "NumericResult",
    "Score",
    "TaskResult",
    "read_score",
]


def _side(name: str) -> Callable[[Any], float | None]:
    """Return a reader of one side of an interval: 0.0 where the interval leaves it out."""
    return lambda sides: parse.number(sides.get(name)) or 0.0 if isinstance(sides, Mapping) else None


def _number(data: Any) -> NumericResult | None:
    if isinstance(data, Mapping):
        return NumericResult.from_wire(data)
    value = parse.number(data)  # a run's result is the bare number
    return None if value is None else NumericResult(value)


def _display(data: Any) -> str:
    display = DisplayType.from_wire(data)
    return "" if display is DisplayType.UNSPECIFIED else display.value


def read_score(data: Any) -> Score | None:
    """Read a result; None where it says nothing, which is *unscored* and no fail."""
    score = Score.from_wire(data)
    results = (score.numeric, score.boolean, score.public, score.private)
    return score if score.custom or any(part is not None for part in results) else None


@dataclass(frozen=True)
class NumericResult(Wire):
    """A number with its uncertainty; the widths are half of the interval's."""

    value: float = 0.0  #: also when the wire leaves it out, since a default is never sent
    confidence_interval: float | None = None  #: the same to both sides
    #: To each side, when they differ.
    plus: float | None = wire("unevenConfidenceInterval", default=None, read=_side("plus"))
    minus: float | None = wire("unevenConfidenceInterval", default=None, read=_side("minus"))
    standard_deviation: float | None = None  #: of the attempts that were pooled

    @property
    def is_finite(self) -> bool:
        """Whether there is a finite value; the largest double says that there is none (an Elo never beaten)."""
        return abs(self.value) < sys.float_info.max


@dataclass(frozen=True)
class CustomResult(Wire):
    """A further value a task recorded, by name."""

    key: str
    value: str


@dataclass(frozen=True)
class Score(Wire):
    """What a scored task result says: a number (with public and private parts), pass or fail, or neither."""

    numeric: NumericResult | None = wire("numericResult", default=None, read=_number)
    boolean: bool | None = wire("booleanResult", default=None)  #: pass or fail
    public: NumericResult | None = wire("numericResultPublic", default=None, read=_number)
    private: NumericResult | None = wire("numericResultPrivate", default=None, read=_number)
    custom: tuple[CustomResult, ...] = wire("customAdditionalResults", default=())  #: further values
    evaluation_date: datetime | None = None
    task_version_id: int | None = None

    @property
    def value(self) -> float | bool | None:
        """The number if there is one, else pass or fail, else None."""
        numeric = self.numeric or self.public or self.private
        return self.boolean if numeric is None else numeric.value


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
