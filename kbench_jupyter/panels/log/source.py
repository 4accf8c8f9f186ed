"""Where log views get their lines from: the logs of a task's runs, read once however many views show them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from kbench_jupyter.actions.address import address
from kbench_jupyter.actions.cards import state_cell
from kbench_jupyter.actions.choose_runs import Which, newest_first
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.following.logs.follow import Follow, RunLines
from kbench_jupyter.following.logs.terminal import Line
from kbench_jupyter.panels.log.buffer import LogBuffer, LogLine
from kbench_jupyter.panels.log.tracebacks import Tracebacks
from kbench_jupyter.panels.watches import task_watch
from kbench_jupyter.session.session import Session

#: The id under which the lines of all runs stand together.
EVERY = 0
#: Lines of an ended run up to which they are put there, too.
_TOGETHER = 50_000
#: Lines put there at a time.
_BATCH = 1_000


@dataclass
class RunLog:
    """One run's log as a view shows it."""

    run_id: int
    model: str  # the candidate
    state: str  # in words
    tone: str  # what the state means, one of `kbench_jupyter.display.parts.TONES`
    version: int | None = None  # of the task
    done: bool = False  # whether the log has come to its end
    problem: str = ""  # why it came to its end too early
    buffer: LogBuffer = field(default_factory=LogBuffer)
    lines: RunLines | None = None  # what makes its lines; of all runs together there is none

    @property
    def open_lines(self) -> list[LogLine]:
        """The lines in the making."""
        if self.done or self.lines is None:
            return []
        return [as_log_line(line) for line in self.lines.unfinished]


def as_log_line(line: Line, *, traceback: bool = False) -> LogLine:
    """Return a terminal's line as the buffer keeps it."""
    kind = "o" if line.stream != "stderr" else "t" if traceback else "e"
    return LogLine(kind.upper() if line.late else kind, line.text)


