"""The same actions as functions, for scripts: no shell, no notebook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kbench_jupyter
from kbench_jupyter import scripts

TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="My task")
def my_task(llm) -> float:
    llm.prompt("Reply with one word.")
    return 0.5


my_task.run(kbench.llm)
"""


@pytest.mark.slow
def test_the_script_in_the_docstring_pushes_runs_and_compares(tmp_path: Path, server_home: Path) -> None:
    assert scripts.__doc__ is not None
    lines = re.findall(r"^    (.*)$", scripts.__doc__, re.MULTILINE)
    assert lines[0] == "from kbench_jupyter import compare, push, run"
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "script.py").write_text(
        "\n".join(lines).replace("gemini-2.5-flash", "smollm2*") + "\n"
        "from kbench_jupyter import list_tasks, status\n"
        "print(status('my-task').runs[0].state, len(list_tasks(regex='my-task').tasks))\n"
        "frame = compare('my-task', output='results').to_dataframe()\n"
        "print(frame.score.tolist(), frame.passed.tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KBENCH_HOME": str(server_home)},
    )
    assert "my-task: 1 run compared" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-2:] == ["COMPLETED 1", "[0.5] [True]"], done.stderr
    assert done.returncode == 0


def test_every_name_the_package_promises_is_there() -> None:
    for name in kbench_jupyter.__all__:
        assert getattr(kbench_jupyter, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = kbench_jupyter.nothing


def test_a_script_that_asks_for_a_missing_file_gets_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(kbench_jupyter.KBenchError, match=r"no-such\.py"):
        kbench_jupyter.check(tmp_path / "no-such.py")


def test_what_the_package_offers_is_listed() -> None:
    assert set(kbench_jupyter.__all__) <= set(dir(kbench_jupyter))
