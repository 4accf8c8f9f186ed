"""The tables of a comparison: candidates side by side, their assertions, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from kbench_jupyter.actions.cards import WHO_COLUMNS, who_cells, who_word
from kbench_jupyter.actions.results.wording import amount, amounts, interval
from kbench_jupyter.actions.run_errors import RunErrors
from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.display.view import Cell, Part, Table, Text, Value, count, duration, money
from kbench_jupyter.results.comparison import Group, Row, assertion_counts
from kbench_jupyter.results.measured import Measured
from kbench_jupyter.results.statistics.libraries import INSTALL

_COLUMNS = (
    *WHO_COLUMNS,
    "version>",
    "runs>",
    "samples>",
    "errored>",
    "passed",
    "score",
    "checks>",
    "tokens>",
    "cost>",
    "latency>",
)
_RUNS = _COLUMNS.index("runs>")
#: Samples up to which luck explains most differences: of three passes, the true rate may be 44 %.
_FEW = 3
#: Columns that a table of assertions may give to the models: what is left of 80 is for the expectations.
_ROOM = 56


def comparison(groups: Sequence[Group], passes: Sequence[Measured], sides: Sequence[Measured]) -> Table:
    """Return a row for each candidate and version.

    Parameters
    ----------
    passes, sides : sequence of Measured
        What the samples of each group came to: whether they passed, and by the measure that is compared.
    """
    scores = map(" ".join, scores_of(groups))
    who = who_cells((group.model, group.candidate) for group in groups)
    rows = [
        [*first, *_row(group, passed, cost, score)]
        for first, group, passed, cost, score in zip(who, groups, passes, costs(groups), scores, strict=True)
    ]
    by_run = all(side.samples == len(group.rows) for group, side in zip(groups, passes, strict=True))
    if not by_run and all(len(group.rows) == 1 for group in groups):  # the room is better used for the others
        rows = [[*row[:_RUNS], "", *row[_RUNS + 1 :]] for row in rows]
    what = sides[0].measure if sides else "passed"
    if what == "passed" or (what == "score" and by_run):
        return Table(_COLUMNS, rows, drop_empty=True)
    measured = [f"{value} ({ends})" if ends else value for value, ends in texts_of(sides)]
    columns = [*_COLUMNS, f"{what} a sample"]
    return Table(columns, [[*row, text] for row, text in zip(rows, measured, strict=True)], drop_empty=True)


def texts_of(sides: Sequence[Measured]) -> list[tuple[str, str]]:
    """Say each side's mean and its interval, "" where there is none."""
    return list(zip(amounts(sides), map(interval, sides), strict=True))


def scores_of(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Say what each group's runs came to as a number and the half-width of its interval, "" where it has none."""
    scores, halves = [g.score for g in groups], [g.score_interval for g in groups]
    alone = score_texts(scores)
    whole = score_texts(scores, sides=[None if half is None else (half, half) for half in halves])
    return [(score, both.removeprefix(score).strip()) for score, both in zip(alone, whole, strict=True)]


def _row(group: Group, passes: Measured, cost: str, score: str) -> list[Value]:
    held, every = group.assertions
    runs = len(group.rows)
    return [
        str(group.version or ""),
        str(runs),
        "" if passes.samples == runs else f"{passes.samples:,}",
        str(passes.errored or ""),
        _passed(passes),
        score.strip(),
        f"{held}/{every}" if every else "",
        f"{group.usage.input_tokens:,}→{group.usage.output_tokens:,}",
        cost,
        duration(group.latency),
    ]


def _passed(passes: Measured) -> Value:
    """Return how many samples passed, of those that did not error."""
    found = passes.estimate
    if found is None:
        return Cell("errored", "bad") if passes.errored else ""
    held = round(found.value * found.n)
    spread = f" ({interval(passes)})" if found.n > 1 else ""
    return Cell(f"{held:,}/{found.n:,}{spread}", _tone(held, found.n))


def costs(groups: Sequence[Group]) -> list[str]:
    """Say what each group cost. One nobody told is said to be unknown where others are known.

    A blank beside "$0.00" would look like less than nothing; where no cost is known there is none to compare.
    """
    told = [group.usage.cost for group in groups]
    unknown = "" if all(cost is None for cost in told) else "unknown"
    return [unknown if cost is None else money(cost) for cost in told]


def errored_note(sides: Sequence[Measured]) -> str:
    """Say how errored samples count in a comparison; "" where none errored."""
    errored, samples = sum(side.errored for side in sides), sum(side.samples for side in sides)
    if not errored:
        return ""
    one = errored == 1
    return (
        f"{errored:,} of {count(samples, 'sample')} errored: {'it is' if one else 'they are'} left out of every mean "
        "and pass rate."
    )


def unmeasured_note(sides: Sequence[Measured]) -> str:
    """Say how many samples have no value of the measure though they did not error; "" where all have one."""
    missing, samples = sum(side.unmeasured for side in sides), sum(side.samples for side in sides)
    if not missing:
        return ""
    return f"Left out, without {sides[0].measure}: {missing:,} of {count(samples, 'sample')}."


def scipy_note(sides: Sequence[Measured]) -> str:
    """Say that intervals are missing because scipy is; "" where none is missing for that."""
    return (
        f"Means have no interval: it needs scipy. {INSTALL}"
        if any(side.lacks_scipy for side in sides)
        else ""
    )


def few_note(task: str, sides: Sequence[Measured], *, by_run: bool) -> str:
    """Say that a difference of few samples may be chance; "" where none differ or there are enough."""
    found = [side.estimate for side in sides]
    counts = [one.n for one in found if one and one.method != "told by the task"]
    differing = len({one.value if one else None for one in found}) > 1
    if not differing or min(counts, default=_FEW + 1) > _FEW:
        return ""
    thing = "run" if by_run else "sample"
    if max(counts) > _FEW or len(counts) < len(found):
        how = f"Some have {count(min(counts), thing)} only"
    elif len(set(counts)) == 1:
        how = f"{count(counts[0], thing)} each"
    else:
        how = f"{min(counts)} to {max(counts)} {thing}s each"
    return f"{how}: a difference may be chance. To add runs: %kbench run {task} -m MODEL"


def assertion_parts(groups: Sequence[Group]) -> list[Part]:
    """Return a table of the newest version's assertions, a column a candidate; a row each where many are."""
    version_of = max((group.version or 0 for group in groups), default=0)
    newest = [group for group in groups if (group.version or 0) == version_of]
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


def repeat_parts(sides: Sequence[Measured]) -> list[Part]:
    """Return a table of what several tries of the same samples say; nothing where none was repeated."""
    rows: list[list[Value]] = []
    for side in sides:
        found = side.repeats
        if found is None:
            continue
        at, every = ("" if share is None else f"{share:.1%}" for share in (found.at, found.every))
        spread = "" if found.spread is None or found.at is not None else amount(found.spread, side.measure)
        rows.append(
            [side.name, str(side.version or ""), f"{found.samples:,}", str(found.k), at, every, spread]
        )
    columns = ["repeats of", "version>", "samples>", "k>", "pass@k>", "pass^k>", "spread in a sample>"]
    return [Table(columns, rows, drop_empty=True)] if rows else []


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
