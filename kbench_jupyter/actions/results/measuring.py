"""What of the samples is compared: by which measure, put together how, beside which baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.results.comparison import BYS, By, Group
from kbench_jupyter.results.measured import Measured, Point, default_measure, measured
from kbench_jupyter.results.samples import MEASURES
from kbench_jupyter.results.samples.measures import Measure


@dataclass(frozen=True)
class Asked:
    """What was asked for of a comparison."""

    measure: Measure | None = None  #: None for `default_measure`
    by: By = "candidate"
    baseline: str = ""  #: a candidate or a version; "" for none


#: The default measure, a group a candidate and version, no baseline.
NOTHING_ASKED = Asked()


def check_words(measure: str | None, by: str) -> None:
    """Refuse a measure, or a way to put runs together, that there is not; a command's words are checked before.

    Raises
    ------
    UsageError
        If there is no such one.
    """
    for name, word, words in (("measure", measure, MEASURES), ("by", by, BYS)):
        if word is not None and word not in words:
            hint = did_you_mean(word, words, more=f"there are {', '.join(words)}")
            raise UsageError(f"There is no {name} {word!r}.", hint=hint)


@dataclass(frozen=True)
class Measuring:
    """The samples of a task by one measure; which one is chosen once, when this is made."""

    points: tuple[Point, ...]
    asked: Asked = NOTHING_ASKED

    @cached_property
    def measure(self) -> Measure:
        """What is compared."""
        return self.asked.measure or default_measure(self.points)

    def sides(self, groups: Sequence[Group], measure: Measure | None = None) -> list[Measured]:
        """Return what the samples of each group came to, by the measure that is compared or another one."""
        what = measure or self.measure
        there = {(side.version, side.name): side for side in measured(self.points, what, self.asked.by)}
        return [
            there.get((group.version, group.candidate))
            or Measured(group.version, group.candidate, what, {}, {})
            for group in groups
        ]
