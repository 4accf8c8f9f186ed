"""Leaderboard: a benchmark's models against its tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kbench_jupyter.actions.address import benchmark_address
from kbench_jupyter.actions.cards import WHO_COLUMNS, score_column, who_cells, who_word
from kbench_jupyter.api import Leaderboard
from kbench_jupyter.api.values.leaderboard import TaskResult
from kbench_jupyter.display.view import Shown, Table, View, count
from kbench_jupyter.session.session import Session

_Task = tuple[str, str, int]
"""A task's slug, its name, and which task of these two it is."""


@dataclass(frozen=True)
class LeaderboardShown(Shown):
    """A benchmark's leaderboard."""

    name: str
    board: Leaderboard

    def view(self) -> View:
        """Describe the board: a row a candidate, a column a task."""
        by_task = [dict(_numbered(row.results)) for row in self.board.rows]
        names = _names(task for known in by_task for task in known)
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


def _numbered(results: Iterable[TaskResult]) -> Iterator[tuple[_Task, TaskResult]]:
    """Tell a row's tasks apart: two owners may have one of the same slug, and the server names no owner."""
    seen: Counter[tuple[str, str]] = Counter()
    for result in results:
        called = result.task, result.name
        seen[called] += 1
        yield (*called, seen[called]), result


def _names(tasks: Iterable[_Task]) -> dict[_Task, str]:
    """Return what each task is called; with the slug, and then with a number, where others are called so, too."""
    names = {task: task[1] or task[0] for task in tasks}
    taken = Counter([*WHO_COLUMNS, *names.values()])
    slugs = Counter((task[0], name) for task, name in names.items())
    for task, name in names.items():
        if taken[name] > 1:
            number = f", {task[2]}" if slugs[task[0], name] > 1 else ""
            names[task] = f"{name} ({task[0]}{number})"
    return names


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
