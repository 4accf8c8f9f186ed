"""Records as CSV or JSON, for files and for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import KBenchError

# A spreadsheet takes a cell that begins so for a formula, and the text came from a model or a server.
# Source: OWASP, CSV Injection.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Write records as CSV, a line of names first; nothing where there are none.

    A text that a spreadsheet would run as a formula gets an apostrophe before it. Numbers are as they are.
    """
    if not records:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows({name: _csv_cell(value) for name, value in record.items()} for record in records)
    return out.getvalue()


def as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """Write records as a JSON list of objects; times are ISO 8601, and a number that has no finite value is null."""
    rows = [{name: _number(value) for name, value in record.items()} for record in records]
    return json.dumps(rows, indent=2, ensure_ascii=False, default=_json_value, allow_nan=False)


def write_parquet(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write records as a Parquet file; a column whose values are of several kinds becomes text.

    Raises
    ------
    KBenchError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        raise KBenchError(
            "A Parquet file needs pyarrow, which is not installed.",
            hint="%pip install 'kbench-jupyter[export]'   (.csv and .json need nothing)",
        ) from None
    names = list(records[0]) if records else []
    columns = {name: [_written(record[name]) for record in records] for name in names}
    parquet.write_table(pa.table({name: _column(pa, values) for name, values in columns.items()}), path)


def _column(pa: Any, values: list[Any]) -> Any:
    if all(value is None for value in values):
        return pa.array(values, pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else _json_value(value) for value in values], pa.string())


def _written(value: Any) -> Any:
    """Return a value whose text any file can take: halves of characters are spelled out."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _csv_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return _whole(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _number(value: Any) -> Any:
    """Return a value for JSON: None for a number without a finite value, and a whole one as such."""
    if not isinstance(value, float):
        return value
    return _whole(value) if math.isfinite(value) else None


def _whole(value: float) -> float | int:
    # Up to here each whole number is one of its own.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _json_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
