"""Log: what runs wrote, of many at once; live while they go."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from kbench_jupyter.actions.cards import last_line
from kbench_jupyter.actions.choose_runs import address, choose_runs
from kbench_jupyter.actions.interrupted import Interrupted
from kbench_jupyter.actions.log_live import LiveLogs
from kbench_jupyter.actions.log_screen import Screen
from kbench_jupyter.actions.push import state_cell
from kbench_jupyter.display.view import Cell, Shown, Table, View, count
from kbench_jupyter.errors import KBenchError, NotFoundError

if TYPE_CHECKING:
    from kbench_jupyter.actions.session import Reporter, Session
    from kbench_jupyter.api import Client, LogEntry, LogStream, Run, TaskSlug

__all__ = ["LogResult", "LoggedRun", "log"]

#: Logs fetched at a time; at most so many are in memory.
WORKERS = 8


@dataclass(frozen=True)
class LoggedRun:
    """A run whose log was shown.

    Parameters
    ----------
    run : Run
        As last seen.
    lines : int
        How many lines were shown.
    problem : str
        Why there were none, or not all.
    """

    run: Run
    lines: int = 0
    problem: str = ""


@dataclass(frozen=True)
class LogResult(Shown):
    """Whose logs were shown; the logs themselves went by."""

    task: str
    runs: tuple[LoggedRun, ...] = ()
    withheld: int = 0

    def view(self) -> View:
        """Describe the runs, not their logs."""
        rows: list[list[str | Cell | None]] = []
        for logged in self.runs:
            run = logged.run
            version = str(run.task.version or "")
            rows.append(
                [run.model, str(run.id), version, state_cell(run.state), f"{logged.lines:,}", _why(logged)]
            )
        return View(
            f"Log of {count(len(self.runs), 'run')} of {self.task}",
            [Table(["model", "run", "version>", "state", "lines>", "why"], rows, drop_empty=True)],
            notes=self._notes(),
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

    def _notes(self) -> list[str]:
        if not self.withheld:
            return []
        return [
            f"{self.withheld:,} more lines were not shown: a notebook's cell cannot hold them. "
            f"All of them: %kbench log {self.task} --live, or into a file: %kbench log {self.task} -o log.txt"
        ]


def _why(logged: LoggedRun) -> str:
    """Say why a run's log is not all there, or holds nothing."""
    if logged.problem or logged.run.error_message:
        return logged.problem or last_line(logged.run.error_message or "")
    return "the task printed nothing" if not logged.lines and logged.run.state.is_terminal else ""


def log(session: Session, task: str, *, models: Sequence[str] = (), follow: bool = True) -> LogResult:
    """Show the logs of a task's runs: of ended ones as a whole, then of going ones live and all at once.

    Those of every version, as `status` lists them. A log holds what a task prints: prompts and answers are in
    what a run leaves (`results`, `download`).

    Each line stands under its run (with the run's model and id before it where there are several), stdout
    and stderr apart, progress bars as a terminal shows them.

    Parameters
    ----------
    session : Session
    task : str
        By name or slug, with or without owner.
    models : sequence of str
        In any spelling; none means all.
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
    KBenchError
        If the log of every run that was going broke off for good.
    Interrupted
        On Ctrl+C, which stops the reading only.
    """
    target = session.target()
    client = session.client(target)
    slug = address(task)
    runs = choose_runs(session, client, slug, models)
    names = {run.id: f"[{run.model} #{run.id}] " for run in runs} if len(runs) > 1 else {}
    screen = Screen(session.reporter, names)
    live = [run for run in runs if follow and not run.state.is_terminal]
    try:
        logged = _show_whole(client, [run for run in runs if run not in live], screen)
        if live:
            logged |= _show_live(client, slug, live, screen, session.reporter, session.reviver(target))
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
    return LogResult(str(slug), lines, session.reporter.withheld, footer=target.label)


def _show_live(
    client: Client,
    slug: TaskSlug,
    runs: Sequence[Run],
    screen: Screen,
    reporter: Reporter,
    on_trouble: Callable[[object], None] | None,
) -> dict[int, LoggedRun]:
    logs = LiveLogs(client, slug, runs, reporter, on_trouble)
    logs.show(screen)
    if len(logs.errors) == len(runs):  # nothing was read to its end: that is no log shown
        raise next(iter(logs.errors.values()))
    return {
        run_id: LoggedRun(run, screen.lines(run_id), str(logs.errors.get(run_id, "")))
        for run_id, run in logs.runs.items()
    }


def _show_whole(client: Client, runs: Sequence[Run], screen: Screen) -> dict[int, LoggedRun]:
    """Show logs as they are by now, one run's after the other's, fetched several at a time."""
    logged = {}
    for run, outcome in _fetched(client, runs):
        problem = ""
        if isinstance(outcome, NotFoundError):
            problem = "no log" if run.state.is_terminal else f"no log yet ({run.state.lower()})"
        elif isinstance(outcome, KBenchError):
            problem = str(outcome)
        else:
            screen.feed_whole(run.id, outcome)
        logged[run.id] = LoggedRun(run, screen.lines(run.id), problem)
    return logged


def _fetched(client: Client, runs: Sequence[Run]) -> Iterator[tuple[Run, list[LogEntry] | KBenchError]]:
    """Yield each run with its log, in order; the logs of the next few runs are on their way meanwhile."""
    streams: set[LogStream] = set()

    def fetch(run: Run) -> list[LogEntry] | KBenchError:
        try:
            if not run.state.is_terminal:
                return client.run_logs(run.id)
            stream = client.stream_logs(run.id, wait_for_start=False, joined=True)
            streams.add(stream)
            return list(stream)
        except KBenchError as error:
            return error

    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="kbench-log")
    waiting = iter(runs)
    coming = deque((run, pool.submit(fetch, run)) for run in islice(waiting, WORKERS))
    try:
        while coming:
            run, future = coming.popleft()
            yield run, future.result()
            coming.extend((following, pool.submit(fetch, following)) for following in islice(waiting, 1))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for stream in streams.copy():
            stream.close()  # after Ctrl+C: frees the connections of those still being read
