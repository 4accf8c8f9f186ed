"""Filters and orders of samples, as SQL on the index's table ``s`` and the chosen runs ``c``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kbench_jupyter.errors import UsageError
from kbench_jupyter.results.samples.extract import clean
from kbench_jupyter.results.samples.sample import TEXT, Filter

#: What samples can be ordered by; text first, then what has a mean.
_TEXTS = ("task", "state", "input", "answer", "result", "error", "started")
_NUMBERS = {
    "row": "s.row",
    "passed": "s.passed",
    "score": "s.score",
    "checks": "1.0 * s.held / nullif(s.checks, 0)",
    "cost": "s.cost",
    "latency": "s.latency",
    "tokens": "s.input_tokens + s.output_tokens",
    "elapsed": "s.elapsed",
    "retries": "s.retries",
}
ORDERS = (*_TEXTS, *_NUMBERS)


def conditions(where: Filter) -> tuple[list[str], list[Any]]:
    """Return what must hold of a sample, and the values for the question marks in it.

    `Filter.worse` is left to `worse`; candidates and versions are which runs are chosen.
    """
    terms, values = ["1"], list[Any]()
    if where.failed:
        terms.append("s.passed = 0")
    if where.errored:
        terms.append("s.state = 'ERRORED'")
    if where.text:
        texts = " || char(10) || ".join(
            f"coalesce(s.{name}, '')" for name in ("input", "answer", "result", "error", "task", "failed")
        )
        terms.append(f"instr(folded({texts}), ?) > 0")
        values.append(clean(where.text.casefold(), TEXT))
    if where.assertion:
        terms.append("instr(s.failed, ?) > 0")
        values.append(json.dumps(clean(where.assertion, TEXT), ensure_ascii=False))
    if where.differing:
        terms.append(f"s.key IN ({_DIFFERING})")
    return terms, values


#: Keys at which columns came to something else: in passing, in score, or in having one. Means of the same scores may
#: differ in their last digits, by the order they were added in.
_DIFFERING = """
SELECT key FROM (
    SELECT s.key AS key, avg(s.passed) AS passed, round(avg(s.score), 12) AS score, avg(s.state = 'ERRORED') AS errored
    FROM samples s JOIN chosen c USING (folder) GROUP BY s.key, c.col
) GROUP BY key
HAVING min(passed) IS NOT max(passed) OR min(score) IS NOT max(score) OR min(errored) IS NOT max(errored)
    OR count(score) NOT IN (0, count(*)) OR count(passed) NOT IN (0, count(*))
"""


def worse(listed: Iterable[tuple[int, int]], successions: Iterable[tuple[int, int]]) -> str:
    """Return the keys at which a column came to less than the one before it: in score, else in passing.

    Parameters
    ----------
    listed : iterable of (int, int)
        Folder and column of each run.
    successions : iterable of (int, int)
        Columns to compare: the former, and the latter.
    """
    return f"""
WITH listed (folder, col) AS (VALUES {_values(listed)}),
successions (former, latter) AS (VALUES {_values(successions)}),
means AS (
    SELECT s.key AS key, l.col AS col, avg(s.passed) AS passed, round(avg(s.score), 12) AS score
    FROM samples s JOIN listed l USING (folder) WHERE s.state <> 'ERRORED' GROUP BY s.key, l.col
)
SELECT a.key FROM successions JOIN means a ON a.col = former JOIN means b ON b.col = latter AND b.key = a.key
WHERE CASE WHEN a.score IS NULL OR b.score IS NULL THEN b.passed < a.passed ELSE b.score < a.score END
"""  # noqa: S608 - numbers only


def _values(pairs: Iterable[tuple[int, int]]) -> str:
    return ", ".join(str(pair) for pair in pairs) or "(-1, -1)"


def ordering(order: str, number: str, text: str = "{}") -> str:
    """Return what to order by, with a comma behind it: `number` and `text` hold the expression at ``{}``.

    Raises
    ------
    UsageError
        If samples cannot be ordered by that.
    """
    name = order.removeprefix("-")
    if name not in ORDERS:
        raise UsageError(f"Samples have no {name!r} to order by.", hint=f"One of {', '.join(ORDERS)}")
    shown = text.format(f"nullif(s.{name}, '')") if name in _TEXTS else number.format(_NUMBERS[name])
    return f"{shown} IS NULL, {shown}{' DESC' if order.startswith('-') else ''}, "
