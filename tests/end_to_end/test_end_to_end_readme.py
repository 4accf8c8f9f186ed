"""What the README tells a reader to type, typed as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def cells_of(heading: str) -> list[str]:
    """Return the Python blocks under a heading of the README."""
    part = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def test_the_first_ten_minutes_of_the_readme_lead_to_a_table_of_results(tmp_path: Path) -> None:
    cells = cells_of("The first ten minutes")
    assert len(cells) == 3
    path = tmp_path / "mine.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in [*cells, "%kbench"]]), path)
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks/execute.py", path, "--output", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "out/results/what-is-kaggle").rglob("*.run.json"))
    *_, commands, standing = nbformat.read(tmp_path / "out/mine.ipynb", 4).cells
    for each in ("Valid: 1 run recorded", "Pushed what-is-kaggle, version 1", "1 run compared"):
        assert each in shown(commands), "every line of a cell shows what it came to"
    assert "Next: publish" in shown(standing), "what was typed is known: nothing is to be done again"


def shown(cell: nbformat.NotebookNode) -> str:
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
