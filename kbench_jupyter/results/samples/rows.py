"""Which row of a dataset a sample is, so that it is compared with the same row elsewhere.

A run file does not say which row a subrun is of: subruns stand in the order in which they ended (task SDK 0.6.2).
What tells, from sure to likely:

1. the name of the file a row was stored in by itself has its label in the DataFrame's index;
2. rows that were asked the same are the same row;
3. the SDK counts the runs of a task as they begin: with one job that is the rows' order, with several nearly.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from kbench_jupyter.results.runfiles import RunResult
from kbench_jupyter.results.samples.extract import Identity, clean
from kbench_jupyter.results.samples.sample import TEXT


@dataclass(slots=True)
class Known:
    """A stored sample, as far as it takes to tell which row it is."""

    number: int
    way: str  #: "row" where it is one if its run evaluated rows, "deep" if not, "itself" for the run; "" in any case
    identity: Identity
    task: str
    slug: str
    run: int  #: how manieth run of its task; 0 where that is not told
    digest: str
    errored: bool
    label: str = ""


@dataclass
class Top:
    """A run that has a file of its own."""

    file: str
    identity: Identity
    result: RunResult
    evaluates: bool
    asks: bool
    known: list[Known]
    label: str
    by_row: bool = False


def name_rows(connection: sqlite3.Connection, tops: Sequence[Top]) -> None:
    """Give the samples of one run's folder their keys, as far as that run alone tells."""
    alone: dict[str, list[Known]] = defaultdict(list)
    groups: dict[str, list[Known]] = defaultdict(list)
    evaluated: set[str] = set()
    for top in tops:
        for one in top.known:
            one.label = one.label or top.label
            base = clean(one.task if one.slug == top.identity[1] else f"{one.task}@{one.slug}", TEXT)
            if one.way == "itself" and not one.label:
                alone[base].append(one)
                continue
            groups[base].append(one)
            if one.label or top.by_row:
                evaluated.add(base)
    for base, several in alone.items():
        # Asked the same each time, it is one sample that was repeated; its key stays "".
        if len({one.digest for one in several}) > 1 or base in groups:
            groups[base] += several
    for base, group in groups.items():
        _name(connection, base, group, base in evaluated)


def _name(connection: sqlite3.Connection, base: str, group: list[Known], evaluated: bool) -> None:
    retries = _retries(group)
    dropped = [one for one in group if one.number in retries]
    connection.executemany("DELETE FROM samples WHERE number = ?", [(one.number,) for one in dropped])
    tried = Counter(retries.values())
    kept = [one for one in group if one.number not in retries]
    labels = [one.label for one in kept]
    certain = all(labels) and len(set(labels)) == len(labels)
    ranked = sorted(kept, key=lambda one: (one.run == 0, one.run))
    values = []
    for rank, one in enumerate(ranked):
        name = one.label if certain else str(rank)
        row = _row(name) if evaluated else None
        values.append(
            (base, f"{base}#{name}", row, rank, name, evaluated, certain, tried[one.number], one.number)
        )
    connection.executemany(
        "UPDATE samples SET base = ?, key = ?, row = ?, rank = ?, name = ?, evaluated = ?, certain = ?, retries = ?"
        " WHERE number = ?",
        values,
    )


def _row(label: str) -> int | None:
    return int(label) if label.isdecimal() and label.isascii() and len(label) < 18 else None


def _retries(group: Iterable[Known]) -> dict[int, int]:
    """Return which errored samples were tried again, and by which.

    A later try of a row takes its file, so the earlier has none while others do; and it was asked the same.
    """
    labelled: dict[str, list[Known]] = defaultdict(list)
    for one in group:
        if one.label and one.digest:
            labelled[one.digest].append(one)
    again = {}
    for one in group:
        rows = labelled.get(one.digest, []) if one.errored and not one.label else []
        if len(rows) == 1:
            again[one.number] = rows[0].number
    return again


def pair_rows(connection: sqlite3.Connection) -> None:
    """Make rows that were asked the same the same row in all runs, where no label tells which they are."""
    for (base,) in connection.execute("SELECT DISTINCT base FROM samples WHERE NOT certain").fetchall():
        runs: dict[int, list[_Unsure]] = defaultdict(list)
        of_base = connection.execute(
            "SELECT s.folder, s.number, s.rank, s.name, s.digest, s.evaluated, s.certain"
            " FROM samples s JOIN runs r USING (folder) WHERE s.base = ? ORDER BY s.certain DESC, r.path, s.rank",
            (base,),
        )
        for folder, number, rank, name, digest, evaluated, certain in of_base:
            named = name if certain else str(rank)
            runs[folder].append(_Unsure(number, named, digest, bool(evaluated), bool(certain)))
        first = next(iter(runs.values()))
        known = [(one.name, one.digest) for one in first]
        for samples in runs.values():
            if samples[0].certain:
                continue
            connection.executemany(
                "UPDATE samples SET key = ?, name = ?, row = ? WHERE number = ?",
                [
                    (f"{base}#{name}", name, _row(name) if one.evaluated else None, one.number)
                    for one, name in zip(samples, _aligned(known, samples), strict=True)
                ],
            )


class _Unsure(NamedTuple):
    number: int
    name: str
    digest: str
    evaluated: bool
    certain: bool


def _aligned(known: Sequence[tuple[str, str]], samples: Sequence[_Unsure]) -> list[str]:
    """Return a row for each: that of the known sample asked the same, else its own place, else the next free one."""
    asked: dict[str, deque[str]] = defaultdict(deque)
    for name, digest in known:
        if digest:
            asked[digest].append(name)
    names = [asked[one.digest].popleft() if asked.get(one.digest) else None for one in samples]
    taken = {name for name in names if name is not None}
    spare = (str(n) for n in count(max(len(known), len(samples))))
    settled = []
    for paired, one in zip(names, samples, strict=True):
        free = one.name if one.name not in taken else ""
        name = paired or free or next(another for another in spare if another not in taken)
        taken.add(name)
        settled.append(name)
    return settled
