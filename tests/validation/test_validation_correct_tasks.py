"""Correct tasks, whatever their style, get no error; and they are correct: the real SDK records them."""

from __future__ import annotations

import pytest
from correct_tasks import CORRECT, NOT_RUN
from validation_helpers import errors_of, run_with_sdk, source_of

from kbench_jupyter.validation import tasks_in


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_task_gets_no_error(name):
    assert errors_of(*CORRECT[name]) == []


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_task_is_seen(name):
    assert any(task.stored for task in tasks_in(source_of(*CORRECT[name])))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Execute every correct task with the real SDK, each in a shell and folder of its own."""
    jobs = {name: cells for name, cells in CORRECT.items() if name not in NOT_RUN}
    return run_with_sdk(jobs, tmp_path_factory.mktemp("correct"))


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
