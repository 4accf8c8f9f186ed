"""Log: what runs wrote, of many at once; live while they go."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from kbench_jupyter.actions.address import address
from kbench_jupyter.actions.cards import RUN_COLUMNS, run_rows
from kbench_jupyter.actions.choose_runs import Which
from kbench_jupyter.actions.pushed_task import addressed, refuse_unready
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of, errors_of_runs
from kbench_jupyter.api import Client, LogEntry, LogStream, Run, Task, TaskSlug
from kbench_jupyter.display.view import Shown, Table, View, count, told
from kbench_jupyter.errors import KBenchError, NotFoundError, TaskNotReadyError
from kbench_jupyter.following.creation import watch_creation
from kbench_jupyter.following.logs.live import Belt, LiveLogs
from kbench_jupyter.following.logs.screen import Screen
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

#: Logs fetched at a time.
WORKERS = 24
#: Characters of each of them that are in memory.
ROOM = 1_000_000
#: Seconds after which a wait for entries looks around.
_TURN = 0.5


@dataclass(frozen=True)
class LoggedRun:
    """A run, as last seen, whose log was shown: how many lines, and why there were none or not all."""

    run: Run
    lines: int = 0
    problem: str = ""


@dataclass(frozen=True)
class LogResult(Shown):
    """Whose logs were shown; the logs themselves went by."""

    task: str
    runs: tuple[LoggedRun, ...] = ()
    withheld: int = 0
    explained: RunErrors = NO_SOURCE
    #: What was followed instead, where there was no run yet: the creation of a version.
    created: Task | None = None

    def view(self) -> View:
        """Describe the runs, not their logs."""
        if self.created is not None:
            title = f"{self.task}, version {self.created.version}: created; there is no run of it yet"
            return View(title, next=[(f"%kbench run {self.task} -m MODEL", "run it")], footer=self.footer)
        rows = [
            [*first, told(logged.lines, "{:,}".format), _why(logged, self.explained)]
            for logged, first in zip(self.runs, run_rows([one.run for one in self.runs]), strict=True)
        ]
        withheld = (
            f"{self.withheld:,} more lines were not shown: a notebook's cell cannot hold them. "
            f"All of them: %kbench log {self.task} --live, or into a file: %kbench log {self.task} -o log.txt"
        )
        return View(
            f"Log of {count(len(self.runs), 'run')} of {self.task}",
            [Table([*RUN_COLUMNS, "lines>", "why"], rows, drop_empty=True)],
            notes=[withheld] if self.withheld else (),
            next=self._steps(),
            footer=self.footer,
        )

    def _steps(self) -> list[tuple[str, str]]:
        """Name what holds more than the log; prompts and answers are in none unless the task prints them."""
        if not any(logged.run.state.is_terminal for logged in self.runs):
            return []
        steps = [
            (f"%kbench results {self.task}", "compare them; its panel shows each run's prompts and answers"),
            (f"%kbench download {self.task}", "fetch what they left: prompts and answers are in *.run.json"),
        ]
        if any(logged.run.error_message for logged in self.runs):
            steps.insert(1, (f"%kbench status {self.task} --errors", "the whole of each error"))
        return steps


def _why(logged: LoggedRun, explained: RunErrors) -> str:
    """Say why a run's log is not all there, or holds nothing."""
    if logged.problem or logged.run.error_message:
        return logged.problem or explained.of(logged.run.task.version).line(logged.run.error_message)
    return "the task printed nothing" if not logged.lines and logged.run.state.is_terminal else ""


def log(
    session: Session,
    task: str,
    *,
    models: Sequence[str] = (),
    run_ids: Collection[int] = (),
    version: int | None = None,
    follow: bool = True,
) -> LogResult:
    """Show the logs of a task's runs: of ended ones as a whole, then of going ones live and all at once.

    Those of every version, the newest first, unless one is named. A log holds what a task prints: prompts and
    answers are in what a run leaves (`results`, `download`).

    Each line stands under its run (with the run's candidate and id before it where there are several), stdout
    and stderr apart, progress bars as a terminal shows them.

    Parameters
    ----------
    task : str
        By name or slug, with or without owner.
    models : sequence of str
        In any spelling; none means all.
    run_ids : collection of int
        Only these runs; none means all.
    version : int, optional
        Only runs of this task version.
    follow : bool
        Whether to stay with going runs to their end, and to wait for queued ones; else what there is by
        now is shown.

    Returns
    -------
    LogResult
        One run's log that cannot be had does not stop the others; its reason is in the result.

    Raises
    ------
    NotFoundError
        If there is no such task or no such run.
    TaskNotReadyError
        If there is no run because the first version is being created, and that fails or is not to be followed.
    KBenchError
        If the log of every run that was going broke off for good.
    Interrupted
        On Ctrl+C, which stops the reading only.
    """
    target = session.target()
    client = session.client(target)
    slug = address(task)
    which = Which(tuple(models), run_ids=frozenset(run_ids), version=version)
    try:
        runs = which.of(session, client, slug)
    except TaskNotReadyError:
        if not follow:
            raise
        return _follow_creation(session, target, slug)
    early = errors_of_runs(session, target, str(slug), errored=any(run.error_message for run in runs))
    names = {run.id: f"[{run.candidate} #{run.id}] " for run in runs} if len(runs) > 1 else {}
    screen = Screen(session.reporter, names)
    live = [run for run in runs if follow and not run.state.is_terminal]
    try:
        logged = _show_whole(client, [run for run in runs if run not in live], screen, is_all=not live)
        if live:
            logged |= _show_live(session, target, slug, live, screen)
    except KeyboardInterrupt:
        screen.close()
        going = [run for run in runs if not run.state.is_terminal]
        raise Interrupted(
            "Stopped reading."
            + (f" The {count(len(going), 'run')} of {slug} that had not ended go on." if going else ""),
            hint=f"Read on: %kbench log {slug}",
        ) from None
    finally:
        session.reporter.close()
    lines = tuple(logged[run.id] for run in runs)
    errored = any(run.run.error_message for run in lines)
    explained = early or errors_of_runs(session, target, str(slug), errored=errored)
    known = explained() if explained else NO_SOURCE
    return LogResult(str(slug), lines, session.reporter.withheld, known, footer=target.label)


