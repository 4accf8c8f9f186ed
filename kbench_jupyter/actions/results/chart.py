"""The chart of a comparison: drawn by the front end where that draws charts, else bars of text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.actions.results.tables import texts_of
from kbench_jupyter.actions.results.wording import label, name_of
from kbench_jupyter.paths import expanded
from kbench_jupyter.results.chart import MIME_TYPE, caption, vega_lite
from kbench_jupyter.results.comparison import Group
from kbench_jupyter.results.measured import LESS_IS_BETTER, SHARES, Measured

_BAR = 30


@dataclass(frozen=True)
class Chart:
    """A comparison drawn as bars: Vega-Lite where the front end draws it, else text."""

    task: str
    groups: tuple[Group, ...]
    sides: tuple[Measured, ...]  #: what the samples of each group came to

    @property
    def measure(self) -> str:
        """What is compared, in words: ``"score"``, ``"pass rate"``, ..."""
        return label(self.sides[0].measure) if self.sides else ""

    @property
    def share(self) -> bool:
        """Whether it is a share, 0 to 1."""
        return bool(self.sides) and self.sides[0].measure in SHARES

    @property
    def less_is_better(self) -> bool:
        """Whether a smaller value is the better one."""
        return bool(self.sides) and self.sides[0].measure in LESS_IS_BETTER

    @property
    def bars(self) -> list[tuple[float | None, tuple[float, float] | None]]:
        """Each group's value and the ends of its 95 % interval, where it has them."""
        found = [side.estimate for side in self.sides]
        return [(one.value, one.interval) if one else (None, None) for one in found]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Each group's value and its interval, "" where it has none, as every form of the chart says them."""
        return texts_of(self.sides)

    def __str__(self) -> str:
        values, texts = self.bars, self._labels()
        most = max((abs(value) for value, _ in values if value), default=0) or 1
        names = [name_of(side) for side in self.sides]
        errors = [f"  ✗ {side.errored:,} errored" if side.errored else "" for side in self.sides]
        room = max(map(len, names), default=0)
        lines = [
            f"{name:<{room}}  {'█' * round(_BAR * abs(value or 0) / most):<{_BAR}}  {text}{errored}"
            for name, (value, _), text, errored in zip(names, values, texts, errors, strict=True)
        ]
        return "\n".join([caption(self.measure, self.sides), *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        drawn = vega_lite(self.task, self.sides, self.measure, self._labels())
        return {MIME_TYPE: drawn, "text/plain": str(self)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chart into a file that ends in ``.svg`` or ``.png``.

        Raises
        ------
        UsageError
            If it has another ending, or cannot be written.
        KBenchError
            If vl-convert-python is not installed.
        """
        from kbench_jupyter.actions.results.chart_file import save_chart

        save_chart(self._repr_mimebundle_()[MIME_TYPE], expanded(path))

    def _labels(self) -> list[str]:
        return [f"{value} ({spread})" if spread else value for value, spread in self.texts]
