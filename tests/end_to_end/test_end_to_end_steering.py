"""What steers a task beside running it, through the typed door against the embedded server: stop, describe, collect."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import Door

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
TASK = """\
# %%
import os
import time

import kaggle_benchmarks as kbench


# %%
@kbench.task(name="Steered")
def steered(llm) -> float:
    if os.path.exists({gate!r}):
        time.sleep(600)
    return 0.84312


steered.run(kbench.llm)
"""


@pytest.fixture
def gate(tmp_path: Path, door: Door) -> Path:
    """Return the path at which a file makes runs of the task go on and on."""
    gate = tmp_path / "gate"
    (tmp_path / "task.py").write_text(TASK.format(gate=str(gate)))
    door("init --no-example -y")
    door("push -f task.py --wait")
    return gate


def test_runs_are_stopped_and_the_page_and_the_benchmark_of_a_task_are_changed(
    door: Door, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = door(f"run steered -m {MODEL} --wait")
    assert [one["score"] for one in ran.records()] == [0.84312]
    assert "completed" in capsys.readouterr().out
    [listed] = door("status steered").records()
    assert (listed["candidate"], listed["model"], listed["score"]) == (MODEL, MODEL, 0.84312)

    gate.touch()
    going = door(f"run steered -m {MODEL}").run_ids
    stopped = door("cancel steered --running -y")
    assert stopped.queued + stopped.active == 1
    assert not stopped.left
    states = {one["run"]: one["state"] for one in door("status steered").records()}
    assert states[going[0]] == "errored"
    assert "No run of steered is queued or going" in str(door("cancel steered --running -y"))

    changed = door("describe steered -y", '+++\nprovenance = "By hand."\n+++\n\nA *steered* task.\n')
    assert changed.changed
    assert door("describe steered").records()[0]["description"] == "A *steered* task."
    assert "scores only" in str(door("publish steered -y"))
    assert "No reasoning effort 'high'" in str(
        door.refused(f"run steered -m {MODEL} --reasoning-effort high")
    )
    assert door("models").records()[0]["effort"] == "none"
