"""The tables of a comparison: candidates side by side, their assertions, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from kbench_jupyter.actions.cards import WHO_COLUMNS, who_cells, who_word
from kbench_jupyter.actions.run_errors import RunErrors
from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.display.view import Cell, Part, Table, Text, Value, count, duration, money
from kbench_jupyter.results.chart import measure, value_and_interval
from kbench_jupyter.results.comparison import Group, Row, assertion_counts

__all__ = [
    "assertion_parts",
    "comparison",
    "costs",
    "error_parts",
    "errored_note",
    "few_note",
    "scores_of",
    "spread_of_passes",
]

_COLUMNS = (
    *WHO_COLUMNS,
    "version>",
    "runs>",
    "errored>",
    "passed",
    "score",
    "checks>",
    "tokens>",
    "cost>",
    "latency>",
)
#: Runs of a model up to which luck explains most differences: of three passes, the true rate may be 44 %.
_FEW = 3
#: Columns that a table of assertions may give to the models: what is left of 80 is for the expectations.
_ROOM = 56


def comparison(groups: Sequence[Group]) -> Table:
    """Return a row for each candidate and version."""
    scores = map(" ".join, scores_of(groups))
    who = who_cells((group.model, group.candidate) for group in groups)
    rows = [
        [*first, *_row(group, cost, score)]
        for first, group, cost, score in zip(who, groups, costs(groups), scores, strict=True)
    ]
    return Table(_COLUMNS, rows, drop_empty=True)


def scores_of(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Say each group's score and the half-width of its interval, "" where it has none."""
    scores, halves = [g.score for g in groups], [g.score_interval for g in groups]
    alone = score_texts(scores)
    whole = score_texts(scores, sides=[None if half is None else (half, half) for half in halves])
    return [(score, both.removeprefix(score).strip()) for score, both in zip(alone, whole, strict=True)]


def spread_of_passes(group: Group) -> str:
    """Say the ends of a pass rate's interval."""
    return "{:.0%} to {:.0%}".format(*group.pass_interval)


def _row(group: Group, cost: str, score: str) -> list[Value]:
    held, every = group.assertions
    runs = len(group.rows)
    spread = f" ({spread_of_passes(group)})" if runs > 1 else ""
    return [
        str(group.version or ""),
        str(runs),
        str(group.errored or ""),
        Cell(f"{group.passed}/{runs}{spread}", _tone(group.passed, runs)),
        score.strip(),
        f"{held}/{every}" if every else "",
        f"{group.usage.input_tokens:,}→{group.usage.output_tokens:,}",
        cost,
        duration(group.latency),
    ]


def costs(groups: Sequence[Group]) -> list[str]:
    """Say what each group cost. One nobody told is said to be unknown where others are known.

    A blank beside "$0.00" would look like less than nothing; where no cost is known there is none to compare.
    """
    told = [group.usage.cost for group in groups]
    unknown = "" if all(cost is None for cost in told) else "unknown"
    return [unknown if cost is None else money(cost) for cost in told]


def errored_note(groups: Sequence[Group]) -> str:
    """Say how errored runs count in a comparison; "" where none errored."""
    errored, runs = sum(group.errored for group in groups), sum(len(group.rows) for group in groups)
    if not errored:
        return ""
    one = errored == 1
    return (
        f"{errored} of {count(runs, 'run')} errored: {'it counts' if one else 'they count'} as not passed, "
        f"{'has' if one else 'have'} no score, and only the checks made before the error."
    )


def few_note(task: str, groups: Sequence[Group]) -> str:
    """Say that a difference between groups of few runs may be chance; "" where none differ or there are enough."""
    what = measure(groups)
    runs = [len(g.rows) for g in groups if not (what == "score" and _measured_itself(g))]
    if len({value_and_interval(g, what)[0] for g in groups}) < 2 or min(runs, default=_FEW + 1) > _FEW:
        return ""
    if max(runs) > _FEW or len(runs) < len(groups):
        how = f"Some have {count(min(runs), 'run')} only"
    else:
        how = (
            f"{count(runs[0], 'run')} each"
            if len(set(runs)) == 1
            else f"{min(runs)} to {max(runs)} runs each"
        )
    return f"{how}: a difference may be chance. To add runs: %kbench run {task} -m MODEL"


def _measured_itself(group: Group) -> bool:
    """Say whether each run tells how sure its score is, as one over a whole dataset does."""
    return all(row.result.interval for row in group.rows)


def assertion_parts(groups: Sequence[Group]) -> list[Part]:
    """Return a table of the newest version's assertions, a column a candidate; a row each where many are."""
    newest = [group for group in groups if group.version == groups[0].version]
    counts = assertion_counts(newest)
    if not counts:
        return []
    version = f" of version {newest[0].version}" if newest[0].version else ""
    heading = Text(f"Assertions{version}: how often each passed", "quiet")
    names = [group.candidate for group in newest]
    if sum(max(len(name), len("✓ 99/99")) + 2 for name in names) <= _ROOM:
        across: list[list[Value]] = [
            [text, *(_counted(counted.get(name)) for name in names)] for text, counted in counts.items()
        ]
        return [heading, Table(["assertion", *names], across)]
    down: list[list[Value]] = [
        [name, _counted(counted[name]), text]
        for name in names
        for text, counted in counts.items()
        if name in counted
    ]
    word = who_word((group.model, group.candidate) for group in newest)
    return [heading, Table([word, "passed", "assertion"], down)]


def _counted(counts: tuple[int, int] | None) -> Value:
    return None if counts is None else Cell(f"{counts[0]}/{counts[1]}", _tone(*counts))


def _tone(passed: int, every: int) -> str:
    return "good" if passed == every else "bad" if passed == 0 else "warn"


def error_parts(rows: Sequence[Row], explained: RunErrors) -> list[Part]:
    """Return a table of what the newest version's errored runs ended with; nothing where none errored."""
    errored = [row for row in rows if row.result.errored and row.version == rows[0].version]
    errors: list[list[Value]] = [
        [
            row.candidate,
            str(row.run_id),
            Cell(explained.of(row.version).line(row.result.error_message), "bad"),
        ]
        for row in errored
    ]
    word = who_word((row.model, row.candidate) for row in errored)
    return [Table([word, "run>", "error"], errors)] if errors else []
