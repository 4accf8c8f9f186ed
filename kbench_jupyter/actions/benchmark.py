"""Benchmark: what tasks a benchmark has, and putting tasks into one of your own or taking them out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.address import address, benchmark_address
from kbench_jupyter.actions.list_tasks import TaskList, list_tasks
from kbench_jupyter.api import TaskSlug
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class BenchmarkChanged(Shown):
    """Which tasks were put into a benchmark or taken out of it, and which were as asked for already."""

    benchmark: str
    added: bool
    changed: tuple[TaskSlug, ...] = ()
    skipped: tuple[TaskSlug, ...] = ()

    def view(self) -> View:
        """Describe what became of each task."""
        verb, where = ("Added", "to") if self.added else ("Removed", "from")
        done = Cell(verb.lower(), "good", value=True)
        not_done = Cell("was in it already" if self.added else "was not in it", "quiet", value=False)
        rows: list[list[Value]] = [[str(slug), done] for slug in self.changed]
        rows += [[str(slug), not_done] for slug in self.skipped]
        title = f"{verb} {count(len(self.changed), 'task')} {where} {self.benchmark}"
        if not self.changed:
            title = f"Nothing was {verb.lower()}: {self.benchmark} is as it was"
        return View(
            Cell(title, "good" if self.changed else "warn"),
            [Table(["task", "changed"], rows)],
            next=[
                (f"%kbench benchmark show {self.benchmark}", "the tasks in it"),
                (f"%kbench leaderboard {self.benchmark}", "its leaderboard"),
            ],
            footer=self.footer,
        )


def show(session: Session, benchmark: str) -> TaskList:
    """List the tasks of a benchmark, ``owner/name``."""
    return list_tasks(session, benchmark=benchmark)


def change(session: Session, benchmark: str, tasks: Sequence[str], *, add: bool) -> BenchmarkChanged:
    """Put tasks into a benchmark of the user's own, or take them out of it.

    Parameters
    ----------
    benchmark : str
        ``owner/name``; the server changes only one of the user's own.
    tasks : sequence of str
        By name or slug, somebody else's as ``owner/task``.

    Raises
    ------
    UsageError
        If `benchmark` is no address of one or somebody else's, or no task is named; nothing is sent.
    NotFoundError
        If one of the tasks is not there.
    NotOfferedError
        If the server does not offer it to this account, or there is no such benchmark.
    """
    owner, name = benchmark_address(benchmark)
    verb = "add" if add else "remove"
    if not tasks:
        raise UsageError(
            "Which tasks? None was named.", hint=f"%kbench benchmark {verb} {benchmark} TASK [TASK...]"
        )
    target = session.target()
    client = session.client(target)
    user = next((task.slug.owner for task in client.list_tasks() if task.slug.owner), None)
    if user and user.lower() != owner.lower():
        # On the wire a benchmark to be changed has no owner: one of the user's own of that name would be changed.
        raise UsageError(
            f"{benchmark} is {owner}'s, and only a benchmark of your own can be changed; nothing was sent.",
            hint=f"One of yours: %kbench benchmark {verb} {user}/NAME {shlex.join(tasks)}",
        )
    slugs = [address(task) for task in tasks]
    call = client.add_tasks_to_benchmark if add else client.remove_tasks_from_benchmark
    changed = call(name, slugs)
    return BenchmarkChanged(benchmark, add, changed.changed, changed.skipped, footer=target.label)
