"""Results: what the runs of a task came to, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.download import download, origin_of
from kbench_jupyter.actions.download.result import placed
from kbench_jupyter.actions.results.chart import Chart
from kbench_jupyter.actions.results.listings import Groups, Samples
from kbench_jupyter.actions.results.reading import listed_runs, read
from kbench_jupyter.actions.results.tables import (
    assertion_parts,
    comparison,
    error_parts,
    errored_note,
    few_note,
)
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of_runs
from kbench_jupyter.display.numbers import score_number
from kbench_jupyter.display.view import Shown, View, count
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.results.comparison import Row, group
from kbench_jupyter.results.samples import SampleIndex
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class Results(Shown):
    """A task's runs side by side."""

    task: str
    #: One a run, newest task version first, then by candidate.
    rows: tuple[Row, ...] = ()
    #: What was left out, and why.
    notes: tuple[str, ...] = ()
    explained: RunErrors = NO_SOURCE
    #: As `results` opened it.
    opened: SampleIndex | None = field(default=None, kw_only=True, repr=False, compare=False)

    @cached_property
    def index(self) -> SampleIndex:
        """The runs down to the sample: rows of a grid, transcripts."""
        return self.opened or SampleIndex.of(self.rows)

    @property
    def groups(self) -> Groups:
        """The runs put together by task version and candidate; of different candidates never."""
        return Groups(group(self.rows))

    @property
    def samples(self) -> Samples:
        """The samples of all runs, read as they are asked for."""
        return Samples(self.task, self.index)

    @property
    def chart(self) -> Chart:
        """The comparison as a chart, which JupyterLab draws."""
        return Chart(self.task, tuple(self.groups))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know when reading it: how errored runs count, whether there are few, and the notes."""
        groups = self.groups
        return tuple(filter(None, [errored_note(groups), few_note(self.task, groups), *self.notes]))

    def charted(self) -> ChartedResults:
        """Return the same with its chart before it."""
        return ChartedResults(**{one.name: getattr(self, one.name) for one in fields(self)})

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
    downloaded = download(session, slug, models=models, output=output)
    session.reporter.close()
    target = session.target()
    index = SampleIndex.open(output, downloaded.task)
    rows, notes = read(index, downloaded, f"{slug}{placed(output)}", target.base_url)
    if not rows:
        errored = any(done.run.error_message for done in downloaded.runs)
        raise NotFoundError(
            f"No run of {slug} has left a result in {output}.",
            hint=f"The whole of each error: %kbench status {slug} --errors"
            if errored
            else f"See what they said: %kbench log {slug}",
            detail="\n".join(notes) or None,
        )
    session.compared |= {origin_of(target.base_url, run) for run in listed_runs(downloaded)}
    explained = errors_of_runs(session, target, slug, errored=any(row.result.errored for row in rows))
    index.limit(rows)
    return Results(slug, tuple(rows), tuple(notes), explained, opened=index, footer=target.label)
