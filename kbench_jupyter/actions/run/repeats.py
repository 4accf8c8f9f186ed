"""Repeats: more than one run of each candidate, one after the other where the server lets only one go at a time."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kbench_jupyter.actions.wanted_candidates import Batch, schedule_each
from kbench_jupyter.api import Client, Run, ScheduleResult, Task
from kbench_jupyter.display.view import count
from kbench_jupyter.errors import KBenchError, WatchTimeoutError
from kbench_jupyter.following.scheduled import find_scheduled
from kbench_jupyter.following.watch import how_to_stop, wait_for_one
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target


@dataclass(eq=False)
class _Candidate:
    """One candidate, how many of its runs are still to be begun, and the run that is in the way of the next one."""

    batch: Batch
    left: int
    blocked_by: int | None = None

    @property
    def name(self) -> str:
        return self.batch.names[0]

    @property
    def is_ready(self) -> bool:
        return self.left > 0 and self.blocked_by is None

    def is_of(self, run: Run) -> bool:
        """Return whether a run is one of this candidate's."""
        batch = self.batch
        asked = ScheduleResult("".join(batch.models), batch.effort, "".join(batch.agents))
        return asked.may_be(run)


@dataclass(eq=False)
class Repeats:
    """Begins `repeat` runs of each candidate of a task.

    A server that answers a schedule with "one is going already" lets one run of a candidate go at a time, so the next
    one is scheduled once that has ended. One that takes them all at once is given them at once.
    """

    session: Session
    target: Target
    task: Task
    repeat: int
    #: Ids of the task's runs that are known.
    known: set[int]
    #: Seconds that all of it may take; None is as long as it takes.
    wait: float | None
    poll_interval: float | None
    #: Called with what was scheduled, each time something was.
    on_begun: Callable[[Sequence[ScheduleResult]], object]
    results: list[ScheduleResult] = field(default_factory=list)
    #: Ids of runs whose end has been said.
    told: set[int] = field(default_factory=set)
    _candidates: list[_Candidate] = field(default_factory=list)
    _one_at_a_time: bool = False
    _began: float = field(default_factory=time.monotonic)

    @property
    def _client(self) -> Client:
        return self.session.client(self.target)

    @property
    def _left(self) -> int:
        return sum(one.left for one in self._candidates)

    def begin(self, batches: Sequence[Batch], first: Sequence[ScheduleResult]) -> list[ScheduleResult]:
        """Begin the runs that are still missing after the `first` of each candidate, and return all results.

        Raises
        ------
        Interrupted
            On Ctrl+C; the runs that were begun go on.
        WatchTimeoutError
            If the time is up before all are begun.
        KBenchError
            If the server refuses one that it did not refuse before.
        """
        self._candidates = [_Candidate(one, self.repeat) for batch in batches for one in batch]
        # What follows them cannot be scheduled at all, and says so.
        self.results = list(first[len(self._candidates) :])
        self._take(self._candidates, first[: len(self._candidates)])
        try:
            while self._left:
                if ready := [one for one in self._candidates if one.is_ready]:
                    self._schedule(ready)
                else:
                    self._wait_for_one()
        except KeyboardInterrupt:
            raise Interrupted(self._told("Stopped waiting"), hint=self._hint()) from None
        except WatchTimeoutError as error:
            raise WatchTimeoutError(
                self._told("The time is up"), detail=error.detail, hint=self._hint()
            ) from error
        except KBenchError as error:
            error.detail = "\n".join(filter(None, [error.detail, self._told("")]))
            raise
        return self.results

    def _schedule(self, ready: Sequence[_Candidate]) -> None:
        slug = str(self.task.slug)
        scheduled = schedule_each(self._client, slug, _together([one.batch for one in ready]), self.known)
        self._take(ready, find_scheduled(self._client, slug, scheduled, self.known, timeout=self._time()))

    def _take(self, candidates: Sequence[_Candidate], results: Sequence[ScheduleResult]) -> None:
        """Note what became of one run of each candidate."""
        going: list[Run] | None = None
        begun = []
        for candidate, result in zip(candidates, results, strict=True):
            if result.scheduled:
                candidate.left -= 1
                begun.append(result)
                if result.run_id is not None:
                    self.known.add(result.run_id)
                candidate.blocked_by = result.run_id if self._one_at_a_time else None
                continue
            going = self._going() if going is None else going
            candidate.blocked_by = next((run.id for run in going if candidate.is_of(run)), None)
            if candidate.blocked_by is not None:
                self._one_at_a_time = True
            else:  # it was refused for another reason, which will not pass
                candidate.left = 0
                begun.append(result)
        if begun:
            self.results += begun
            self.on_begun(tuple(self.results))

    def _going(self) -> list[Run]:
        """Return the task's runs of this version that have not ended, the newest first."""
        runs = self._client.list_runs(str(self.task.slug))
        going = [run for run in runs if run.task.version == self.task.version and not run.state.is_terminal]
        return sorted(going, key=lambda run: -run.id)

    def _wait_for_one(self) -> None:
        waiting = [one.blocked_by for one in self._candidates if one.blocked_by is not None]
        begun = sum(result.scheduled for result in self.results)
        ended = wait_for_one(
            self._client,
            str(self.task.slug),
            sorted(waiting),
            before=f"{begun} of {count(begun + self._left, 'run')} begun",
            timeout=self._time(),
            max_interval=self.target.poll_interval(self.poll_interval),
            reporter=self.session.reporter,
            on_trouble=self.session.reviver(self.target),
        )
        self.told |= ended
        for candidate in self._candidates:
            if candidate.blocked_by in ended:
                candidate.blocked_by = None

    def _time(self) -> float | None:
        """Return the seconds that are left; None where there is no limit."""
        return max(0.1, self.wait - (time.monotonic() - self._began)) if self.wait else None

    def _told(self, why: str) -> str:
        begun = sum(result.scheduled for result in self.results)
        missing = ", ".join(f"{one.left} of {one.name}" for one in self._candidates if one.left)
        many = f"{self._left} of {count(begun + self._left, 'run')} of {self.task.slug}"
        said = f"{many} {'was' if self._left == 1 else 'were'} not begun: {missing}."
        return f"{f'{why}: ' if why else ''}{said}" + (" Those that were begun go on." if begun else "")

    def _hint(self) -> str:
        """Return what begins the missing runs later, a line for those that are named alike and as many."""
        missing = [one for one in self._candidates if one.left]
        lines = [
            f"To begin them later: %kbench run {self.task.slug}{_words(batch)} --repeat {left}\n"
            for left in dict.fromkeys(one.left for one in missing)
            for batch in _together([one.batch for one in missing if one.left == left])
        ]
        return "".join(lines) + how_to_stop(str(self.task.slug))


def _words(batch: Batch) -> str:
    """Return what names a batch's candidates on a line to type."""
    named = [f" -m {model}" for model in batch.models] + [f" --agent {agent}" for agent in batch.agents]
    return "".join(named) + (f" --reasoning-effort {shlex.quote(batch.effort)}" if batch.effort else "")


def _together(batches: Sequence[Batch]) -> list[Batch]:
    """Return single candidates as few batches, in their order."""
    joined: list[Batch] = []
    for one in batches:
        if joined and bool(joined[-1].agents) == bool(one.agents) and joined[-1].effort == one.effort:
            last = joined.pop()
            one = Batch(last.models + one.models, one.effort, last.agents + one.agents)
        joined.append(one)
    return joined
