"""Charts without a plotting library: a Vega-Lite specification, which JupyterLab and VS Code draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kbench_jupyter.results.measured import SHARES, Measured

#: What JupyterLab 4 and VS Code know a Vega-Lite 5 specification by.
MIME_TYPE = "application/vnd.vegalite.v5+json"


def caption(label: str, sides: Sequence[Measured]) -> str:
    """Return what a chart shows, in words: what is measured, and whether intervals and errors are drawn."""
    intervals = any(side.estimate and side.estimate.interval for side in sides)
    errored = any(side.errored for side in sides)
    return label + " with 95 % interval" * intervals + ", errored samples left out" * errored


def vega_lite(task: str, sides: Sequence[Measured], label: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return a bar for each candidate and version with its 95 % interval, and a word on what errored.

    Parameters
    ----------
    task : str
        Slug, for the title.
    sides : sequence of Measured
        By one measure.
    label : str
        What is measured.
    texts : sequence of str
        Each side's value and interval, as they are to be read.

    Returns
    -------
    dict
        A Vega-Lite 5 specification, data included.
    """
    several = len({side.version for side in sides}) > 1
    share = bool(sides) and sides[0].measure in SHARES
    scale = {"domain": [0, 1]} if share else {}
    y = {"field": "candidate", "type": "nominal", "title": None, "sort": None}
    offset = {"yOffset": {"field": "version", "type": "nominal"}} if several else {}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": f"{task}: {caption(label, sides)}",
        "width": 420,
        "data": {"values": [_bar(side, text) for side, text in zip(sides, texts, strict=True)]},
        "encoding": {"y": y, **offset},
        "layer": [
            _bars(label, scale, several),
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative", "scale": scale},
                    "x2": {"field": "high"},
                    "color": {"value": "gray"},
                },
            },
            _words("text", 0, scale, {}),
            _words("errors", 13, scale, {"color": {"value": "#c62828"}}),
        ],
    }


def _bars(label: str, scale: dict[str, Any], several: bool) -> dict[str, Any]:
    legend = {} if several else {"legend": None}
    return {
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {"field": "value", "type": "quantitative", "title": label, "scale": scale},
            "color": {"field": "version", "type": "nominal", "title": "version", **legend},
            "tooltip": [
                {"field": "candidate"},
                {"field": "version"},
                {"field": "text", "title": label},
                {"field": "samples"},
                {"field": "errored"},
            ],
        },
    }


def _words(field: str, below: int, scale: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    """Return a text at the end of each bar, so many pixels below its middle."""
    return {
        "transform": [{"calculate": "max(0, datum.value, datum.high)", "as": "end"}],
        "mark": {"type": "text", "align": "left", "dx": 5, "dy": below},
        "encoding": {
            "x": {"field": "end", "type": "quantitative", "scale": scale},
            "text": {"field": field},
            **encoding,
        },
    }


def _bar(side: Measured, text: str) -> dict[str, Any]:
    found = side.estimate
    return {
        "candidate": side.name,
        "version": str(side.version or "unset"),
        "text": text,
        "samples": side.samples,
        "errored": side.errored,
        "errors": f"✗ {side.errored} errored" if side.errored else "",
        "value": found.value if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
    }
