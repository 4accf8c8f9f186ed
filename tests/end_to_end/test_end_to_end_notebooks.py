"""The current notebook under nbclient and nbconvert: no front end, no path told, Run All."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="Headless")
def headless(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Reply with one word."), expectation="Answers")
"""


def notebook(*cells: str) -> Any:
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def write(path: Path, *cells: str) -> Path:
    nbformat.write(notebook(*cells), path)
    return path


def test_the_quickstart_runs_from_top_to_bottom_and_ends_in_a_table_of_results(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks/execute.py", "quickstart.ipynb", "--output", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "what-is-kaggle: 1 run compared" in done.stdout
    [run_file] = (tmp_path / "results/what-is-kaggle").rglob("*.run.json")
    assert run_file.stat().st_size > 0
    executed = nbformat.read(tmp_path / "quickstart.ipynb", as_version=4)
    assert not [o for c in executed.cells for o in c.get("outputs", []) if o.output_type == "error"]


def test_a_demo_whose_notebook_fails_says_so_with_its_exit_code(tmp_path: Path) -> None:
    # An absolute name stands for itself, so the script can be given a notebook of our own.
    failing = write(tmp_path / "failing.ipynb", "%load_ext kbench_jupyter", "%kbench status no-such-task")
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks/execute.py", failing, "--output", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no task 'no-such-task'" in done.stderr


def test_nbconvert_finds_the_notebook_it_executes_without_being_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.ipynb", "%load_ext kbench_jupyter", TASK, "headless.run(kbench.llm)", "%kbench show"
    )
    write(tmp_path / "other.ipynb", "print('another notebook in the same folder')")
    # Without credentials the SDK refuses to run a task: the run cell is for the server.
    nb = nbformat.read(path, as_version=4)
    nb.cells[1]["source"] = TASK.replace("import kaggle", "kbench = None\nimport kaggle")
    nb.cells[2]["source"] = "if False: pass\nelse: print('not run here')"
    nbformat.write(nb, path)
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KBENCH_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr
    assert "mine.ipynb: 2 cells make the task source" in done.stdout
    assert "not run here" in done.stdout


def test_run_all_stops_at_a_kbench_line_that_fails_with_one_readable_block(tmp_path: Path) -> None:
    nb = notebook("%load_ext kbench_jupyter", "%kbench psuh", "print('must not be reached')")
    with pytest.raises(CellExecutionError):
        NotebookClient(nb, resources={"metadata": {"path": str(tmp_path)}}, timeout=60).execute()
    [error] = nb.cells[1].outputs
    assert error.output_type == "error"
    assert "Did you mean %kbench push?" in "\n".join(error.traceback)
    assert "Traceback" not in "\n".join(error.traceback)
    assert not nb.cells[2].outputs
