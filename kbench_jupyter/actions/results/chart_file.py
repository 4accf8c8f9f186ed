"""A chart as a file: an SVG or PNG picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.whole_file import whole_file
from kbench_jupyter.errors import KBenchError, UsageError

#: Pixels of a PNG for each of the chart's.
_SCALE = 2.0


def refuse_chart(path: Path) -> None:
    """Refuse a file that is no picture by its ending.

    Raises
    ------
    UsageError
        If it ends neither in ``.svg`` nor in ``.png``.
    """
    if path.suffix.lower() not in (".svg", ".png") or path.is_dir():
        raise UsageError(
            f"A chart is a file that ends in .svg or .png, not {path.name!r}.",
            hint="%kbench results --chart chart.svg",
        )


def save_chart(specification: Mapping[str, Any], path: Path) -> None:
    """Draw a Vega-Lite 5 specification into a file that ends in ``.svg`` or ``.png``; one that is there is replaced.

    Raises
    ------
    UsageError
        If it has another ending, or cannot be written.
    KBenchError
        If what draws it is not installed.
    """
    refuse_chart(path)
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise KBenchError(
            "A chart as a file needs vl-convert-python, which is not installed.",
            hint="%pip install 'kbench-jupyter[export]'",
        ) from None
    spec = json.dumps(specification)
    with whole_file(path) as part:
        if path.suffix.lower() == ".png":
            part.write_bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE))
        else:
            part.write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
