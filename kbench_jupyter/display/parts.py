"""The parts a value describes itself with, and how counts, times, sizes and amounts are worded.

A view is data: a title, parts, notes and a footer. ``text.py`` and ``html.py`` draw it. Everything in it is
treated as data when drawn: HTML is escaped and control characters are made visible, so a model's answer or
a server's message can never become markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

#: What a word or a row means for its reader; drawn as colour *and* as a sign.
TONES = ("good", "bad", "busy", "warn", "quiet", "")

UTC_HEAD = " (UTC)"


@dataclass(frozen=True)
class Cell:
    """A table cell or fact with a tone: ``Cell("COMPLETED", "good")``."""

    text: str  #: What is drawn.
    tone: str = ""  #: One of `TONES`.
    #: Makes it a link in HTML: an address, or the path of a file from the notebook's folder.
    href: str | None = None
    #: The text in pieces, where some of it is marked: each with "gone" or "new", or "" for what is not.
    pieces: Sequence[tuple[str, str]] = ()
    #: The number, time or truth that the text says, for data frames and files; None where the text says that there is
    #: none, left out where the text is all there is.
    value: Any = ...


#: What stands in a table cell or beside a fact's name.
Value = str | Cell | None


@dataclass(frozen=True)
class Facts:
    """Named values, one a line. Values may be text or cells; None and "" are not drawn."""

    items: Mapping[str, Value]


@dataclass(frozen=True)
class Table:
    """Rows under column heads."""

    #: A head that ends in ``">"`` aligns its column to the right (the sign is not drawn). One that ends in `UTC_HEAD`
    #: stands over moments, which are UTC in data and files; it is drawn with the zone that they are shown in.
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    empty: str = "none"  #: What to say when there are no rows.
    drop_empty: bool = False  #: Leave columns out that hold nothing in any row.
    #: Heads of columns that text leaves out, in this order, and says so, where it would have to break words.
    spare: Sequence[str] = ()

    def drawn(self) -> tuple[list[str], list[list[Value]]]:
        """Return the heads and rows to draw."""

        def filled(i: int) -> bool:
            return any(str(getattr(row[i], "text", row[i]) or "") for row in self.rows)

        keep = [i for i in range(len(self.columns)) if not self.drop_empty or filled(i)]
        keep = keep or [*range(len(self.columns))][:1]  # rows that hold nothing are rows all the same
        return [self._head(i) for i in keep], [[row[i] for i in keep] for row in self.rows]

    def _head(self, i: int) -> str:
        """Return the head of a column; of moments it names their local zone, or both where clocks changed between."""
        head = self.columns[i]
        if not head.endswith(UTC_HEAD):
            return head
        moments = [
            value for row in self.rows if isinstance(value := getattr(row[i], "value", None), datetime)
        ]
        zones = dict.fromkeys(local(moment).tzname() or "UTC" for moment in moments) or {"UTC": None}
        return f"{head.removesuffix(UTC_HEAD)} ({'/'.join(zones)})"


@dataclass(frozen=True)
class Text:
    """A paragraph, or with ``code=True`` text whose lines and spaces are kept."""

    text: str
    tone: str = ""
    code: bool = False


Part = Facts | Table | Text


@dataclass(frozen=True)
class View:
    """How a value shows itself."""

    title: str | Cell  #: One line: what this is. A cell's tone says how it went.
    parts: Sequence[Part] = ()  #: In reading order.
    notes: Sequence[str] = ()  #: Things to know, drawn as warnings.
    next: Sequence[tuple[str, str]] = ()  #: What to type next, each with a few words on why.
    footer: str = ""  #: Small print, for example the target.


def shortened(view: View, most: int) -> View:
    """Return a view with at most so many rows of each table, and a word on how many more there are."""
    parts: list[Part] = []
    for part in view.parts:
        left = len(part.rows) - most if isinstance(part, Table) else 0
        if isinstance(part, Table) and left > 0:
            parts += [replace(part, rows=part.rows[:most]), Text(f"and {left:,} more", "quiet")]
        else:
            parts.append(part)
    return replace(view, parts=parts)


def told(value: Any, write: Callable[[Any], str] = str) -> Cell:
    """Return a cell that holds a number, time or truth beside its text; one that says nothing where there is none."""
    return Cell("" if value is None else write(value), value=value)


def local(time: datetime) -> datetime:
    """Return a moment on this machine's clock; one that has no place on it stays as it is."""
    try:
        return time.astimezone()
    except (OverflowError, ValueError, OSError):  # a server's "never" is the first moment of the year 1
        return time


def moment(time: datetime | None, *, zone: bool = False) -> Cell:
    """Return a cell that says a moment in local time, to the second; the head of a table's column names the zone.

    Parameters
    ----------
    time : datetime, optional
        Aware; the cell holds it, and HTML says it in UTC, too.
    zone : bool
        Name the zone here, where there is no such head.
    """
    return told(time, lambda time: f"{local(time):{'%Y-%m-%d %H:%M:%S %Z' if zone else '%Y-%m-%d %H:%M:%S'}}")


def count(number: int, thing: str, things: str | None = None) -> str:
    """Say a number with its noun: ``count(1, "run")`` is "1 run", ``count(2, "run")`` is "2 runs"."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def duration(seconds: float | None) -> str:
    """Say a time span: "850 ms", "12.3 s", "4 min 05 s", "2 h 10 min"; an unknown one is empty."""
    if seconds is None:
        return ""
    if seconds < 0.9995:  # what is rounded up to a whole unit is said in that
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(number: float) -> str:
    """Say a number of bytes: "980 B", "1.5 kB", "2.1 MB" (powers of 1000)."""
    if number < 999.5:
        return f"{number:.0f} B"
    for unit in ("kB", "MB"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} GB"


def money(usd: float | None) -> str:
    """Say an amount in USD: "$0.0012", "$3.40", "$0.000015"; an unknown one is empty."""
    if usd is None or math.isnan(usd):
        return ""
    if 0 < abs(usd) < 0.00095:  # in four decimals it would look like next to nothing, or like nothing
        return f"${Decimal(f'{usd:.2g}'):f}"
    return f"${usd:.2f}" if abs(usd) >= 0.99995 or usd == 0 else f"${usd:.4f}"
