"""Charts without a plotting library: a Vega-Lite specification, which JupyterLab and VS Code draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kbench_jupyter.results.comparison import Group, has_value

#: What JupyterLab 4 and VS Code know a Vega-Lite 5 specification by.
MIME_TYPE = "application/vnd.vegalite.v5+json"


def measure(groups: Sequence[Group]) -> str:
    """Return what is compared: ``"score"`` where every group has one, else ``"pass rate"``."""
    return "score" if groups and all(g.score is not None for g in groups) else "pass rate"


def value_and_interval(group: Group, what: str) -> tuple[float | None, tuple[float, float] | None]:
    """Return a group's value, None for no finite one, and the ends of its 95 % interval, None where it has none."""
    if what != "score" or group.score is None:
        return group.pass_rate, group.pass_interval
    if not has_value(group.score):
        return None, None
    half = group.score_interval
    return group.score, None if half is None else (group.score - half, group.score + half)


def caption(what: str, intervals: Sequence[tuple[float, float] | None]) -> str:
    """Return what a chart shows, in words."""
    return f"{what} with 95 % interval" if any(intervals) else what


def vega_lite(task: str, groups: Sequence[Group], texts: Sequence[str]) -> dict[str, Any]:
    """Return a bar for each candidate and version with its 95 % interval.

    Parameters
    ----------
    task : str
        Slug, for the title.
    groups : sequence of Group
    texts : sequence of str
        Each group's value and interval, as they are to be read.

    Returns
    -------
    dict
        A Vega-Lite 5 specification, data included.
    """
    what = measure(groups)
    measured = [value_and_interval(group, what) for group in groups]
    values = [_bar(group, text, *shown) for group, text, shown in zip(groups, texts, measured, strict=True)]
    title = f"{task}: {caption(what, [interval for _, interval in measured])}"
    several = len({group.version for group in groups}) > 1
    scale = {"domain": [0, 1]} if what == "pass rate" else {}
    y = {"field": "candidate", "type": "nominal", "title": None, "sort": None}
    offset = {"yOffset": {"field": "version", "type": "nominal"}} if several else {}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": 420,
        "data": {"values": values},
        "encoding": {"y": y, **offset},
        "layer": [
            {
                "mark": {"type": "bar", "tooltip": True},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative", "title": what, "scale": scale},
                    "color": {
                        "field": "version",
                        "type": "nominal",
                        "title": "version",
                        **({} if several else {"legend": None}),
                    },
                    "tooltip": [
                        {"field": "candidate"},
                        {"field": "version"},
                        {"field": "text", "title": what},
                        {"field": "runs"},
                    ],
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative", "scale": scale},
                    "x2": {"field": "high"},
                    "color": {"value": "gray"},
                },
            },
            {
                "transform": [{"calculate": "max(0, datum.value, datum.high)", "as": "end"}],
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {
                    "x": {"field": "end", "type": "quantitative", "scale": scale},
                    "text": {"field": "text"},
                },
            },
        ],
    }


def _bar(
    group: Group, text: str, value: float | None, interval: tuple[float, float] | None
) -> dict[str, Any]:
    low, high = interval or (None, None)
    version, runs = str(group.version or "unset"), len(group.rows)
    shown = {"candidate": group.candidate, "version": version, "text": text, "runs": runs}
    return {**shown, "value": value, "low": low, "high": high}
