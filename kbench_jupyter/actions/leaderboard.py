"""Leaderboard: a benchmark's models against its tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from kbench_jupyter.actions.address import benchmark_address
from kbench_jupyter.actions.cards import WHO_COLUMNS, score_column, who_cells, who_word
from kbench_jupyter.api import Leaderboard
from kbench_jupyter.display.view import Shown, Table, View, count
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class LeaderboardShown(Shown):
    """A benchmark's leaderboard."""

    name: str
    board: Leaderboard

    def view(self) -> View:
        """Describe the board: a row a candidate, a column a task."""
        names = self._names()
        by_task = [{result.task: result for result in row.results} for row in self.board.rows]
        columns = []
        for task in names:
            results = [known.get(task) for known in by_task]
            display = next((result.display for result in results if result and result.display), "")
            scores = [result.score if result else None for result in results]
            # Unscored is not a fail.
            columns.append(score_column(scores, missing="unscored", display=display))
        who = [(row.model_name or row.model, row.candidate_name) for row in self.board.rows]
        rows = [[*first, *cells] for first, *cells in zip(who_cells(who), *columns, strict=True)]
        heads = [*WHO_COLUMNS, *(f"{name}>" for name in names.values())]
        many = count(len(rows), who_word(who))
        table = Table(heads, rows, "No results.", drop_empty=True)
        return View(f"{self.name}: {many}", [table], footer=self.footer)

    def _names(self) -> dict[str, str]:
        """Return by its slug what each task is called; with the slug where others are called so, too."""
        names = {result.task: result.name or result.task for row in self.board.rows for result in row.results}
        taken = Counter([*WHO_COLUMNS, *names.values()])
        return {task: f"{name} ({task})" if taken[name] > 1 else name for task, name in names.items()}


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
    owner, name = benchmark_address(benchmark)
    target = session.target()
    return LeaderboardShown(
        benchmark, session.client(target).leaderboard(owner, name, version), footer=target.label
    )
