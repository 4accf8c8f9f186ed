"""Forecast: what runs will take, from what earlier runs really took; what nobody knows is said to be unknown.

Where each figure comes from:

* seconds: start and end of earlier completed runs in the server's list;
* tokens and cost: the run files of those that were downloaded, beside the notebook or to where this session put them
  (a list tells neither), and tokens else from the last rehearsal in this session. A price is never guessed;
* what is left: today's quota, as the server tells it.

It is asked for while other questions are, and what is not there in time is unknown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from kbench_jupyter.actions.at_once import Later
from kbench_jupyter.actions.wanted_candidates import Batch
from kbench_jupyter.api import Run, TaskQuota
from kbench_jupyter.display.view import count, duration, money
from kbench_jupyter.results.downloads import StoredRun, origin_target, stored_runs
from kbench_jupyter.results.runfiles import Usage, read_run_files
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

#: Seconds that answers are waited for once the caller has its own.
PATIENCE = 0.3
#: Runs of a candidate that count: the newest ones.
_RUNS = 5
#: Seconds for reading run files, and bytes of one run's files above which they are not read for this.
_READING, _LARGEST = 1.0, 20_000_000
#: Candidates that are named.
_NAMED = 3


@dataclass(frozen=True)
class Expected:
    """What one run of a candidate is expected to take; None is unknown."""

    candidate: str
    tokens: float | None = None
    cost: float | None = None  #: USD
    seconds: float | None = None
    rehearsed: bool = False  #: whether the tokens are those of a rehearsal

    @property
    def unknown(self) -> bool:
        """Whether nothing is known."""
        return self.tokens is None and self.cost is None and self.seconds is None

    def __str__(self) -> str:
        if self.unknown:
            return f"{self.candidate} unknown"
        tokens = "tokens unknown" if self.tokens is None else f"about {_rounded(self.tokens)} tokens"
        cost = "cost unknown" if self.cost is None else money(self.cost)
        seconds = "time unknown" if self.seconds is None else duration(self.seconds)
        return f"{self.candidate} {tokens}{' (as rehearsed)' if self.rehearsed else ''}, {cost}, {seconds}"


@dataclass(frozen=True)
class Forecast:
    """What some runs are expected to take: `repeat` of each candidate, with `left` USD of today's quota."""

    each: tuple[Expected, ...]
    repeat: int = 1
    left: float | None = None

    @property
    def tokens(self) -> float | None:
        """The tokens of all runs whose tokens are known; None where none are."""
        return self._sum([one.tokens for one in self.each])

    @property
    def cost(self) -> float | None:
        """The cost in USD of all runs whose cost is known; None where none is."""
        return self._sum([one.cost for one in self.each])

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Seconds to the end if all candidates go at once, and if one goes at a time; None where none is known."""
        known = [one.seconds * self.repeat for one in self.each if one.seconds is not None]
        return (max(known), sum(known)) if known else None

    def lines(self, now: datetime | None = None) -> tuple[str, ...]:
        """Say it in one or two lines; with the time of day at which the runs end if it is said what time it is."""
        if not self.each:
            return ()
        left = "" if self.left is None else f"{money(self.left)} of today's quota left"
        if all(one.unknown for one in self.each):
            said = (
                "Forecast: tokens, cost and end unknown: no completed run of these candidates is known here"
            )
            return (f"{said}; {left}." if left else f"{said}.",)
        named = [*map(str, self.each[:_NAMED])]
        named += [f"{len(self.each) - _NAMED} more"] if len(self.each) > _NAMED else []
        first = f"Forecast for each run: {'; '.join(named)}."
        runs = len(self.each) * self.repeat
        if runs == 1:
            rest = [self._end(now) if now else "", left]
        else:
            rest = [self._whole(self.tokens, _tokens, "tokens"), self._whole(self.cost, money, "cost")]
            rest = [f"All {count(runs, 'run')}: {', '.join(rest)}", self._end(now), left]
        if self.left is not None and self.cost is not None and self.cost > self.left:
            rest[-1] = f"only {left}"
        second = "; ".join(filter(None, rest))
        return (first, f"{second[0].upper()}{second[1:]}.") if second else (first,)

    def _sum(self, values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) * self.repeat if known else None

    def _whole(self, value: float | None, write: Callable[[float], str], what: str) -> str:
        if value is None:
            return f"{what} unknown"
        told = [one.tokens if what == "tokens" else one.cost for one in self.each]
        return f"{'at least' if None in told else 'about'} {write(value)}"

    def _end(self, now: datetime | None) -> str:
        if self.seconds is None:
            return "end unknown"
        first, last = self.seconds
        least = any(one.seconds is None for one in self.each)
        spans = [first] if least or last - first < 0.1 * last else [first, last]
        said = f"ended in {'at least' if least else 'about'} {' to '.join(map(duration, spans))}"
        if now is None or last < 60:
            return said
        times = [f"{now + timedelta(seconds=span):%H:%M}" for span in spans]
        return f"{said} ({' to '.join(dict.fromkeys(times))})"


@dataclass(frozen=True)
class Past:
    """What is known of a task's earlier runs."""

    runs: tuple[Run, ...] = ()
    #: What those used that were downloaded, by the run's id.
    usages: Mapping[int, Usage] = field(default_factory=dict)
    #: Tokens of the last rehearsal.
    rehearsed: int | None = None
    #: What runs may cost today; None where it is not known.
    quota: TaskQuota | None = None

    @property
    def left(self) -> float | None:
        """What is left of today's quota, in USD; None where none is told."""
        quota = self.quota
        return max(0.0, quota.allowed - quota.used) if quota and quota.allowed else None

    def forecast(self, candidates: Iterable[tuple[str, str]], repeat: int = 1) -> Forecast:
        """Return what runs are expected to take.

        Parameters
        ----------
        candidates : iterable of (str, str)
            As `candidates_of` returns them.
        repeat : int
            Runs of each.
        """
        return Forecast(
            tuple(self._expected(name, slug) for name, slug in candidates), max(1, repeat), self.left
        )

    def _expected(self, name: str, slug: str) -> Expected:
        runs = [run for run in self.runs if slug and run.candidate == slug and run.state == "COMPLETED"]
        used = [self.usages[run.id] for run in _newest([run for run in runs if run.id in self.usages])]
        took = [seconds for run in _newest(runs) if (seconds := run.took) is not None]
        tokens = [float(sum(both)) for one in used if any(both := (one.input_tokens, one.output_tokens))]
        costs = [one.cost for one in used if one.cost is not None]
        rehearsed = not tokens and self.rehearsed is not None
        if rehearsed and self.rehearsed is not None:
            tokens = [float(self.rehearsed)]
        return Expected(
            name,
            statistics.fmean(tokens) if tokens else None,
            statistics.fmean(costs) if costs else None,
            statistics.median(took) if took else None,
            rehearsed,
        )


