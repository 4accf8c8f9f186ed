"""Results: what the runs of a task came to, as a table and a chart, down to each conversation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.cards import result_texts, who_word
from kbench_jupyter.actions.results import Results, results
from kbench_jupyter.actions.results.tables import costs, scores_of
from kbench_jupyter.display.view import View, duration, money
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.watches import outcomes_of
from kbench_jupyter.session.session import Session

__all__ = ["ResultsPart"]

#: What a run's details carry at most: messages, and characters of each text.
_MESSAGES, _TEXT = 100, 8_000
_WHOLE = 400_000


class ResultsPart(Part):
    """Shows a comparison, with what it was limited to and where its downloads lie, for asking again."""

    kind = "results"

    def __init__(
        self, session: Session, found: Results, *, models: Sequence[str] = (), output: Path = Path()
    ) -> None:
        super().__init__(session)
        self._models, self._output = tuple(models), output
        self._take(found)

    def view(self) -> View:
        """Describe the comparison."""
        return self._found.view()

    def _take(self, found: Results) -> None:
        self._found = found
        chart = found.chart
        outcomes = outcomes_of([row.result for row in found.rows])
        self.put_rows(map(_run_row, found.rows, outcomes), replace=True)
        groups = chart.groups
        scores = map(" ".join, scores_of(groups))
        told = zip(groups, chart.bars, chart.texts, scores, costs(groups), strict=True)
        self.set(
            task=found.task,
            measure=chart.measure,
            who=who_word((group.model, group.candidate) for group in groups),
            groups=[_group(*one) for one in told],
            notes=list(found.remarks),
            label=found.footer,
        )

    def do_refresh(self, _message: Mapping[str, Any]) -> None:
        """Fetch what ended since."""
        self.start("refresh", self._refresh)

    def _refresh(self) -> None:
        self._take(results(self.session, self._found.task, models=self._models, output=self._output))

    def do_run(self, message: Mapping[str, Any]) -> None:
        """Send a run's conversations, assertions and errors."""
        wanted = message.get("run")
        for row in self._found.rows:
            if _ident(row) == wanted:
                self.reply(message, run=wanted, detail=_detail(row))
                break


def _group(
    group: Any,
    bar: tuple[float | None, tuple[float, float] | None],
    texts: tuple[str, str],
    score: str,
    cost: str,
) -> dict[str, Any]:
    value, interval = bar
    low, high = interval or (None, None)
    held, every = group.assertions
    same = ("version", "passed", "errored", "latency")
    return {name: getattr(group, name) for name in same} | {
        "model": group.candidate,
        "runs": len(group.rows),
        "value": value,
        "low": low,
        "high": high,
        "valueText": texts[0],
        "spreadText": texts[1],
        "score": group.score if group.score is not None and math.isfinite(group.score) else None,
        "scoreText": score.strip(),
        "held": held,
        "checks": every,
        "tokens": group.usage.input_tokens + group.usage.output_tokens,
        "cost": group.usage.cost,
        "costText": cost,
        "latencyText": duration(group.latency),
    }


def _ident(row: Any) -> str:
    # The same after another fetch, so that what is unfolded can stay so.
    return f"{row.version} {row.candidate} {row.run_id}"


def _run_row(row: Any, outcome: tuple[str, str]) -> dict[str, Any]:
    word, tone = outcome
    return {
        "id": _ident(row),
        "run": row.run_id,
        "model": row.candidate,
        "version": row.version,
        "word": word,
        "tone": tone,
        "latency": duration(row.result.elapsed),
    }


def _detail(row: Any) -> dict[str, Any]:
    result = row.read()
    room = [_WHOLE]

    def clip(text: str) -> str:
        kept = text[: min(_TEXT, max(0, room[0]))]
        room[0] -= len(kept)
        left = len(text) - len(kept)
        return f"{kept}\n[{left:,} more characters]" if left else kept

    chats = [
        [{"role": m.role, "sender": m.sender, "text": clip(m.text)} for m in chat.messages[:_MESSAGES]]
        for chat in _all("conversations", result)
    ]
    return {
        "facts": {
            "result": result_texts([result])[0] or outcomes_of([result])[0][0],
            "tokens": f"{result.usage.input_tokens:,} in, {result.usage.output_tokens:,} out",
            "cost": money(result.usage.cost),
            "latency": duration(result.usage.latency),
            "task took": duration(result.elapsed),
            "folder": str(row.folder),
        },
        "assertions": [
            {"passed": a.passed, "text": clip(a.expectation or a.definition), "line": a.line}
            for a in _all("assertions", result)
        ],
        "chats": chats[:_MESSAGES],
        "error": clip(result.error_message),
    }


def _all(what: str, result: Any) -> list[Any]:
    """Return a run's conversations or assertions with those of its samples."""
    return [*getattr(result, what), *(one for sub in result.subruns for one in _all(what, sub))]
