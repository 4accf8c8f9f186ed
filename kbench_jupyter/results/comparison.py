"""Comparison: the downloaded runs of a task, and what they come to a candidate and task version."""

from __future__ import annotations

import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from kbench_jupyter.results.runfiles import RunResult, Usage
from kbench_jupyter.results.statistics import has_scipy, mean

By = Literal["candidate", "version", "model"]
#: How runs are put together: a group each candidate within a version; the same, a candidate's versions beside each
#: other; or all candidates of a model within a version as one.
BYS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True)
class Row:
    """One run of a task."""

    version: int | None  #: task version, where the server told it
    candidate: str  #: slug of a model, of a model at an effort, or of an agent
    run_id: int
    result: RunResult  #: without subruns
    folder: Path  #: where its files lie
    model: str  #: canonical slug; the candidate where nobody told


@dataclass(frozen=True)
class Group:
    """All runs of one task version on one candidate, or model."""

    version: int | None
    candidate: str  #: the model, where its candidates are put together
    rows: tuple[Row, ...]  #: never empty

    @property
    def model(self) -> str:
        """The model's canonical slug."""
        return self.rows[0].model

    @property
    def passed(self) -> int:
        """How many of the runs passed."""
        return sum(row.result.passed is True for row in self.rows)

    @property
    def scores(self) -> list[float]:
        """The numeric results, of the runs that have one."""
        return [row.result.score for row in self.rows if row.result.score is not None]

    @property
    def score(self) -> float | None:
        """The mean numeric result, or None where no run has one; without a finite value where one of them has none."""
        if not all(map(has_value, self.scores)):
            return math.inf
        return statistics.mean(self.scores) if self.scores else None

    @property
    def score_interval(self) -> float | None:
        """Half-width of the score's 95 % interval: of several runs their own, of one run what it reports.

        None where it has no width: a few equal scores do not show that the next one will be equal, too. Nor where scipy
        is missing.
        """
        if not all(map(has_value, self.scores)):
            return None
        if len(self.scores) > 1:
            found = mean(self.scores, method="t") if has_scipy() else None
            return None if found is None or found.high is None else found.high - found.value
        return next((row.result.interval for row in self.rows if row.result.interval), None)

    @property
    def assertions(self) -> tuple[int, int]:
        """How many assertions passed, of how many."""
        every = [a for row in self.rows for a in row.result.assertions]
        return sum(a.passed for a in every), len(every)

    @property
    def usage(self) -> Usage:
        """Tokens, cost (USD) and latency (seconds) of all runs together."""
        return sum((row.result.usage for row in self.rows), Usage())

    @property
    def latency(self) -> float | None:
        """Mean seconds a run: in the model's back end where it was told, else from start to end.

        None where no model was called: how long the task took says nothing about one then.
        """
        called = [row.result for row in self.rows if row.result.called]
        times = [r.usage.latency if r.usage.latency is not None else r.elapsed for r in called]
        known = [time for time in times if time is not None]
        return statistics.fmean(known) if known else None

    @property
    def errored(self) -> int:
        """How many of the runs errored."""
        return sum(row.result.errored for row in self.rows)


def has_value(score: float) -> bool:
    """Say whether a score has a finite value; the largest double stands for none (kagglesdk 0.1.38)."""
    return abs(score) < sys.float_info.max


def group(rows: Sequence[Row], by: By = "candidate") -> list[Group]:
    """Put the runs of each version and candidate, or model, together, in the order of their first.

    By version, the versions of a candidate follow each other.
    """
    groups: dict[tuple[int | None, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.version, row.model if by == "model" else row.candidate].append(row)
    found = [Group(version, name, tuple(rows)) for (version, name), rows in groups.items()]
    if by != "version":
        return found
    names = list(dict.fromkeys(one.candidate for one in found))
    return sorted(found, key=lambda one: names.index(one.candidate))


def assertion_counts(groups: Sequence[Group]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return for each assertion, by its expectation, and each candidate how often it passed, of how often.

    Parameters
    ----------
    groups : sequence of Group
        Of one version, so that a candidate names one of them.

    Returns
    -------
    dict
        In the order the assertions are first made; without the candidates that never came to them.
    """
    counts: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for group in groups:
        for row in group.rows:
            for made in row.result.assertions:
                by_candidate = counts[made.expectation or made.definition]
                passed, every = by_candidate.get(group.candidate, (0, 0))
                by_candidate[group.candidate] = passed + made.passed, every + 1
    return dict(counts)
