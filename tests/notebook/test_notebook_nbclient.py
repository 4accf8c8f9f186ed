"""Where no front end tells anything: nbclient, nbconvert and a terminal, with real kernels."""

import json
import subprocess
import sys

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.slow

INSTALL = "from kbench_jupyter.notebook import mirror\nmirror.install(get_ipython())"
SHOW = """import json
from kbench_jupyter.notebook.current import current_notebook
c = current_notebook()
print(json.dumps({"probe": c.probe, "path": str(c.path), "cells": [cell.source for cell in c.notebook.cells]}))"""


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    for name in ("KBENCH_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    cells = [nbformat.v4.new_markdown_cell("# Task")]
    cells += [nbformat.v4.new_code_cell(text) for text in (INSTALL, "", "x = 1", SHOW, "y = 2")]
    made = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(made, tmp_path / "task.ipynb")
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("other")])
    nbformat.write(other, tmp_path / "other.ipynb")
    return made


def test_nbclient_runs_a_notebook_that_finds_itself_and_saves_no_widget(notebook, tmp_path):
    client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    done = client.execute()
    told = json.loads(done.cells[4].outputs[0].text)
    assert told["probe"] == "the working directory"
    assert told["path"] == str(tmp_path / "task.ipynb")
    assert told["cells"][-1] == "y = 2"
    assert "widgets" not in done.metadata


def test_nbconvert_runs_a_notebook_that_finds_itself(notebook, tmp_path):
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--stdout", "task.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(nbformat.reads(done.stdout, as_version=4).cells[4].outputs[0].text)
    assert told["path"] == str(tmp_path / "task.ipynb")


def test_nbconvert_runs_a_notebook_again_beside_what_it_wrote_the_first_time(notebook, tmp_path):
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "task.ipynb"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    written = nbformat.read(tmp_path / "task.nbconvert.ipynb", as_version=4)
    assert json.loads(written.cells[4].outputs[0].text)["path"] == str(tmp_path / "task.ipynb")


def test_a_terminal_takes_a_file_and_without_one_says_how_to_name_it(notebook, tmp_path):
    script = tmp_path / "session.ipy"
    script.write_text(
        INSTALL + "\nfrom kbench_jupyter.notebook.current import current_notebook\n"
        "print([c.source for c in current_notebook(file='other.ipynb').notebook.cells])\ncurrent_notebook()\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "['other']" in done.stdout
    said = done.stdout + done.stderr
    assert "cannot be found" in said
    assert "-f task.py, or %env KBENCH_NOTEBOOK=task.py" in said
    assert "Traceback" not in said
