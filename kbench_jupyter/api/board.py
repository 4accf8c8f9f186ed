"""The leaderboard's values: rows of models, each with a result a task, and what a result says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api import parse

__all__ = ["CustomResult", "Leaderboard", "LeaderboardRow", "NumericResult", "Score", "TaskResult"]


@dataclass(frozen=True)
class NumericResult:
    """A number with its uncertainty.

    Parameters
    ----------
    value : float
        0.0 when the wire leaves it out, since a default is never sent.
    confidence_interval : float or None
        Half width, the same to both sides.
    plus, minus : float or None
        Half widths to each side, when they differ.
    """

    value: float = 0.0
    confidence_interval: float | None = None
    plus: float | None = None
    minus: float | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read a ``NumericResult``."""
        value = parse.number(data.get("value"))
        uneven = data.get("unevenConfidenceInterval")
        sides = uneven if isinstance(uneven, Mapping) else None
        return cls(
            value=0.0 if value is None else value,
            confidence_interval=parse.number(data.get("confidenceInterval")),
            plus=None if sides is None else parse.number(sides.get("plus")) or 0.0,
            minus=None if sides is None else parse.number(sides.get("minus")) or 0.0,
        )


@dataclass(frozen=True)
class CustomResult:
    """A further value a task recorded, by name."""

    key: str
    value: str


@dataclass(frozen=True)
class Score:
    """What a scored task result says: a number, pass or fail, or neither of the two.

    Parameters
    ----------
    numeric, public, private : NumericResult or None
        The number, and its public and private parts.
    boolean : bool or None
        Pass or fail.
    custom : tuple of CustomResult
        Further values.
    """

    numeric: NumericResult | None = None
    boolean: bool | None = None
    public: NumericResult | None = None
    private: NumericResult | None = None
    custom: tuple[CustomResult, ...] = ()
    evaluation_date: datetime | None = None
    task_version_id: int | None = None

    @classmethod
    def from_wire(cls, data: Any) -> Self | None:
        """Read a ``BenchmarkResult``; None (*unscored*) when there is none or it holds no result."""
        if not isinstance(data, Mapping):
            return None
        score = cls(
            numeric=_numeric(data.get("numericResult")),
            boolean=parse.optional_boolean(data.get("booleanResult")),
            public=_numeric(data.get("numericResultPublic")),
            private=_numeric(data.get("numericResultPrivate")),
            custom=tuple(
                CustomResult(parse.text(item.get("key")), parse.text(item.get("value")))
                for item in parse.items(data.get("customAdditionalResults"))
            ),
            evaluation_date=parse.when(data.get("evaluationDate")),
            task_version_id=parse.integer(data.get("taskVersionId")),
        )
        results = (score.numeric, score.boolean, score.public, score.private)
        return score if score.custom or any(part is not None for part in results) else None

    @property
    def value(self) -> float | bool | None:
        """The number if there is one, else pass or fail, else None."""
        numeric = self.numeric or self.public or self.private
        return self.boolean if numeric is None else numeric.value


def _numeric(data: Any) -> NumericResult | None:
    return NumericResult.from_wire(data) if isinstance(data, Mapping) else None


@dataclass(frozen=True)
class TaskResult:
    """One task's result in a row; ``score`` is None when the model was not scored on it.

    ``display`` is the display type the leaderboard shows it in, such as ``"PERCENTAGES"``; "" where none is told.
    """

    task: str
    name: str = ""
    version: int = 0
    score: Score | None = None
    display: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read a ``TaskResult``."""
        return cls(
            task=parse.text(data.get("benchmarkTaskSlug")),
            name=parse.text(data.get("benchmarkTaskName")),
            version=parse.integer(data.get("taskVersion")) or 0,
            score=Score.from_wire(data.get("result")),
            display=parse.text(data.get("displayType")).removeprefix("BENCHMARK_LEADERBOARD_DISPLAY_TYPE_"),
        )


@dataclass(frozen=True)
class LeaderboardRow:
    """One model's results."""

    model: str
    model_name: str = ""
    results: tuple[TaskResult, ...] = ()

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read a ``LeaderboardRow``."""
        return cls(
            model=parse.text(data.get("modelVersionSlug")),
            model_name=parse.text(data.get("modelVersionName")),
            results=tuple(TaskResult.from_wire(item) for item in parse.items(data.get("taskResults"))),
        )


@dataclass(frozen=True)
class Leaderboard:
    """A benchmark's leaderboard, rows in the server's order."""

    rows: tuple[LeaderboardRow, ...] = ()

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read an ``ApiBenchmarkLeaderboard``."""
        return cls(rows=tuple(LeaderboardRow.from_wire(item) for item in parse.items(data.get("rows"))))
