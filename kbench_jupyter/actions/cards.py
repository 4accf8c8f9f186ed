"""Cards: how tasks, runs, assertions and findings look wherever a result shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kbench_jupyter.display.numbers import score_cells, score_texts
from kbench_jupyter.display.view import Cell, Facts, Part, Table, Value, duration, money, told

if TYPE_CHECKING:
    from kbench_jupyter.api import CreationState, Run, RunState, Score, Task
    from kbench_jupyter.notebook.source import SourceCell, TaskSource
    from kbench_jupyter.results.runfiles import Assertion, RunResult
    from kbench_jupyter.validation import Rule
    from kbench_jupyter.validation.findings import Finding

#: What `who_cells` and `run_rows` stand under.
WHO_COLUMNS = ("model", "candidate")
RUN_COLUMNS = (*WHO_COLUMNS, "run", "version>", "state")

_STATES = {
    "COMPLETED": "good",
    "ERRORED": "bad",
    "KERNEL_WITHOUT_RUN": "bad",
    "VALIDATION_FAILED": "bad",
    "NO_MODEL_SPECIFIED": "bad",
    "QUEUED": "quiet",
    "RUNNING": "busy",
    "VALIDATING": "busy",
    "SCORE_PENDING": "busy",
}
_VERDICTS = {True: Cell("passed", "good", value=True), False: Cell("failed", "bad", value=False)}


def state_cell(state: CreationState | RunState) -> Cell:
    """Return a creation or run state as a word with its tone."""
    return Cell(state.words, _STATES.get(state.value, "warn"))


def page_of(task: Task) -> str:
    """Return the address of the task's page; "" for one of the embedded server, which has none."""
    return "" if task.url.startswith("/benchmarks/tasks/local/") else task.web_url


def page_cell(task: Task) -> Cell:
    """Return the address of the task's page as a link to it."""
    return Cell(page_of(task), href=page_of(task))


def who_cells(names: Iterable[tuple[str, str]]) -> list[list[Value]]:
    """Return cells for the names of models and their candidates, under `WHO_COLUMNS`, of which one column is drawn.

    The model where the candidates are nothing but models, else the candidate. The table is to drop what is empty.
    """
    names = list(names)
    bare = who_word(names) == "model"
    return [
        [
            Cell(model if bare else "", value=model or None),
            Cell("" if bare else candidate, value=candidate or None),
        ]
        for model, candidate in names
    ]


def who_word(names: Iterable[tuple[str, str]]) -> str:
    """Return what names of models and their candidates are to be called together."""
    return "model" if all(model == candidate for model, candidate in names) else "candidate"


def run_rows(runs: Sequence[Run], *, unset: str = "") -> list[list[Value]]:
    """Return what a table says first of each run, under `RUN_COLUMNS`."""
    rows = []
    for run, who in zip(runs, who_cells((run.model, run.candidate) for run in runs), strict=True):
        version = run.task.version or None
        shown = Cell(str(version or unset), value=version)
        rows.append([*who, told(run.id), shown, state_cell(run.state)])
    return rows


def names_of(runs: Sequence[Run]) -> str:
    """Name the first few runs, each with its state."""
    shown = [f"{run.candidate} (run {run.id}, {run.state.words})" for run in runs[:6]]
    more = [f"{len(runs) - 6} more"] if len(runs) > 6 else []
    return ", ".join(shown + more)


def elapsed(run: Run) -> Cell:
    """Say how long a run took, or has been going, in seconds; one that waits for its turn has not begun."""
    if run.state == "QUEUED":
        return told(None)
    if run.start_time is None or run.end_time or run.state.is_terminal:
        return told(run.took, duration)
    return told(seconds_since(run.start_time), duration)


def seconds_since(moment: datetime) -> float:
    """Return how long ago a moment was that a server told, whose clock may be ahead of this one's."""
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def score_column(scores: Sequence[Score | None], *, missing: str, display: str = "") -> list[Cell]:
    """Return the cells of scores that are shown together: numbers with their intervals, or whether it passed.

    Parameters
    ----------
    missing : str
        What stands where there is none.
    display : str
        The leaderboard's display type, "" where none is told.
    """
    values = [None if score is None else score.value for score in scores]
    numbers = [None if isinstance(value, bool) else value for value in values]
    cells = score_cells(numbers, sides=[_reach(score) for score in scores], display=display)
    return [
        Cell(missing, "quiet", value=None)
        if value is None
        else _VERDICTS[value]
        if isinstance(value, bool)
        else cell
        for value, cell in zip(values, cells, strict=True)
    ]


