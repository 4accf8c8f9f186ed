"""Leaderboard: a benchmark's models against its tasks."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.api import Leaderboard, TaskResult
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class LeaderboardShown(Shown):
    """A benchmark's leaderboard."""

    name: str
    board: Leaderboard

    def view(self) -> View:
        """Describe the board: a row a model, a column a task."""
        tasks = {result.task: result.name or result.task for row in self.board.rows for result in row.results}
        rows: list[list[Value]] = []
        for row in self.board.rows:
            by_task = {result.task: result for result in row.results}
            rows.append([row.model_name or row.model, *(score_cell(by_task.get(task)) for task in tasks)])
        table = Table(["model", *(f"{name}>" for name in tasks.values())], rows, "No results.")
        return View(f"{self.name}: {count(len(rows), 'model')}", [table], footer=self.footer)


def score_cell(result: TaskResult | None) -> Cell:
    """Return a score as a cell; a missing one is unscored, which is not a fail."""
    if result is None or result.score is None or result.score.value is None:
        return Cell("unscored", "quiet")
    value = result.score.value
    if isinstance(value, bool):
        return Cell("passed", "good") if value else Cell("failed", "bad")
    numeric = result.score.numeric
    spread = numeric.confidence_interval if numeric else None
    return Cell(f"{value:g}" + (f" ± {spread:g}" if spread else ""))


def leaderboard(session: Session, benchmark: str, version: int | None = None) -> LeaderboardShown:
    """Show a benchmark's leaderboard.

    Parameters
    ----------
    benchmark : str
        ``owner/benchmark``.
    version : int, optional
        A version other than the newest.

    Raises
    ------
    UsageError
        If `benchmark` has no owner.
    NotFoundError
        If the server knows no such benchmark.
    """
    owner, _, name = benchmark.partition("/")
    if not owner or not name or "/" in name:
        raise UsageError(f"{benchmark!r} is not OWNER/BENCHMARK.", hint="%kbench leaderboard owner/benchmark")
    target = session.target()
    return LeaderboardShown(
        benchmark, session.client(target).leaderboard(owner, name, version), footer=target.label
    )
