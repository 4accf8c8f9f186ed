"""The chart of a comparison: drawn by the front end where that draws charts, else bars of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kbench_jupyter.actions.results.tables import scores_of, spread_of_passes
from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.results.chart import MIME_TYPE, caption, measure, value_and_interval, vega_lite
from kbench_jupyter.results.comparison import Group

_BAR = 30


@dataclass(frozen=True)
class Chart:
    """A comparison drawn as bars: Vega-Lite where the front end draws it, else text."""

    task: str
    groups: tuple[Group, ...]

    @property
    def measure(self) -> str:
        """What is compared: ``"score"`` or ``"pass rate"``."""
        return measure(self.groups)

    @property
    def bars(self) -> list[tuple[float | None, tuple[float, float] | None]]:
        """Each group's value and the ends of its 95 % interval, where it has them."""
        return [value_and_interval(g, self.measure) for g in self.groups]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Each group's value and its interval, "" where it has none, as every form of the chart says them."""
        if self.measure == "score":
            return scores_of(self.groups)
        rates = score_texts([g.pass_rate for g in self.groups], display="PERCENTAGES")
        return [(rate, spread_of_passes(g)) for rate, g in zip(rates, self.groups, strict=True)]

    def __str__(self) -> str:
        values, texts = self.bars, self._labels()
        most = max((abs(value) for value, _ in values if value), default=0) or 1
        names = [f"{g.candidate} v{g.version}" if g.version else g.candidate for g in self.groups]
        room = max(map(len, names), default=0)
        lines = [
            f"{name:<{room}}  {'█' * round(_BAR * abs(value or 0) / most):<{_BAR}}  {text}"
            for name, (value, _), text in zip(names, values, texts, strict=True)
        ]
        return "\n".join([caption(self.measure, [interval for _, interval in values]), *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {MIME_TYPE: vega_lite(self.task, self.groups, self._labels()), "text/plain": str(self)}

    def _labels(self) -> list[str]:
        return [f"{value} ({spread})" if spread else value for value, spread in self.texts]