def _reach(score: Score | None) -> tuple[float, float] | None:
    """Return how far a score's interval reaches above and below it."""
    number = score and score.number
    if not number:
        return None
    if number.plus is not None or number.minus is not None:
        return (number.plus or 0.0, number.minus or 0.0)
    return None if number.confidence_interval is None else (number.confidence_interval,) * 2


def run_parts(run: RunResult, source: TaskSource) -> list[Part]:
    """Return the parts that show one run: facts, and a line for each assertion with its place in `source`."""
    verdict = Cell("errored", "bad") if run.errored else _VERDICTS[bool(run.passed)]
    facts: dict[str, Value] = {
        "task": run.task,
        "model": run.model,
        "verdict": verdict,
        "result": result_texts([run])[0],
        "tokens": f"{run.usage.input_tokens:,} in, {run.usage.output_tokens:,} out",
        "cost": money(run.usage.cost),
        "latency": duration(run.usage.latency),
        "task took": duration(run.elapsed),
    }
    parts: list[Part] = [Facts(facts)]
    if run.assertions:
        rows: list[list[Value]] = [
            [_VERDICTS[a.passed], a.expectation or a.definition, place_of(a, source)] for a in run.assertions
        ]
        parts.append(Table(["assertion", "expectation", "where"], rows))
    return parts


def place_of(assertion: Assertion, source: TaskSource) -> str:
    """Say where in the notebook an assertion stands; the run file knows the line in its cell, not the cell."""
    if assertion.line is None:
        return ""
    found = cell_of(assertion, source)
    return f"line {assertion.line}" if found is None else f"cell {found[0].ref.number}, line {found[1]}"


def cell_of(assertion: Assertion, source: TaskSource) -> tuple[SourceCell, int] | None:
    """Return the cell an assertion stands in and its line there; None where that is not sure."""
    line = assertion.line
    if line is None:
        return None
    first = assertion.definition.strip().partition("\n")[0]
    cells = [cell for cell in source.cells if _has_line(cell, line, first)]
    if len(cells) != 1:
        return None
    [cell] = cells
    return cell, cell.lines[line - 1] if line <= len(cell.lines) else line


def _has_line(cell: SourceCell, line: int, text: str) -> bool:
    lines = cell.text.splitlines()
    return bool(text) and cell.kind == "code" and line <= len(lines) and text in lines[line - 1]


def result_texts(runs: Sequence[RunResult]) -> list[str]:
    """Say the result values of runs that are shown together; "" for a task that only asserts."""
    scores = score_texts([run.score for run in runs], sides=[_sides(run) for run in runs])
    return [score or _values_text(run) for run, score in zip(runs, scores, strict=True)]


def _sides(run: RunResult) -> tuple[float, float] | None:
    return (run.interval, run.interval) if run.interval else None


def _values_text(run: RunResult) -> str:
    return ", ".join(f"{name}: {value}" for name, value in (run.values or {}).items())


def finding_parts(findings: Sequence[Finding]) -> list[Part]:
    """Return the parts that show findings."""
    if not findings:
        return []
    return [
        Table(
            ["rule", "where", "what"],
            [[code_cell(f), f.where, f.message + (f" → {f.hint}" if f.hint else "")] for f in findings],
        )
    ]


def code_cell(found: Finding | Rule) -> Cell:
    """Return the code of a rule, in the tone of its severity."""
    from kbench_jupyter.validation.findings import Severity  # most cards show no finding

    return Cell(found.code, "bad" if found.severity is Severity.ERROR else "warn")


def finding_lines(finding: Finding) -> list[str]:
    """Return one finding as plain lines."""
    lines = [f"{finding.code} {finding.severity} in {finding.where}: {finding.message}"]
    if finding.text:
        lines.append(f"    {finding.text.strip()}")
    if finding.hint:
        lines.append(f"    → {finding.hint}")
    return lines


def notes_on(source: TaskSource) -> list[str]:
    """Return what a user should know about the source: nothing but what was left out unasked."""
    tagged = [left for left in source.left_out if left.line is None and "%%kbench" not in left.text]
    return [f"Left out: cell {left.ref.number} ({left.reason})" for left in tagged]


def last_line(text: str) -> str:
    """Return the last line of a traceback that says something: the exception itself."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
