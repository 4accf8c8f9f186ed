"""Where no front end tells anything: nbclient, nbconvert, papermill and a terminal, with real kernels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import papermill
import pytest

pytestmark = pytest.mark.slow

INSTALL = "from kbench_jupyter.notebook import mirror\nmirror.install(get_ipython())"
SHOW = """import json
from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.current import current_notebook
try:
    c = current_notebook()
    print(json.dumps({"probe": c.probe, "path": str(c.path), "cells": [cell.source for cell in c.notebook.cells]}))
except NotebookError as error:
    print(json.dumps({"refused": f"{error}", "detail": error.detail, "hint": error.hint}))"""
BEGIN = (INSTALL, "", "x = 1", SHOW)


def write(path, *texts, tags=()):
    cells = [nbformat.v4.new_markdown_cell("# Task"), *map(nbformat.v4.new_code_cell, texts)]
    for index, tag in tags:
        cells[index].metadata["tags"] = [tag]
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return made


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    for name in ("KBENCH_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / "other.ipynb", "other")
    return write(tmp_path / "task.ipynb", *BEGIN, "y = 2")


def told(notebook):
    """What `SHOW` printed in a notebook that was executed."""
    (cell,) = [cell for cell in notebook.cells if cell.source == SHOW]
    return json.loads(cell.outputs[0].text)


def run(program, *command, cwd, **env):
    """Run a program of this environment, by its full path."""
    program = Path(sys.executable).parent / program
    env = {**os.environ, **env}
    done = subprocess.run([program, *command], cwd=cwd, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def execute(path):
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    return nbclient.NotebookClient(notebook, timeout=60, resources=folder).execute()


def test_nbclient_runs_a_notebook_that_finds_itself_and_saves_no_widget(notebook, tmp_path):
    write(tmp_path / "task.ipynb", *BEGIN, "%lsmagic")
    write(tmp_path / "whole.ipynb", *BEGIN[:3], "y = 2", SHOW)
    done = execute(tmp_path / "whole.ipynb")
    assert (told(done)["probe"], told(done)["path"]) == (
        "the working directory",
        str(tmp_path / "whole.ipynb"),
    )
    assert "widgets" not in done.metadata


def test_nbclient_does_not_settle_for_a_notebook_that_may_only_begin_the_same(notebook, tmp_path):
    write(tmp_path / "tasks" / "other.ipynb", *BEGIN, "y = 'another task'")
    other = nbformat.read(tmp_path / "tasks" / "other.ipynb", as_version=4)
    folder = {"metadata": {"path": str(tmp_path)}}
    refused = told(nbclient.NotebookClient(other, timeout=60, resources=folder).execute())
    assert "task.ipynb begins with what has been run, and another could begin the same" in refused["detail"]
    assert refused["hint"] == "Name the file: -f FILE, or %env KBENCH_NOTEBOOK=FILE for every command."


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("jupyter-nbconvert --to notebook --execute", "task.nbconvert.ipynb"),
        ("jupyter-nbconvert --to notebook --output out.ipynb --execute", "out.ipynb"),
        ("jupyter-execute --output=out", "out.ipynb"),
    ],
)
def test_the_program_that_runs_a_notebook_was_told_which_also_beside_its_output(
    notebook, tmp_path, command, output
):
    write(tmp_path / "begins-the-same.ipynb", *BEGIN, "y = 'another task'")
    write(tmp_path / output, *BEGIN, "y = 'what it was before an edit'")
    for _ in range(2):
        run(*command.split(), "task.ipynb", cwd=tmp_path)
    written = told(nbformat.read(tmp_path / output, as_version=4))
    assert (written["path"], written["cells"][-1]) == (str(tmp_path / "task.ipynb"), "y = 2")


@pytest.mark.parametrize("options", [[], ["-p", "x", "5"], ["--inject-paths"]])
def test_papermill_runs_a_notebook_that_finds_itself_and_not_one_that_begins_the_same(
    notebook, tmp_path, options
):
    tags = [(3, "parameters")]
    write(tmp_path / "tasks" / "task.ipynb", *BEGIN, "y = 'the task'", tags=tags)
    write(tmp_path / "task.ipynb", *BEGIN, "y = 'begins the same'", tags=tags)
    for _ in range(2):  # the second time its output lies there
        run("papermill", "tasks/task.ipynb", "out.ipynb", *options, cwd=tmp_path)
        written = told(nbformat.read(tmp_path / "out.ipynb", as_version=4))
        assert (written["probe"], written["path"]) == (
            "the program that runs it",
            str(tmp_path / "tasks" / "task.ipynb"),
        )
        assert written["cells"][-1] == "y = 'the task'"
        assert not any("# Parameters" in cell for cell in written["cells"])


def test_papermill_in_another_folder_finds_the_notebook_it_was_told_or_none(notebook, tmp_path):
    write(tmp_path / "tasks" / "task.ipynb", *BEGIN, "y = 'begins the same'")
    command = ["papermill", "task.ipynb", "out.ipynb", "--cwd", "tasks"]
    run(*command, cwd=tmp_path, PWD=str(tmp_path))
    refused = told(nbformat.read(tmp_path / "out.ipynb", as_version=4))
    assert "told task.ipynb, which begin alike" in refused["detail"]
    (tmp_path / "tasks" / "task.ipynb").unlink()
    run(*command, cwd=tmp_path, PWD=str(tmp_path))
    assert told(nbformat.read(tmp_path / "out.ipynb", as_version=4))["path"] == str(tmp_path / "task.ipynb")


def test_papermill_as_a_library_is_asked_for_its_input_path(notebook, tmp_path):
    write(tmp_path / "tasks" / "b.ipynb", *BEGIN, "y = 'the task'")
    path, out = tmp_path / "tasks" / "b.ipynb", tmp_path / "out.ipynb"
    papermill.execute_notebook(path, out, cwd=tmp_path, progress_bar=False)
    assert "name it with -f FILE" in told(nbformat.read(out, as_version=4))["detail"]
    parameters = {"PAPERMILL_INPUT_PATH": str(path)}
    papermill.execute_notebook(path, out, parameters, cwd=tmp_path, progress_bar=False)
    assert told(nbformat.read(out, as_version=4))["path"] == str(path)


def test_a_notebook_that_another_notebook_executes_is_not_taken_for_that_one(notebook, tmp_path):
    inner = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'papermill', 'b.ipynb', 'out.ipynb'])"
    )
    write(tmp_path / "outer.ipynb", *BEGIN, "y = 'the outer task'", inner)
    write(tmp_path / "tasks" / "b.ipynb", *BEGIN, "y = 'the inner task'")
    run(
        "papermill",
        "b.ipynb",
        "out.ipynb",
        cwd=tmp_path / "tasks",
        JPY_SESSION_NAME=str(tmp_path / "outer.ipynb"),
    )
    written = told(nbformat.read(tmp_path / "tasks" / "out.ipynb", as_version=4))
    assert written["path"] == str(tmp_path / "tasks" / "b.ipynb")


def test_a_terminal_says_how_to_name_a_file(notebook, tmp_path):
    script = tmp_path / "session.ipy"
    script.write_text(
        INSTALL + "\nfrom kbench_jupyter.notebook.current import current_notebook\ncurrent_notebook()\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert "cannot be found" in said
    assert "-f task.py, or %env KBENCH_NOTEBOOK=task.py" in said
    assert "Traceback" not in said
