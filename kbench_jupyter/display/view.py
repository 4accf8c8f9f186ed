"""What other rooms use of display: the mixin by which a value shows itself, and the parts it describes itself with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kbench_jupyter.display.html import to_html
from kbench_jupyter.display.parts import (
    Cell,
    Facts,
    Part,
    Table,
    Text,
    Value,
    View,
    count,
    duration,
    moment,
    money,
    shortened,
    size,
    told,
)
from kbench_jupyter.display.text import to_text
from kbench_jupyter.errors import KBenchError

__all__ = [
    "Cell",
    "Facts",
    "Part",
    "Shown",
    "Table",
    "Text",
    "Value",
    "View",
    "count",
    "dataframe",
    "duration",
    "forms",
    "moment",
    "money",
    "shortened",
    "size",
    "told",
]


@dataclass(frozen=True)
class Shown:
    """A value with a view. Subclasses are frozen dataclasses that implement :meth:`view`.

    The value shows itself as text/plain and text/html in one bundle, so it reads well in JupyterLab, in a
    terminal, in nbviewer and in what nbconvert makes. With a panel (`live`) it is the panel that shows itself.
    """

    footer: str = field(default="", kw_only=True, repr=False, compare=False)
    live: Any = field(default=None, kw_only=True, repr=False, compare=False)

    def view(self) -> View:
        """Describe this value."""
        raise NotImplementedError

    def records(self) -> list[dict[str, Any]]:
        """Return the rows of the first table of the view, by column; its first facts as one where it has no table.

        Numbers, times and truths are such, what is missing is None, and all else is text.
        """
        parts = self.view().parts
        table = next((part for part in parts if isinstance(part, Table)), None)
        if table is None:
            facts = next((part.items for part in parts if isinstance(part, Facts)), {})
            return [{name: _bare(value) for name, value in facts.items()}] if facts else []
        heads = [head.removesuffix(">") for head in table.columns]
        return [dict(zip(heads, map(_bare, row), strict=True)) for row in table.rows]

    def to_dataframe(self) -> Any:
        """Return :meth:`records` as a ``pandas.DataFrame``.

        Raises
        ------
        KBenchError
            If pandas is not installed.
        """
        return dataframe(self.records())

    def __str__(self) -> str:
        return to_text(self.view())

    def _repr_mimebundle_(self, **_: Any) -> Any:
        if self.live is not None:
            return self.live._repr_mimebundle_()
        return forms(self.view())


def forms(view: View) -> dict[str, Any]:
    """Return the HTML and the text form of a view, by MIME type."""
    return {"text/plain": to_text(view), "text/html": to_html(view)}


def dataframe(records: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]) -> Any:
    """Return records, or columns, as a ``pandas.DataFrame``; `KBenchError` if pandas is not installed."""
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise KBenchError("to_dataframe() needs pandas.", hint="%pip install pandas") from None
    return pd.DataFrame(records)


def _bare(value: Value) -> Any:
    if isinstance(value, Cell):
        return (value.text or None) if value.value is ... else value.value
    return value or None
