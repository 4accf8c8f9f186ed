"""What was downloaded of a task's runs, read: rows, and why what is missing is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kbench_jupyter.actions.download import DownloadResult
from kbench_jupyter.actions.run_errors import NO_SOURCE
from kbench_jupyter.api import Run
from kbench_jupyter.display.view import count
from kbench_jupyter.results.comparison import Row
from kbench_jupyter.results.samples import SampleIndex

#: Runs that are named where they left nothing.
_NAMED = 6


def listed_runs(downloaded: DownloadResult) -> list[Run]:
    """Return the runs that were asked for, those that left nothing included."""
    return [*(done.run for done in downloaded.runs), *downloaded.empty]


def read(
    index: SampleIndex, downloaded: DownloadResult, named: str, target: str
) -> tuple[list[Row], list[str]]:
    """Read what was downloaded; also say which runs cannot be compared, and why."""
    notes: list[str] = []
    accounted: set[str] = set()

    def note(path: Path, why: ValueError) -> None:
        accounted.add(path.parent.name)
        notes.append(f"left out: {path.parent}: {why}. To fetch it again: %kbench download {named} -f")

    runs = listed_runs(downloaded)
    listed = frozenset(run.id for run in runs)
    rows = index.rows(target=target, run_ids=listed, on_damage=note)
    rows = _by_candidate(rows, runs)
    accounted |= {str(row.run_id) for row in rows}
    return rows, [*notes, *_nothing_left([run for run in runs if str(run.id) not in accounted])]


def _by_candidate(rows: Sequence[Row], runs: Sequence[Run]) -> list[Row]:
    """Return the rows with the models of their runs, a run once that lies under its candidate and its model, too.

    It does where the official client, or a version of this one that knew models alone, fetched it before.
    """
    listed = {run.id: run for run in runs}
    there = {(row.version, row.candidate, row.run_id) for row in rows}
    kept = []
    for row in rows:
        run = listed.get(row.run_id)
        if run is None or row.candidate not in (run.candidate, run.model):
            kept.append(row)
        elif row.candidate == run.candidate or (row.version, run.candidate, run.id) not in there:
            kept.append(replace(row, model=run.model or row.model))
    return kept


def _nothing_left(runs: Sequence[Run]) -> list[str]:
    """Say which runs left no run file: one that was killed may not have come to writing it."""
    if not runs:
        return []
    said = [
        f"run {run.id} ({run.candidate}) {run.state.lower()}"
        + (f": {NO_SOURCE.line(run.error_message)}" if run.error_message else "")
        for run in runs[:_NAMED]
    ]
    more = [f"and {len(runs) - _NAMED} more"] if len(runs) > _NAMED else []
    return [f"{count(len(runs), 'run')} left nothing to compare: {'; '.join([*said, *more])}"]
