"""Whether an error is the task's own, or may come of an answer that means nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kbench_jupyter.display.view import count
from kbench_jupyter.results.runfiles import RunResult
from kbench_jupyter.validation.rehearsal.run import Rehearsal
from kbench_jupyter.validation.rehearsal.tracebacks import last_frame, missing_variable, raised, tell

# What no answer can cause.
_OWN = frozenset({
    "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError",
    "FileNotFoundError", "NotADirectoryError", "IsADirectoryError", "PermissionError", "NotImplementedError",
    "RecursionError", "AttributeError", "TypeError",
})  # fmt: skip
# But for these: what a pattern did not find, and JSON of another shape.
_OF_ANSWERS = re.compile(
    r"NoneType|'(?:list|dict|int|float|bool)' object (?:has no attribute|is not)"
    r"|indices must be|must be a string or a (?:real )?number|unsupported operand type|not supported between instances"
    r"|unhashable type|expected str instance"
)
# Raised inside the task SDK over an answer.
_SDKS_OF_ANSWERS = frozenset({"ResponseParsingError", "ValidationError", "ToolInvocationLimitExhausted"})
_SDK = re.compile(r"[/\\\\]kaggle_benchmarks[/\\\\]")


def samples(run: RunResult) -> Iterator[RunResult]:
    """Yield the samples of a run: its subruns, down to those without any, or itself."""
    for sub in run.subruns:
        yield from samples(sub)
    if not run.subruns:
        yield run


def raised_over_answer(rehearsal: Rehearsal, runs: Sequence[RunResult]) -> str:
    """Return what was raised where an answer of the stand-in may be the cause, else "".

    A model was asked in the `rehearsal`; `runs` are those of the task that would be pushed.
    """
    failure, error = rehearsal.failure, rehearsal.outcome.error
    if failure is not None:
        if failure.displaying or failure.endpoint or error is None:
            return ""
        if _own(error.ename, error.evalue, error.plain_traceback):
            return ""
        where = ", ".join(filter(None, [failure.where, failure.also]))
        return f"{where}: {failure.message}\n\n{failure.traceback}".strip()
    errored = _errored(runs)
    if not errored or any(_is_own(run) for run in errored):
        return ""
    every = sum(1 for run in runs for _ in samples(run))
    told = tell(errored[0].error_message, *raised(errored[0].error_message))
    return f"{len(errored)} of {count(every, 'sample')} errored, the first with {told.message}\n\n{told.traceback}"


def own_errors(runs: Sequence[RunResult]) -> list[RunResult]:
    """Return the samples that errored whatever a model answered, or else the runs that errored themselves."""
    return [run for run in _errored(runs) if _is_own(run)] or [run for run in runs if run.errored]


def _errored(runs: Sequence[RunResult]) -> list[RunResult]:
    """Return the samples that errored, and the runs that did although none of their samples has."""
    found = []
    for run in runs:
        below = [sample for sample in samples(run) if sample.errored]
        found += below or ([run] if run.errored else [])
    return found


def _is_own(run: RunResult) -> bool:
    return not run.called or _own(*raised(run.error_message), run.error_message)


def _own(name: str, text: str, traceback: str) -> bool:
    name = name.rpartition(".")[2]
    if name in _OWN:
        return not _OF_ANSWERS.search(text)
    if missing_variable(traceback):
        return True
    return bool(_SDK.search(last_frame(traceback))) and name not in _SDKS_OF_ANSWERS
