"""Results: what the runs of a task came to, side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.download import download, origin_of
from kbench_jupyter.actions.download.result import placed
from kbench_jupyter.actions.results.chart import Chart
from kbench_jupyter.actions.results.listings import Groups, Samples
from kbench_jupyter.actions.results.measuring import NOTHING_ASKED, Asked, Measuring
from kbench_jupyter.actions.results.pairs import Pairs
from kbench_jupyter.actions.results.reading import listed_runs, read
from kbench_jupyter.actions.results.regression import passed_notes, watched
from kbench_jupyter.actions.results.sides import two_of
from kbench_jupyter.actions.results.tables import (
    assertion_parts,
    comparison,
    error_parts,
    errored_note,
    few_note,
    repeat_parts,
    scipy_note,
    unmeasured_note,
)
from kbench_jupyter.actions.results.wording import measure_note
from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of_runs
from kbench_jupyter.api import Run
from kbench_jupyter.display.numbers import score_number
from kbench_jupyter.display.view import Shown, Text, View, count, size
from kbench_jupyter.errors import DownloadError, NotFoundError, RegressionError
from kbench_jupyter.paths import expanded
from kbench_jupyter.results.comparison import Row, group
from kbench_jupyter.results.measured import points
from kbench_jupyter.results.samples import SampleIndex
from kbench_jupyter.session.session import Session

#: Bytes of run files whose reading takes seconds.
_MUCH = 20_000_000


@dataclass(frozen=True)
class Results(Shown):
    """A task's runs side by side."""

    task: str
    #: One a run, newest task version first, then by candidate.
    rows: tuple[Row, ...] = ()
    #: What was left out, and why.
    notes: tuple[str, ...] = ()
    explained: RunErrors = NO_SOURCE
    #: By which measure, put together how, beside which baseline.
    asked: Asked = NOTHING_ASKED
    #: As `results` opened it.
    opened: SampleIndex | None = field(default=None, kw_only=True, repr=False, compare=False)

    @cached_property
    def index(self) -> SampleIndex:
        """The runs down to the sample: rows of a grid, transcripts."""
        return SampleIndex.of(self.rows) if self.opened is None else self.opened

    @cached_property
    def measuring(self) -> Measuring:
        """The numbers of all samples, by the measure that is compared."""
        return Measuring(tuple(points(self.index.samples())), self.asked)

    @cached_property
    def groups(self) -> Groups:
        """The runs put together by task version and candidate; of different candidates only `by` model."""
        found = group(self.rows, self.asked.by)
        sides = self.measuring.sides(found)
        passes = sides if self.measuring.measure == "passed" else self.measuring.sides(found, "passed")
        return Groups(found, passes, sides)

    @property
    def samples(self) -> Samples:
        """The samples of all runs, read as they are asked for."""
        return Samples(self.task, self.index)

    @cached_property
    def pairs(self) -> Pairs:
        """Each candidate and version beside the baseline; without one, every two candidates of a version."""
        return Pairs.of(self.task, self.groups.sides, self.asked.baseline, footer=self.footer)

    @property
    def chart(self) -> Chart:
        """The comparison as a chart, which JupyterLab draws."""
        return Chart(self.task, tuple(self.groups), self.groups.sides)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know when reading it: how errored samples count, whether there are few, and the notes."""
        sides = self.groups.sides
        notes = [errored_note(sides), unmeasured_note(sides), few_note(self.task, sides, by_run=self._by_run)]
        beside = self.pairs.remarks if self.asked.baseline else (scipy_note(sides),)
        return tuple(filter(None, [*notes, *beside, *self.notes]))

    @property
    def _by_run(self) -> bool:
        """Whether each run is one sample of its own."""
        counts = zip(self.groups, self.groups.passes, strict=True)
        return all(side.samples == len(group.rows) for group, side in counts)

    def report(self, path: str | os.PathLike[str], *, every: bool = False) -> None:
        """Write a report: one self-contained page, or Markdown. Secrets and paths of this machine are taken out.

        Parameters
        ----------
        path : path
            Ends in ``.html`` or ``.md``; a file that is there is replaced.
        every : bool
            With the transcript of every sample, not only of those that failed.

        Raises
        ------
        UsageError
            If it has another ending, or cannot be written.
        """
        from kbench_jupyter.actions.results.report import cleaner, write_report

        folders = {row.folder.parents[3] for row in self.rows}
        write_report(self, expanded(path), cleaner(folders=folders), every=every)

    def charted(self) -> ChartedResults:
        """Return the same with its chart before it."""
        return ChartedResults(**{one.name: getattr(self, one.name) for one in fields(self)})

    def view(self) -> View:
        """Describe the comparison, and the assertions of the newest version."""
        groups = self.groups
        table = self.pairs.table() if self.asked.baseline else comparison(groups, groups.passes, groups.sides)
        measure = Text(measure_note(self.measuring.measure, chosen=self.asked.measure is not None), "quiet")
        return View(
            f"{self.task}: {count(len(self.rows), 'run')} compared",
            [
                table,
                measure,
                *repeat_parts(groups.sides),
                *assertion_parts(groups),
                *error_parts(self.rows, self.explained),
            ],
            notes=self.remarks,
            next=tuple(self._next()),
            footer=self.footer,
        )

    def _next(self) -> list[tuple[str, str]]:
        steps = []
        if any(group.errored for group in self.groups):
            steps.append((f"%kbench status {self.task} --errors", "the whole of each error"))
        # Of candidates, also where those of a model are put together here.
        ran = dict.fromkeys((row.version, row.candidate) for row in self.rows)
        two = None if self._by_run else two_of(list(ran))
        if two:
            steps.append((f"%kbench compare {two[0]} {two[1]} -t {self.task}", "which samples got worse"))
        return steps

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


def results(
    session: Session,
    slug: str,
    *,
    models: Sequence[str] = (),
    output: Path = Path(),
    asked: Asked = NOTHING_ASKED,
    fail_if: str | None = None,
) -> Results:
    """Compare the runs of a task, fetching those that have not been downloaded yet.

    Parameters
    ----------
    models : sequence of str
        Only these models or other candidates; all where empty.
    output : Path
        The folder downloads lie in.
    asked : Asked
        By which measure, put together how, beside which baseline.
    fail_if : str, optional
        A condition such as ``"worse than v1"``, which raises `RegressionError` where it holds.

    Raises
    ------
    NotFoundError
        If the task is unknown, or none of its runs left a result.
    DownloadError
        If an output cannot be fetched.
    UsageError
        If the baseline or the condition names nothing that there is.
    RegressionError
        If a candidate is worse than the baseline of `fail_if` by more than chance. It has the comparison.
    """
    asked = watched(asked, fail_if)
    target = session.target()
    early = None

    def listed(runs: Sequence[Run]) -> None:
        nonlocal early
        early = errors_of_runs(session, target, slug, errored=any(run.error_message for run in runs))

    try:
        downloaded = download(session, slug, models=models, output=output, listed=listed)
    except DownloadError as error:
        error.hint = f"{error.hint}\nThe scores alone, without the files: %kbench status {slug}"
        raise
    session.reporter.close()

    def tell(read: int) -> None:
        if read > _MUCH:
            session.reporter.say(
                f"Reading {size(read)} of run files; what does not change is read this once."
            )

    index = SampleIndex.open(output, downloaded.folder.name, tell=tell)
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
    explained = early or errors_of_runs(
        session, target, slug, errored=any(row.result.errored for row in rows)
    )
    known = explained() if explained else NO_SOURCE
    index.limit(rows)
    found = Results(slug, tuple(rows), tuple(notes), known, asked, opened=index, footer=target.label)
    if asked.baseline:
        _ = found.pairs  # a baseline that there is not is refused now, not when this is shown
    if fail_if:
        try:
            said = passed_notes(found.pairs, found.samples)
        except RegressionError as error:
            error.results = found
            raise
        return replace(found, notes=(*said, *found.notes))
    return found