class LogSource:
    """Reads the logs of some runs of a task into buffers, and tells its listeners that something came.

    Runs that are made meanwhile join, once anybody asked the server for them. It closes when its last user has
    released it.
    """

    def __init__(self, session: Session, task: str, which: Which) -> None:
        target = session.target()
        client = session.client(target)
        slug = address(task)
        self.task = str(slug)
        self.label = target.label
        self._client, self._slug, self._which = client, slug, which
        self._watch = task_watch(session, self.task)
        self.runs: dict[int, RunLog] = {}
        self._lock = threading.Lock()
        self._listeners: list[Callable[[int], None]] = []
        self._users = 0
        self._settled = threading.Event()
        self._ended_before: set[int] = set()
        self._follows: list[Follow] = []
        runs = which.of(session, client, slug)
        if len(runs) > 1:
            self._stand_together()
        self._follow(runs)

    @property
    def key(self) -> object:
        """What tells it from another source."""
        return id(self._client), self.task, self._which

    def _follow(self, runs: list[Any]) -> Follow:
        for run in runs:
            cell = state_cell(run.state)
            log = RunLog(run.id, run.candidate, cell.text, cell.tone, run.task.version)
            log.lines = RunLines(self._taker(log))
            self.runs[run.id] = log
        self._ended_before |= {run.id for run in runs if run.state.is_terminal}
        follow = Follow(
            self._client, self._slug, runs, on_entry=self._entry, on_end=self._end, on_change=self._change
        )
        self._follows.append(follow)
        return follow

    def _stand_together(self) -> None:
        if EVERY not in self.runs:
            self.runs[EVERY] = RunLog(EVERY, "all runs", "each line under its run", "")

    def join(self, runs: Iterable[Any]) -> None:
        """Show the logs of runs that were made since, where they are among those that are meant."""
        with self._lock:
            fresh = [run for run in runs if run.id not in self.runs and self._which.holds(run)]
            if not fresh or not self._users:
                return
            self._stand_together()
            follow = self._follow(newest_first(fresh))
        follow.start()
        for run in fresh:
            self._tell(run.id)

    def _heard(self) -> None:
        self.join([status.run for status in self._watch.statuses if status.run is not None])

    def use(self) -> None:
        """Count one more user; the first one starts the reading."""
        with self._lock:
            self._users += 1
            first = self._users == 1
        if first:
            self._watch.at_refresh(self._heard)
            for follow in self._follows:
                follow.start()

    def release(self) -> None:
        """Count one user less; the last one ends all reading and lets go of all lines."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
        self._watch.not_at_refresh(self._heard)
        for follow in self._follows:
            follow.close()
        for log in list(self.runs.values()):
            log.buffer.close()

    @property
    def first(self) -> int:
        """The id of the run that is shown first."""
        return next(run_id for run_id in list(self.runs) if run_id != EVERY)

    @property
    def used(self) -> bool:
        """Whether anybody uses it."""
        return self._users > 0

    @property
    def failed(self) -> bool:
        """Whether a log could not be read to its end."""
        return any(log.problem for log in list(self.runs.values()))

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with a run id, in a reader's thread, whenever something came of that run."""
        with self._lock:
            self._listeners = [*self._listeners, listener]

    def ignore(self, listener: Callable[[int], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._listeners = [other for other in self._listeners if other != listener]

    def wait_for_ended(self, timeout: float) -> None:
        """Wait until the logs of the runs that had ended before are here, or for so many seconds."""
        if self._ended_before:
            self._settled.wait(timeout)

    def _taker(self, log: RunLog) -> Callable[[list[Line]], None]:
        tracebacks = Tracebacks()

        def take(lines: list[Line]) -> None:
            if lines:
                made = [
                    as_log_line(line, traceback=line.stream == "stderr" and tracebacks.holds(line.text))
                    for line in lines
                ]
                log.buffer.append(made)
                if log.run_id not in self._ended_before:
                    self._put_together(log, made)
            self._tell(log.run_id)

        return take

    def _put_together(self, log: RunLog, lines: Iterable[LogLine]) -> None:
        """Put lines under their run among those of all runs."""
        if (every := self.runs.get(EVERY)) is not None:
            name = f"[{log.model} #{log.run_id}] "
            every.buffer.append([LogLine(kind, name + text) for kind, text in lines])
            self._tell(EVERY)

    def _entry(self, run_id: int, entry: Any) -> None:
        lines = self.runs[run_id].lines
        assert lines is not None  # noqa: S101 -- each run has them
        lines.feed(entry)

    def _end(self, run_id: int, error: KBenchError | None) -> None:
        log = self.runs[run_id]
        if log.lines is not None:
            log.lines.end()
        if error is not None:
            log.problem = str(error)
        log.done = True
        if run_id in self._ended_before:
            self._put_whole(log)
        if all(self.runs[ended].done for ended in self._ended_before):
            self._settled.set()
        every = self.runs.get(EVERY)
        if every is not None and all(one.done for one in list(self.runs.values()) if one is not every):
            every.done = True
            self._tell(EVERY)
        self._tell(run_id)

    def _put_whole(self, log: RunLog) -> None:
        """Put the log of a run that had ended before among all runs' lines in one piece."""
        total = len(log.buffer)
        if total > _TOGETHER:
            self._put_together(log, [LogLine("o", f"({total:,} lines: they are in the tab of this run)")])
            return
        for start in range(0, total, _BATCH):
            self._put_together(log, log.buffer.read(start, _BATCH))

    def _change(self, change: Any) -> None:
        status = getattr(change, "status", None)
        if status is None:
            return  # trouble with a look: the next one comes by itself
        log = self.runs[status.run_id]
        lost = status.ending is not None and not status.state.is_terminal
        log.state, log.tone = status.word, "warn" if lost else state_cell(status.state).tone
        self._tell(status.run_id)

    def _tell(self, run_id: int) -> None:
        for listener in self._listeners:
            listener(run_id)


_ALL = Which()
_SOURCES: WeakKeyDictionary[Session, list[LogSource]] = WeakKeyDictionary()


def log_source(session: Session, task: str, which: Which = _ALL) -> LogSource:
    """Return a source for these runs, one that is in use already where it reads just the same.

    The caller counts as a user of it and must release it.
    """
    fresh = LogSource(session, task, which)
    known = _SOURCES.setdefault(session, [])
    known[:] = [source for source in known if source.used]
    for source in known:
        if source.key == fresh.key and not source.failed and fresh.runs.keys() <= source.runs.keys():
            source.use()
            return source
    known.append(fresh)
    fresh.use()
    return fresh
