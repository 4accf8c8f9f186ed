"""What a run or a leaderboard says that came of a task: a number with its uncertainty, pass or fail, or neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["CustomResult", "NumericResult", "Score", "read_score"]


def _side(name: str) -> Callable[[Any], float | None]:
    """Return a reader of one side of an interval: 0.0 where the interval leaves it out."""
    return lambda sides: parse.number(sides.get(name)) or 0.0 if isinstance(sides, Mapping) else None


def _number(data: Any) -> NumericResult | None:
    if isinstance(data, Mapping):
        return NumericResult.from_wire(data)
    value = parse.number(data)  # a run's result is the bare number
    return None if value is None else NumericResult(value)


def read_score(data: Any) -> Score | None:
    """Read a result; None where it says nothing, which is *unscored* and no fail."""
    score = Score.from_wire(data)
    results = (score.numeric, score.boolean, score.public, score.private)
    return score if score.custom or any(part is not None for part in results) else None


@dataclass(frozen=True)
class NumericResult(Wire):
    """A number with its uncertainty; the widths are half of the interval's."""

    #: Also 0.0 when the wire leaves it out, since a default is never sent; the largest double stands for a score
    #: without a finite value (an Elo never beaten).
    value: float = 0.0
    confidence_interval: float | None = None  #: the same to both sides
    #: To each side, when they differ.
    plus: float | None = wire("unevenConfidenceInterval", default=None, read=_side("plus"))
    minus: float | None = wire("unevenConfidenceInterval", default=None, read=_side("minus"))
    standard_deviation: float | None = None  #: of the attempts that were pooled


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
    def number(self) -> NumericResult | None:
        """The number if there is one: of all, else of the public or the private part."""
        return self.numeric or self.public or self.private

    @property
    def value(self) -> float | bool | None:
        """The number's value if there is one, else pass or fail, else None."""
        return self.boolean if self.number is None else self.number.value
