"""Results: what the runs of a task came to, as charts and a table, down to each message of each sample."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.cards import who_word
from kbench_jupyter.actions.results import Results, results
from kbench_jupyter.actions.results.grid import SampleGrid, run_ident
from kbench_jupyter.actions.results.sample import ShownSample
from kbench_jupyter.actions.results.tables import costs, scores_of
from kbench_jupyter.display.view import View, duration
from kbench_jupyter.panels.outcomes import outcomes_of
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.samples.desk import Desk
from kbench_jupyter.panels.samples.questions import SampleQuestions
from kbench_jupyter.session.session import Session


class ResultsPart(Part):
    """Shows a comparison, with what it was limited to and where its downloads lie, for asking again."""

    kind = "results"

    def __init__(
        self,
        session: Session,
        found: Results,
        *,
        models: Sequence[str] = (),
        output: Path = Path(),
        sample: ShownSample | None = None,
    ) -> None:
        super().__init__(session)
        self._models, self._output = tuple(models), output
        self._desk = Desk()
        self._asked: tuple[Results, SampleQuestions] | None = None
        self._sample = sample
        self._fetched = itertools.count(1)
        self.set(look={} if sample is None else {"at": [{"id": sample.transcript.sample.id}]})
        self._take(found)

    def view(self) -> View:
        """Describe the comparison, or the one sample that was asked for."""
        return self._found.view() if self._sample is None else self._sample.view()

    def _take(self, found: Results) -> None:
        self._found = found
        chart = found.chart
        outcomes = outcomes_of([row.result for row in found.rows])
        self.put_rows(map(_run_row, found.rows, outcomes), replace=True)
        groups = found.groups
        spent, waited = found.measuring.sides(groups, "cost"), found.measuring.sides(groups, "latency")
        told = zip(
            zip(groups, groups.passes, groups.sides, spent, waited, strict=True),
            zip(chart.bars, chart.texts, map(" ".join, scores_of(groups)), costs(groups), strict=True),
            strict=True,
        )
        self.set(
            task=found.task,
            measure=chart.measure,
            share=chart.share,
            lessIsBetter=chart.less_is_better,
            who=who_word((group.model, group.candidate) for group in groups),
            groups=[_group(*one, *texts) for one, texts in told],
            notes=list(found.remarks),
            label=found.footer,
        )
        self._desk.ask(self._tell_samples)

    def do_refresh(self, _message: Mapping[str, Any]) -> None:
        """Fetch what ended since."""
        self.start("refresh", self._refresh)

    def _refresh(self) -> None:
        found = self._found  # the measure was chosen once: what came since does not change the question
        asked = replace(found.asked, measure=found.measuring.measure)
        self._take(results(self.session, found.task, models=self._models, output=self._output, asked=asked))

    def do_look(self, message: Mapping[str, Any]) -> None:
        """Keep how a view stands (what is filtered, sorted, open), for a page that is loaded again."""
        look = message.get("look")
        if isinstance(look, Mapping):
            with self._lock:  # nobody is told: a view that is there stands as it does
                self._state["look"] = dict(look)

    def do_samples(self, message: Mapping[str, Any]) -> None:
        """Answer a question about the samples; ``what`` names it."""
        self._desk.ask(lambda: self.reply(message, **self._answer(message)))

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._questions().answer(message)
        except Exception as error:  # noqa: BLE001 - whatever the index or a run file is, the grid says so
            return {"failed": f"The samples cannot be read: {error}"}

    def _questions(self) -> SampleQuestions:
        """Return what answers for the results that are shown now; called at the desk only."""
        found = self._found
        if self._asked is None or self._asked[0] is not found:
            self._asked = found, SampleQuestions(SampleGrid(self.session, found))
        return self._asked[1]

    def _tell_samples(self) -> None:
        try:
            # Counted, because a grid of as many rows may hold others after another fetch.
            self.set(samples=self._questions().about() | {"fetched": next(self._fetched)})
        except Exception as error:  # noqa: BLE001 - as above
            self.set(samples={"columns": [], "total": 0, "problem": f"The samples cannot be read: {error}"})

    def close(self) -> None:
        """End the desk, too."""
        self._desk.close()
        super().close()


def _group(
    group: Any,
    passes: Any,
    side: Any,
    spent: Any,
    waited: Any,
    bar: tuple[float | None, tuple[float, float] | None],
    texts: tuple[str, str],
    score: str,
    cost: str,
) -> dict[str, Any]:
    value, interval = bar
    low, high = interval or (None, None)
    held, every = group.assertions
    rate = passes.estimate
    return {
        "version": group.version,
        "model": group.candidate,
        "runs": len(group.rows),
        "samples": passes.samples,
        "errored": passes.errored,
        "passed": None if rate is None else rate.value,
        "passedText": "" if rate is None else f"{round(rate.value * rate.n):,} of {rate.n:,}",
        "value": value,
        "low": low,
        "high": high,
        "valueText": texts[0],
        "spreadText": texts[1],
        "leftOut": side.errored,
        "score": group.score if group.score is not None and math.isfinite(group.score) else None,
        "scoreText": score.strip(),
        "held": held,
        "checks": every,
        "tokens": group.usage.input_tokens + group.usage.output_tokens,
        "cost": group.usage.cost,
        "costText": cost,
        "latency": group.latency,
        "latencyText": duration(group.latency),
        "aSample": {"cost": _mean(spent), "latency": _mean(waited)},
    }


def _mean(side: Any) -> list[Any]:
    """Return a side's mean, None where it is not known, and of how many samples it is not."""
    return [None if side.estimate is None else side.estimate.value, side.unmeasured]


def _ident(row: Any) -> str:
    return f"{row.version} {row.candidate} {row.run_id}"


def _run_row(row: Any, outcome: tuple[str, str]) -> dict[str, Any]:
    word, tone = outcome
    return {
        "id": _ident(row),
        "sample": run_ident(row),
        "run": row.run_id,
        "model": row.candidate,
        "version": row.version,
        "word": word,
        "tone": tone,
        "latency": duration(row.result.elapsed),
    }
