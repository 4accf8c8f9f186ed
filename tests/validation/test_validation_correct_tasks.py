"""Correct tasks, whatever their style, get no error; and they are correct: the real SDK records them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from correct_tasks import CORRECT, NOT_RUN
from validation_helpers import errors_of, source_of

from kbench_jupyter.validation import tasks_in


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_task_gets_no_error(name):
    assert errors_of(*CORRECT[name]) == []


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_task_is_seen_and_seen_to_run(name):
    stored = [task for task in tasks_in(source_of(*CORRECT[name])) if task.stored]
    assert stored
    assert any(task.runs for task in stored) or name == "top-level await"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Execute every correct task with the real SDK, each in a shell and folder of its own."""
    folder = tmp_path_factory.mktemp("correct")
    jobs = folder / "jobs.json"
    jobs.write_text(json.dumps({name: cells for name, cells in CORRECT.items() if name not in NOT_RUN}))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MODEL_PROXY", "LLM"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).parent / "run_with_sdk.py"), str(jobs)],
        cwd=folder,
        env={**clean, "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CORRECT if name not in NOT_RUN])
def test_the_sdk_records_a_correct_task(recorded, name):
    assert recorded[name]["error"] == ""
    assert recorded[name]["run_files"] > 0


@pytest.mark.slow
def test_names_and_slugs_are_those_the_sdk_gives(recorded):
    for name in recorded:
        ours = {task.name for task in tasks_in(source_of(*CORRECT[name])) if task.name is not None}
        assert ours <= set(recorded[name]["names"]), name
