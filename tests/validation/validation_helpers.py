"""Task sources for the tests of this room, from plain cell texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource
from kbench_jupyter.validation import check
from kbench_jupyter.validation.findings import Finding

IMPORT = "import kaggle_benchmarks as kbench"


def source_of(*cells: str) -> TaskSource:
    """Return a task source of code cells, each with its own lines."""
    made = tuple(
        SourceCell("code", text, CellRef(index, f"id{index}"), tuple(range(1, text.count("\n") + 2)))
        for index, text in enumerate(cells)
    )
    return TaskSource("\n\n".join(f"# %%\n{text}" for text in cells), made, "a test")


def findings_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[Finding]:
    """Check cells as one notebook."""
    return check(source_of(*cells), task=task, datasets=datasets)


def codes_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[str]:
    """Check cells as one notebook and return the codes alone."""
    return [finding.code for finding in findings_of(*cells, task=task, datasets=datasets)]


def errors_of(*cells: str, task: str | None = None, datasets: tuple[str, ...] = ()) -> list[str]:
    """Check cells as one notebook and return errors as readable lines."""
    return [
        f"{finding.code} {finding.where}: {finding.message}"
        for finding in findings_of(*cells, task=task, datasets=datasets)
        if finding.severity == "error"
    ]


def run_with_sdk(jobs: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run notebooks with the real SDK and a model that answers at once: see ``run_with_sdk.py``."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MODEL_PROXY", "LLM"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("run_with_sdk.py")), "jobs.json"],
        cwd=folder,
        env={**clean, "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result