def _follow_creation(session: Session, target: Target, slug: TaskSlug) -> LogResult:
    """Follow a version until it is created: no run can have written anything before."""
    session.reporter.say(
        f"{slug} is being created: the server tells how far that is, and shows no log of it. There is no run yet."
    )
    task = addressed(watch_creation(session.client(target), slug, reporter=session.reporter), str(slug))
    if task.creation_state != "COMPLETED":
        refuse_unready(task, errors_of(session, target, task))
    return LogResult(str(slug), created=task, footer=target.label)


def _show_live(
    session: Session, target: Target, slug: TaskSlug, runs: Sequence[Run], screen: Screen
) -> dict[int, LoggedRun]:
    logs = LiveLogs(session.client(target), slug, runs, session.reporter, session.reviver(target))
    logs.show(screen)
    if len(logs.errors) == len(runs):  # nothing was read to its end: that is no log shown
        raise next(iter(logs.errors.values()))
    return {
        run_id: LoggedRun(run, screen.lines(run_id), str(logs.errors.get(run_id, "")))
        for run_id, run in logs.runs.items()
    }


def _show_whole(client: Client, runs: Sequence[Run], screen: Screen, *, is_all: bool) -> dict[int, LoggedRun]:
    """Show logs as they are by now, one run's after the other's, fetched several at a time."""
    logged, errors = {}, []
    for run, fetched in _fetched(client, runs):
        screen.feed_whole(run.id, fetched)
        problem = ""
        if isinstance(fetched.problem, NotFoundError):
            problem = "no log" if run.state.is_terminal else f"no log yet ({run.state.lower()})"
        elif fetched.problem is not None:
            problem = str(fetched.problem)
            errors.append(fetched.problem)
        logged[run.id] = LoggedRun(run, screen.lines(run.id), problem)
    if is_all and runs and len(errors) == len(runs) and not any(run.lines for run in logged.values()):
        raise errors[0]  # nothing could be fetched: that is no log shown
    return logged


class _Fetched:
    """One run's log on its way, as an iterator of entries; it is never all in memory.

    Attributes
    ----------
    problem : KBenchError or None
        Why it is not there, or not all of it; known once it was iterated.
    """

    def __init__(self, client: Client, run: Run) -> None:
        self.problem: KBenchError | None = None
        self.fetching: Future[None] | None = None
        self._client = client
        self._run = run
        self._belt = Belt(ROOM)
        self._stream: LogStream | None = None
        self._closed = False

    def fetch(self) -> None:
        """Fetch it, in a thread of its own."""
        run, problem = self._run, None
        try:
            if not run.state.is_terminal:
                self._carry(self._client.run_logs(run.id))
            else:
                self._stream = self._client.stream_logs(run.id, wait_for_start=False, joined=True)
                self._carry(self._stream)
        except KBenchError as error:
            problem = error
        self._belt.put(run.id, problem)

    def _carry(self, entries: Iterable[LogEntry]) -> None:
        for entry in entries:
            if self._closed:
                return
            self._belt.put(self._run.id, entry)

    def __iter__(self) -> Iterator[LogEntry]:
        while True:
            taken = self._belt.get(_TURN)  # in turns, for Ctrl+C on Windows
            if taken is None:
                if self.fetching is not None and self.fetching.done():
                    self.fetching.result()  # it raises: an end would have been on the belt
                continue
            item = taken[1]
            if item is None or isinstance(item, KBenchError):
                self.problem = item
                return
            yield item

    def close(self) -> None:
        """End it; after Ctrl+C this frees the connection of one that is still being read."""
        self._closed = True
        self._belt.close()
        if self._stream is not None:
            self._stream.close()


def _fetched(client: Client, runs: Sequence[Run]) -> Iterator[tuple[Run, _Fetched]]:
    """Yield each run with its log, in order; the logs of the next few runs are on their way meanwhile."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="kbench-log")
    coming: deque[tuple[Run, _Fetched]] = deque()
    waiting = iter(runs)
    try:
        while True:
            for run in islice(waiting, WORKERS - len(coming)):
                fetched = _Fetched(client, run)
                coming.append((run, fetched))
                fetched.fetching = pool.submit(fetched.fetch)
            if not coming:
                return
            yield coming[0]
            coming.popleft()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for _, fetched in coming:
            fetched.close()
