"""Charts of a report as SVG, whose colours follow the page's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kbench_jupyter.display.text import visible

_WIDTH, _ROW, _LEFT, _RIGHT = 720, 30, 210, 150
_HEIGHT, _EDGE = 300, 60
_NAME = 28
#: About how wide a letter of a name is, and how high a line.
_LETTER, _LINE = 7, 15


@dataclass(frozen=True)
class Bar:
    """A value with the ends of its interval; None where there is none."""

    name: str
    value: float | None
    ends: tuple[float, float] | None
    text: str  #: value and interval as they are to be read


@dataclass(frozen=True)
class Dot:
    """A point, with both its values in words."""

    name: str
    x: float
    y: float
    text: str


def bars(caption: str, rows: Sequence[Bar], *, most: float | None = None) -> str:
    """Draw horizontal bars with intervals; `most` is the end of the axis if it is known."""
    reach = [value for row in rows for value in (row.value, *(row.ends or ())) if value is not None]
    low: float = min([0.0, *reach])
    high: float = (max(reach, default=1.0) or 1.0) if most is None else most
    high = high if high > low else low + 1.0
    room = _WIDTH - _LEFT - _RIGHT

    def place(value: float) -> float:
        return _LEFT + room * (min(max(value, low), high) - low) / (high - low)

    drawn = []
    for number, row in enumerate(rows):
        top = number * _ROW + 6
        middle = top + 9
        drawn.append(_text(_LEFT - 8, middle + 4, _short(row.name), "end"))
        if row.value is not None:
            start, end = sorted((place(0.0), place(row.value)))
            drawn.append(
                f'<rect class="bar" x="{start:.1f}" y="{top}" width="{max(end - start, 1):.1f}" height="18"/>'
            )
        furthest = place(max([0.0, *(v for v in (row.value, *(row.ends or ())) if v is not None)]))
        if row.ends:
            one, two = map(place, row.ends)
            whisker = f"M{one:.1f} {middle}H{two:.1f}M{one:.1f} {middle - 5}v10M{two:.1f} {middle - 5}v10"
            drawn.append(f'<path class="whisker" d="{whisker}"/>')
        drawn.append(_text(furthest + 6, middle + 4, row.text, "start"))
    axis = f'<path class="axis" d="M{place(0.0):.1f} 0V{len(rows) * _ROW}"/>'
    return _svg(caption, len(rows) * _ROW + 4, [axis, *drawn])


def dots(caption: str, x: str, y: str, points: Sequence[Dot]) -> str:
    """Draw points over two measures, of which `x` is better small and `y` better large, and join the best of them."""
    right, top = _WIDTH - 180, 16
    across, up = [p.x for p in points], [p.y for p in points]
    widest, lowest, highest = max(across) or 1.0, min(0.0, *up, 0.0), max(*up, 0.0) or 1.0
    spread = highest - lowest or 1.0

    bottom = _HEIGHT - 50

    def place(point: Dot) -> tuple[float, float]:
        left = _EDGE + (right - _EDGE) * point.x / widest
        return left, top + (bottom - top) * (highest - point.y) / spread

    best = _front(points)
    path = "L".join("{:.1f} {:.1f}".format(*place(point)) for point in best)
    drawn = [f'<path class="axis" d="M{_EDGE} {top}V{bottom}H{right}"/>']
    drawn += [
        _text(_EDGE, bottom + 16, "0", "middle"),
        _text(right, bottom + 16, f"{widest:.3g}", "middle"),
        _text(_EDGE - 6, bottom, f"{lowest:.3g}", "end"),
        _text(_EDGE - 6, top + 8, f"{highest:.3g}", "end"),
    ]
    if len(best) > 1:
        drawn.append(f'<path class="front" d="M{path}"/>')
    taken: list[tuple[float, float, float]] = []
    for point in points:
        left, height = place(point)
        drawn.append(
            f'<circle class="dot{" best" if point in best else ""}" cx="{left:.1f}" cy="{height:.1f}" r="5">'
            f"<title>{_plain(f'{point.name}: {point.text}')}</title></circle>"
        )
        # A name that would lie on another goes below it.
        end = left + _LETTER * (len(_short(point.name)) + 2)
        while any(left < other and end > x and abs(height - y) < _LINE for x, other, y in taken):
            height += _LINE
        taken.append((left, end, height))
        drawn.append(_text(left + 9, height + 4, _short(point.name), "start"))
    drawn += [
        _text((_EDGE + right) / 2, _HEIGHT - 12, x, "middle"),
        f'<g transform="translate(18 {(_HEIGHT - 50) / 2 + 10}) rotate(-90)">{_text(0, 0, y, "middle")}</g>',
    ]
    return _svg(caption, _HEIGHT, drawn)


def _front(points: Sequence[Dot]) -> list[Dot]:
    """Return the points of which no other is at least as good in both measures, from the cheapest on."""
    front: list[Dot] = []
    best = -math.inf
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if point.y > best:
            front.append(point)
            best = point.y
    return front


def _svg(caption: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{_plain(caption)}" viewBox="0 0 {_WIDTH} {height}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_plain(text)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _plain(text: str) -> str:
    return escape(visible(text))
