"""The notebooks that teach: without outputs, made from the patterns, nothing wrong with them, and they all run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from kbench_jupyter.actions.new import NAMES, read_pattern
from kbench_jupyter.notebook.files import file_task_source
from kbench_jupyter.validation import Severity, check

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))

#: What an executed notebook must have shown besides ending well: proof that the ability it teaches was used.
SHOWN = {
    "assertions": "Has at most 5 words",
    "audio": "Hears three",
    "chatroom": "Tea speaks of tea",
    "contexts": "Nothing of it is in the task's own chat",
    "dataset": "±",
    "image": "Says red, then blue",
    "judge": "The judge: is one sentence",
    "multi-turn": "Remembers the word",
    "reasoning": "thoughts: 29 characters",
    "subtasks": "arithmetic:",
    "tools": "Calls the tool",
    "video": "Sees a rabbit",
    "compare": "brief-opposites: 4 runs compared",
    "own-endpoint": "names-a-planet: 2 runs compared",
    "from-the-cli": "counts-legs: 1 run compared",
    "ci": "2 runs compared",
    "panels": "panels-tour: 1 run compared",
}
#: Notebooks whose assertions the stand-in passes, all of them, when what was sent arrives whole.
PASSING = ("audio", "chatroom", "image", "tools", "video")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory, kernels_forked: dict[str, str]) -> Path:
    """Every notebook but the quickstart (tests/end_to_end runs it), executed as by ``make notebooks``."""
    output = tmp_path_factory.mktemp("notebooks")
    names = [f"{name}.ipynb" for name in NOTEBOOKS if name != "quickstart"]
    done = subprocess.run(
        [sys.executable, FOLDER / "execute.py", *names, "--output", output],
        env={**os.environ, **kernels_forked},
        capture_output=True,
        text=True,
        check=False,
    )
    (output / "log.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    (output / "code.txt").write_text(str(done.returncode), encoding="utf-8")
    return output


def shown_in(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_without_outputs_or_the_state_of_widgets(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_rules_find_no_error_in_a_notebook(name: str) -> None:
    findings = check(file_task_source(FOLDER / f"{name}.ipynb"))
    if name in ("compare", "from-the-cli"):  # their tasks are in %%kbench and %%writefile cells
        findings = [finding for finding in findings if finding.cell is not None]
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []


def test_the_notebooks_of_patterns_are_what_the_patterns_make() -> None:
    sys.path.insert(0, str(FOLDER))
    try:
        import build
    finally:
        sys.path.remove(str(FOLDER))
    stale = [
        name
        for name in NAMES
        if nbformat.read(FOLDER / f"{name}.ipynb", as_version=4) != build.teaching(read_pattern(name))
    ]
    assert not stale, "run: python notebooks/build.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_notebooks_run_from_top_to_bottom(executed: Path) -> None:
    log = (executed / "log.txt").read_text(encoding="utf-8")
    assert (executed / "code.txt").read_text(encoding="utf-8") == "0", log
    assert f"{len(NOTEBOOKS) - 1} of {len(NOTEBOOKS) - 1} notebooks ran" in log


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_notebook_shows_that_what_it_teaches_was_used(executed: Path, name: str) -> None:
    notebook = nbformat.read(executed / name / f"{name}.ipynb", as_version=4)
    assert SHOWN[name] in shown_in(notebook)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PASSING)
def test_what_is_sent_beside_the_text_reaches_a_model_that_can_take_it(executed: Path, name: str) -> None:
    notebook = nbformat.read(executed / name / f"{name}.ipynb", as_version=4)
    validated = next(cell for cell in notebook.cells if cell.source == "%kbench validate")
    text = shown_in(nbformat.v4.new_notebook(cells=[validated]))
    assert "passed" in text
    assert "failed" not in text
