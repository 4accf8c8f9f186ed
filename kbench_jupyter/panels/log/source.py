"""Where log views get their lines from: the logs of a task's runs, read once however many views show them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from kbench_jupyter.actions.address import address
from kbench_jupyter.actions.cards import state_cell
from kbench_jupyter.actions.choose_runs import choose_runs
from kbench_jupyter.errors import KBenchError, NotFoundError
from kbench_jupyter.following.logs.follow import Follow, RunLines
from kbench_jupyter.following.logs.terminal import Line
from kbench_jupyter.panels.log.buffer import LogBuffer, LogLine
from kbench_jupyter.session.session import Session

__all__ = ["LogSource", "RunLog", "log_source"]


@dataclass
class RunLog:
    """One run's log as a view shows it."""

    run_id: int
    model: str  # the candidate
    state: str  # in words
    tone: str  # what the state means, one of `kbench_jupyter.display.parts.TONES`
    done: bool = False  # whether the log has come to its end
    problem: str = ""  # why it came to its end too early
    buffer: LogBuffer = field(default_factory=LogBuffer)
    lines: RunLines = field(init=False)

    @property
    def open_lines(self) -> list[LogLine]:
        """The lines in the making."""
        return [] if self.done else [as_log_line(line) for line in self.lines.unfinished]


def as_log_line(line: Line) -> LogLine:
    """Return a terminal's line as the buffer keeps it."""
    kind = "e" if line.stream == "stderr" else "o"
    return LogLine(kind.upper() if line.late else kind, line.text)


class LogSource:
    """Reads the logs of some runs of a task into buffers, and tells its listeners that something came.

    No models means all runs; a candidate only those of that very one. It closes when its last user has released it.
    """

    def __init__(
        self, session: Session, task: str, models: Sequence[str] = (), candidate: str | None = None
    ) -> None:
        target = session.target()
        client = session.client(target)
        slug = address(task)
        self.task = str(slug)
        self.label = target.label
        chosen = choose_runs(session, client, slug, models)
        if candidate is not None:
            chosen = [run for run in chosen if run.candidate == candidate]
            if not chosen:
                raise NotFoundError(f"{slug} has no run on {candidate} any more.")
        self.key = (id(client), self.task, tuple(run.id for run in chosen))
        self.runs: dict[int, RunLog] = {}
        for run in chosen:
            cell = state_cell(run.state)
            log = self.runs[run.id] = RunLog(run.id, run.candidate, cell.text, cell.tone)
            log.lines = RunLines(self._taker(log))
        self._lock = threading.Lock()
        self._listeners: list[Callable[[int], None]] = []
        self._users = 0
        self._settled = threading.Event()
        self._ended_before = {run.id for run in chosen if run.state.is_terminal}
        self._follow = Follow(
            client, slug, chosen, on_entry=self._entry, on_end=self._end, on_change=self._change
        )

    def use(self) -> None:
        """Count one more user; the first one starts the reading."""
        with self._lock:
            self._users += 1
            first = self._users == 1
        if first:
            self._follow.start()

    def release(self) -> None:
        """Count one user less; the last one ends all reading and lets go of all lines."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
        self._follow.close()
        for log in self.runs.values():
            log.buffer.close()

    @property
    def used(self) -> bool:
        """Whether anybody uses it."""
        return self._users > 0

    @property
    def failed(self) -> bool:
        """Whether a log could not be read to its end."""
        return any(log.problem for log in self.runs.values())

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
        def take(lines: list[Line]) -> None:
            if lines:
                log.buffer.append([as_log_line(line) for line in lines])
            self._tell(log.run_id)

        return take

    def _entry(self, run_id: int, entry: Any) -> None:
        self.runs[run_id].lines.feed(entry)

    def _end(self, run_id: int, error: KBenchError | None) -> None:
        log = self.runs[run_id]
        log.lines.end()
        if error is not None:
            log.problem = str(error)
        log.done = True
        if all(self.runs[ended].done for ended in self._ended_before):
            self._settled.set()
        self._tell(run_id)

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


_SOURCES: WeakKeyDictionary[Session, list[LogSource]] = WeakKeyDictionary()


def log_source(
    session: Session, task: str, models: Sequence[str] = (), candidate: str | None = None
) -> LogSource:
    """Return a source for these runs, one that is in use already where it reads just the same.

    The caller counts as a user of it and must release it.
    """
    fresh = LogSource(session, task, models, candidate)
    known = _SOURCES.setdefault(session, [])
    known[:] = [source for source in known if source.used]
    for source in known:
        if source.key == fresh.key and not source.failed:
            source.use()
            return source
    known.append(fresh)
    fresh.use()
    return fresh
