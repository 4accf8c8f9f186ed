"""A comparison as a file to hand on: the page with everything in it, and what is taken out of it before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kbench_jupyter.actions.results.wording import name_of
from kbench_jupyter.actions.whole_file import whole_file
from kbench_jupyter.display.view import duration, money
from kbench_jupyter.errors import UsageError
from kbench_jupyter.results.chart import caption
from kbench_jupyter.results.report import Cleaner, Content, Drawing, html_pages, markdown_pages
from kbench_jupyter.results.report.svg import Bar, Dot, bars, dots
from kbench_jupyter.session.envfile import read
from kbench_jupyter.validation.rules.secrets import mask

if TYPE_CHECKING:
    from kbench_jupyter.actions.results.chart import Chart
    from kbench_jupyter.display.view import View
    from kbench_jupyter.results.comparison import Group
    from kbench_jupyter.results.samples import SampleIndex
    from kbench_jupyter.session.session import Session

_PAGES = {".html": html_pages, ".htm": html_pages, ".md": markdown_pages}


class Compared(Protocol):
    """What a report needs of a comparison."""

    @property
    def task(self) -> str:
        """Its task's slug."""

    @property
    def chart(self) -> Chart:
        """Its chart."""

    @property
    def index(self) -> SampleIndex:
        """Its samples."""

    def view(self) -> View:
        """Describe it."""


def refuse_ending(path: Path) -> None:
    """Refuse a file that is no report by its ending.

    Raises
    ------
    UsageError
        If it ends neither in ``.html`` nor in ``.md``.
    """
    if path.suffix.lower() not in _PAGES or path.is_dir():
        raise UsageError(
            f"A report is a file that ends in .html or .md, not {path.name!r}.",
            hint="%kbench results --report report.html",
        )


def write_report(
    found: Compared,
    path: Path,
    clean: Cleaner,
    *,
    every: bool = False,
    on_sample: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a report of a comparison; a file that is there is replaced.

    Parameters
    ----------
    path : Path
        Ends in ``.html`` (one page that asks for nothing) or ``.md``.
    clean : Cleaner
        As `cleaner` makes it.
    every : bool
        With the transcript of every sample, not only of those that failed.
    on_sample : callable, optional
        Called with the number of the transcript that is about to be written.

    Raises
    ------
    UsageError
        If it has another ending, or cannot be written.
    """
    refuse_ending(path)
    drawings = tuple(_drawings(found))
    content = Content(
        found.task, datetime.now(UTC), found.view(), drawings, found.index, every, clean, on_sample
    )
    with whole_file(path) as part, part.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        for piece in _PAGES[path.suffix.lower()](content):
            stream.write(piece)


def cleaner(session: Session | None = None, folders: Iterable[Path] = ()) -> Cleaner:
    """Return what takes secrets and paths of this machine out of texts.

    Parameters
    ----------
    session : Session, optional
        Whose environment, ``.env`` and credentials hold secrets; the process's environment where None.
    folders : iterable of Path
        Folders that are called ``…``.
    """
    if session is None:
        return Cleaner(os.environ, folders=folders, mask=_mask)
    environ = {name: value for name in session.environ if (value := session.environ.get(name))}
    with suppress(OSError, ValueError):
        environ |= read(session.env_file)
    return Cleaner(environ, folders=[*folders, session.state_folder], mask=_mask)


def _mask(text: str) -> str:
    # What models write is no code of the user's: a name alone makes no secret of what stands behind it.
    return mask(text, prose=True)


def _drawings(found: Compared) -> Iterable[Drawing]:
    chart = found.chart
    if not chart.sides:
        return
    names = [name_of(side) for side in chart.sides]
    texts = [f"{value} ({spread})" if spread else value for value, spread in chart.texts]
    title = caption(chart.measure, chart.sides)
    rows = [
        Bar(name, value, ends, text)
        for name, (value, ends), text in zip(names, chart.bars, texts, strict=True)
    ]
    most = 1.0 if chart.share else None
    yield Drawing(title, bars(title, rows, most=most), str(chart).partition("\n")[2])
    if len(chart.groups) != len(rows):  # candidates put together cost and take what none of them does
        return
    for what, unit, of in (
        ("cost", "USD a run", _cost),
        ("latency", "seconds a run", lambda group: group.latency),
    ):
        points = [
            Dot(row.name, x, row.value, f"{row.text}, {money(x) if what == 'cost' else duration(x)}")
            for row, group in zip(rows, chart.groups, strict=True)
            if (x := of(group)) is not None and row.value is not None
        ]
        if len(points) > 1 and any(point.x for point in points):
            title = f"{chart.measure} against {what}; the line joins those that none beats in both"
            drawn = dots(title, f"{what} ({unit})", chart.measure, points)
            yield Drawing(title, drawn, "\n".join(f"{point.name}: {point.text}" for point in points))


def _cost(group: Group) -> float | None:
    return None if group.usage.cost is None else group.usage.cost / len(group.rows)
