"""Results: what the runs of a task came to, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.download import DownloadResult, download, origin_of
from kbench_jupyter.actions.download.result import placed
from kbench_jupyter.actions.results.tables import (
    assertion_parts,
    comparison,
    error_parts,
    errored_note,
    few_note,
    scores_of,
    spread_of_passes,
)
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of_runs
from kbench_jupyter.api import Run
from kbench_jupyter.display.numbers import score_number, score_texts
from kbench_jupyter.display.view import Shown, View, count
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.results.chart import MIME_TYPE, caption, measure, value_and_interval, vega_lite
from kbench_jupyter.results.comparison import Group, Row, group, read_rows
from kbench_jupyter.session.session import Session

_BAR = 30
#: Runs that are named where they left nothing.
_NAMED = 6


@dataclass(frozen=True)
class Results(Shown):
    """A task's runs side by side."""

    task: str
    #: One a run, newest task version first, then by candidate.
    rows: tuple[Row, ...] = ()
    #: What was left out, and why.
    notes: tuple[str, ...] = ()
    explained: RunErrors = NO_SOURCE

    @property
    def groups(self) -> list[Group]:
        """The runs put together by task version and candidate; of different candidates never."""
        return group(self.rows)

    @property
    def chart(self) -> Chart:
        """The comparison as a chart, which JupyterLab draws."""
        return Chart(self.task, tuple(self.groups))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know when reading it: how errored runs count, whether there are few, and the notes."""
        groups = self.groups
        return tuple(filter(None, [errored_note(groups), few_note(self.task, groups), *self.notes]))

    def view(self) -> View:
        """Describe the comparison, and the assertions of the newest version."""
        groups = self.groups
        whole = (f"%kbench status {self.task} --errors", "the whole of each error")
        return View(
            f"{self.task}: {count(len(self.rows), 'run')} compared",
            [comparison(groups), *assertion_parts(groups), *error_parts(self.rows, self.explained)],
            notes=self.remarks,
            next=[whole] if any(group.errored for group in groups) else (),
            footer=self.footer,
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one record a run, with plain values (cost in USD, times in seconds)."""
        return [
            {
                "task": self.task,
                "version": row.version,
                "model": row.model,
                "candidate": row.candidate,
                "run": row.run_id,
                "state": row.result.state,
                "passed": row.result.passed,
                "score": score_number(row.result.score),
                "interval": row.result.interval,
                "assertions_passed": sum(a.passed for a in row.result.assertions),
                "assertions": len(row.result.assertions),
                "input_tokens": row.result.usage.input_tokens,
                "output_tokens": row.result.usage.output_tokens,
                "cost": row.result.usage.cost,
                "latency": row.result.usage.latency,
                "elapsed": row.result.elapsed,
            }
            for row in self.rows
        ]


@dataclass(frozen=True)
class ChartedResults(Results):
    """A comparison that shows its chart before itself: for front ends that draw charts but no panel.

    Two outputs, because a front end shows one form of each, and would show the table or the chart.
    """

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show: Any = display
        show(self.chart)
        show(self._repr_mimebundle_(), raw=True)


@dataclass(frozen=True)
class Chart:
    """A comparison drawn as bars: Vega-Lite where the front end draws it, else text."""

    task: str
    groups: tuple[Group, ...]

    @property
    def measure(self) -> str:
        """What is compared: ``"score"`` or ``"pass rate"``."""
        return measure(self.groups)

    @property
    def bars(self) -> list[tuple[float | None, tuple[float, float] | None]]:
        """Each group's value and the ends of its 95 % interval, where it has them."""
        return [value_and_interval(g, self.measure) for g in self.groups]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Each group's value and its interval, "" where it has none, as every form of the chart says them."""
        if self.measure == "score":
            return scores_of(self.groups)
        rates = score_texts([g.pass_rate for g in self.groups], display="PERCENTAGES")
        return [(rate, spread_of_passes(g)) for rate, g in zip(rates, self.groups, strict=True)]

    def __str__(self) -> str:
        values, texts = self.bars, self._labels()
        most = max((abs(value) for value, _ in values if value), default=0) or 1
        names = [f"{g.candidate} v{g.version}" if g.version else g.candidate for g in self.groups]
        room = max(map(len, names), default=0)
        lines = [
            f"{name:<{room}}  {'█' * round(_BAR * abs(value or 0) / most):<{_BAR}}  {text}"
            for name, (value, _), text in zip(names, values, texts, strict=True)
        ]
        return "\n".join([caption(self.measure, [interval for _, interval in values]), *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {MIME_TYPE: vega_lite(self.task, self.groups, self._labels()), "text/plain": str(self)}

    def _labels(self) -> list[str]:
        return [f"{value} ({spread})" if spread else value for value, spread in self.texts]


def results(session: Session, slug: str, *, models: Sequence[str] = (), output: Path = Path()) -> Results:
    """Compare the runs of a task, fetching those that have not been downloaded yet.

    Parameters
    ----------
    models : sequence of str
        Only these models or other candidates; all where empty.
    output : Path
        The folder downloads lie in.

    Raises
    ------
    NotFoundError
        If the task is unknown, or none of its runs left a result.
    DownloadError
        If an output cannot be fetched.
    """
    target = session.target()
    early = None

    def listed(runs: Sequence[Run]) -> None:
        nonlocal early
        early = errors_of_runs(session, target, slug, errored=any(run.error_message for run in runs))

    downloaded = download(session, slug, models=models, output=output, listed=listed)
    session.reporter.close()
    rows, notes = _read(downloaded, output, f"{slug}{placed(output)}", target.base_url)
    if not rows:
        errored = any(done.run.error_message for done in downloaded.runs)
        raise NotFoundError(
            f"No run of {slug} has left a result in {output}.",
            hint=f"The whole of each error: %kbench status {slug} --errors"
            if errored
            else f"See what they said: %kbench log {slug}",
            detail="\n".join(notes) or None,
        )
    session.compared |= {origin_of(target.base_url, run) for run in _listed(downloaded)}
    explained = early or errors_of_runs(
        session, target, slug, errored=any(row.result.errored for row in rows)
    )
    known = explained() if explained else NO_SOURCE
    return Results(slug, tuple(rows), tuple(notes), known, footer=target.label)


def _listed(downloaded: DownloadResult) -> list[Run]:
    return [*(done.run for done in downloaded.runs), *downloaded.empty]


def _read(downloaded: DownloadResult, output: Path, named: str, target: str) -> tuple[list[Row], list[str]]:
    """Read what was downloaded; also say which runs cannot be compared, and why."""
    notes: list[str] = []
    accounted: set[str] = set()

    def note(path: Path, why: ValueError) -> None:
        accounted.add(path.parent.name)
        notes.append(f"left out: {path.parent}: {why}. To fetch it again: %kbench download {named} -f")

    runs = _listed(downloaded)
    listed = frozenset(run.id for run in runs)
    rows = read_rows(output, downloaded.task, target=target, run_ids=listed, on_damage=note)
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
