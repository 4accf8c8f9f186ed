"""What an execution's files say: completed, errored, without a run, or not the task that was pushed.

The task SDK leaves ``<name>.task.json`` and ``<name>-<run id>.run.json`` in the working directory. Which of
them belongs to a task is decided by the name *inside*, made into a slug as the server makes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slugify import slugify

from kbench_jupyter.execution import Outcome
from kbench_jupyter.local.job import Job, Verdict
from kbench_jupyter.local.rows import COMPLETED, ERRORED, INVALID, WITHOUT_RUN

_MOST_RESULT = 2**20
_CHOOSE = re.compile(r"^\s*%choose[ \t]+(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Left:
    """A run or task file, with what it says."""

    path: Path
    name: str
    content: Mapping[str, Any]


def find_choice(cells: list[Any]) -> str | None:
    """Return what the notebook's last code cell chooses with ``%choose``, if it does."""
    sources = [c.source for c in cells if c.cell_type == "code" and c.source.strip()]
    found = _CHOOSE.findall(sources[-1]) if sources else []
    return str(found[-1]) if found else None


def apply_choice(working: Path, task_name: str) -> None:
    """Do what ``%choose`` does on Kaggle: keep one task's file and its last run's, delete the others.

    The SDK's own magic (0.6.1) looks into ``/kaggle/working`` alone.
    """
    kept_runs = [run for run in _runs(working) if run.name == task_name]
    keep = {run.path for run in kept_runs[-1:]} | {t.path for t in _tasks(working) if t.name == task_name}
    for path in (*working.glob("*.run.json"), *working.glob("*.task.json")):
        if path not in keep and not path.is_dir():
            path.unlink()


def judge(job: Job, working: Path, outcome: Outcome) -> Verdict:
    """Say how a job ended, by its execution and by what is in the working directory after `apply_choice`."""
    if not outcome.ok:
        return Verdict(ERRORED, _why(job, outcome))
    if job.kind == "creation" and (refused := _refuse(job, working)):
        return Verdict(INVALID, refused)
    mine = [run for run in _runs(working) if slugify(run.name) == job.slug]
    if not mine:
        message = f"The notebook recorded no run of the task {job.slug!r}: call `.run(kbench.llm)` on it."
        return Verdict(WITHOUT_RUN if job.kind == "creation" else ERRORED, message)
    return _judge_run(job, mine[-1].content)


def _judge_run(job: Job, content: Mapping[str, Any]) -> Verdict:
    other = _object(content, "modelVersion").get("slug")
    if other and other != job.model:
        message = (
            f"The task ran on {other!r}, and the model under test is {job.model!r}: pass `kbench.llm` to "
            "`.run(...)`, not a model of your choice."
        )
        return Verdict(INVALID if job.kind == "creation" else ERRORED, message)
    failed = str(content.get("state", "")).endswith("_ERRORED")
    error = str(content.get("errorMessage") or "The task raised.") if failed else None
    if job.kind == "creation":
        # The task can be run all the same: it may be the default model that it was too hard for.
        note = f"The first run, on {job.model}, ended in an error; the task can be run all the same.\n{error}"
        return Verdict(COMPLETED, note if failed else None)
    if failed:
        return Verdict(ERRORED, error)
    results = content.get("results")
    result = results[0] if isinstance(results, list) and results else None
    if len(json.dumps(result)) > _MOST_RESULT:
        return Verdict(
            COMPLETED, f"Its result is larger than {_MOST_RESULT >> 20} MB: only its run file has it."
        )
    return Verdict(COMPLETED, None, result)


def _why(job: Job, outcome: Outcome) -> str:
    error = outcome.error
    if outcome.timed_out:
        where = (
            f" in cell {error.index + 1}" + (f", line {error.line}" if error.line else "") if error else ""
        )
        return (
            f"Stopped after {job.timeout:g} s, the most a notebook may take; it was{where or ' still going'}."
        )
    if outcome.kernel_died:
        return "The kernel died (out of memory, or a crash in native code)."
    if error is None:
        return "Interrupted."
    line = f", line {error.line}" if error.line else ""
    return f"Cell {error.index + 1}{line} failed:\n{error.plain_traceback.strip()}"


def _refuse(job: Job, working: Path) -> str | None:
    names = [task.name for task in _tasks(working)]
    if not names:
        return (
            "The notebook defines no task that is stored: decorate a function with `@kbench.task(...)` "
            "(and not with `store_task=False`)."
        )
    if len(names) > 1:
        return (
            f"The notebook stores {len(names)} tasks ({', '.join(sorted(names))}): let its last cell be "
            f"`%choose {job.slug}` with the task's variable or name, or give the helpers `store_task=False`."
        )
    if slugify(names[0]) != job.slug:
        return f"The notebook's task is {slugify(names[0])!r}, not {job.slug!r}."
    return None


def _tasks(working: Path) -> list[Left]:
    return _read(working, "*.task.json", lambda content: content.get("name"))


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return found if isinstance(found := content.get(name), dict) else {}


def _runs(working: Path) -> list[Left]:
    return _read(working, "*.run.json", lambda content: _object(content, "taskVersion").get("name"))


def _read(working: Path, pattern: str, name: Any) -> list[Left]:
    found = []
    files = [
        path for path in working.glob(pattern) if path.is_file()
    ]  # and no pipe, which nobody may ever write
    for path in sorted(files, key=lambda p: (p.stat().st_mtime_ns, p.name)):
        with suppress(OSError, ValueError, AttributeError, RecursionError):
            content = json.loads(path.read_text(), parse_constant=str)  # NaN is no JSON
            if isinstance(said := name(content), str):
                found.append(Left(path, said, content))
    return found