class Lookup:
    """What is known of a task's earlier runs, asked for in the background from now on.

    Parameters
    ----------
    output : Path
        The folder of downloads, beside those that this session has used for the task.
    runs : bool
        Whether to ask for the list of runs, too; a caller that asks for it anyway hands it over.
    """

    def __init__(
        self, session: Session, target: Target, slug: str, *, output: Path = Path(), runs: bool = False
    ) -> None:
        client = session.client(target)
        self._rehearsed = session.rehearsed.get(slug)
        folders = dict.fromkeys([output, Path(), *session.outputs.get(slug, ())])
        self._quota = Later(client.task_quota)
        self._usages = Later(lambda: _usages(folders, slug, target.base_url))
        self._runs = Later(lambda: tuple(client.list_runs(slug))) if runs else None

    def past(self, runs: Iterable[Run] | None = None, *, patience: float = PATIENCE) -> Past:
        """Return what has come, and what comes within `patience` seconds from now."""
        end = time.monotonic() + patience
        if runs is None and self._runs is not None:
            runs = self._runs.within(patience)
        quota = self._quota.within(end - time.monotonic())
        usages = self._usages.within(end - time.monotonic())
        return Past(tuple(runs or ()), usages or {}, self._rehearsed, quota)


def candidates_of(batches: Iterable[Batch]) -> list[tuple[str, str]]:
    """Return each candidate as it is called, and the slug that its runs have; "" where that is not known."""
    return [
        (one.names[0], one.configs.get(one.models[0], "") if one.effort else one.names[0])
        for batch in batches
        for one in batch
    ]


def _usages(folders: Iterable[Path], slug: str, target: str) -> dict[int, Usage]:
    """Read what downloaded runs used, the newest first, for as long as there is time."""
    end = time.monotonic() + _READING
    stored = [run for folder in folders for run in stored_runs(folder, slug)]
    found: dict[int, Usage] = {}
    seen: dict[tuple[int | None, str], int] = {}
    for run in sorted(stored, key=lambda run: (-(run.version or 0), -run.run_id)):
        place = run.version, run.candidate
        if time.monotonic() > end:
            break
        if seen.get(place, 0) >= _RUNS or origin_target(run.path) not in (None, target):
            continue
        if (usage := _usage(run)) is not None:
            found.setdefault(run.run_id, usage)
            seen[place] = seen.get(place, 0) + 1
    return found


def _usage(run: StoredRun) -> Usage | None:
    if sum(path.stat().st_size for path in run.path.glob("*.run.json")) > _LARGEST:
        return None
    try:
        results = read_run_files(run.path)
    except ValueError:
        return None
    return sum((result.usage for result in results), Usage()) if results else None


def _newest(runs: Sequence[Run]) -> list[Run]:
    """Return the newest of some runs, all of one version."""
    version = max((run.task.version or 0 for run in runs), default=0)
    return sorted((run for run in runs if (run.task.version or 0) == version), key=lambda run: -run.id)[
        :_RUNS
    ]


def _rounded(number: float) -> str:
    """Write a number with the three digits that a forecast may have."""
    return f"{float(f'{number:.3g}'):,.0f}"


def _tokens(number: float) -> str:
    return f"{_rounded(number)} tokens"
