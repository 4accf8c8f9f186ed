"""The rehearsal names places as the notebook's reader counts them, and stops when it is told to."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import nbformat
import pytest

from kbench_jupyter.execution import scratch_folder
from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import file_task_source
from kbench_jupyter.validation.rehearsal.run import rehearse

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]


def source_of(*cells):
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return task_source(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), *made]), origin="a.ipynb"
    )


def test_a_traceback_counts_the_notebooks_cells_and_lines(tmp_path):
    source = source_of("x = 1", "def boom():\n    raise ValueError('no')", "%kbench\nx = 2\n\nboom()")
    failure = rehearse(source, folder=tmp_path, env=os.environ).failure
    assert failure.where == "cell 4, line 4"
    assert "Cell 4, line 4" in failure.traceback
    assert "Cell 3, line 2" in failure.traceback
    assert "In[" not in failure.traceback
    [arrow] = [line for line in failure.traceback.splitlines() if line.endswith("boom()") and "->" in line]
    assert arrow.split() == ["---->", "4", "boom()"]


def test_a_model_endpoint_that_is_down_is_not_the_cells_fault(tmp_path):
    ask = "client.chat.completions.create(model='m', messages=[])"
    source = source_of(
        "import openai\nclient = openai.OpenAI(api_key='k', base_url='http://127.0.0.1:9/', max_retries=0)",
        f"def ask():\n    return {ask}",
        "ask()",
    )
    failure = rehearse(source, folder=tmp_path, env=os.environ).failure
    assert (failure.message, failure.endpoint) == ("APIConnectionError: Connection error.", True)
    assert "Cell 4, line 1" in failure.traceback
    assert f"----> 2     return {ask}" in failure.traceback
    assert "in openai left out" in failure.traceback
    assert "site-packages" not in failure.traceback


def test_a_cell_that_says_nothing_is_stopped_soon(tmp_path):
    source = source_of("import time\nprint('on', flush=True)", "time.sleep(60)")
    stop = threading.Event()

    def heard(step):
        if step.text:
            threading.Timer(0.5, stop.set).start()

    begun = time.monotonic()
    rehearsal = rehearse(source, folder=tmp_path, env=os.environ, on_progress=heard, interrupt=stop)
    assert rehearsal.outcome.interrupted
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        (
            "task.md",
            "# Title\n\n```python\na = 1\n```\n\n```python\n\n```\n\n```python\nb = 2\n1 / 0\n```\n",
            "line 13 (cell 4)",
        ),
        (
            "task.Rmd",
            "Title\n\n```{python}\na = 1\n```\n\nwords\n\n```{python}\n1 / 0\n```\n",
            "line 10 (cell 4)",
        ),
        ("light.py", "# +\na = 1\n\n# + [markdown]\n# words\n\n# +\nb = 2\n1 / 0\n# -\n", "line 9 (cell 3)"),
        ("percent.py", "# %%\n\n# %%\na = 1\n# %% [raw]\n# x\n# %%\n\n1 / 0\n\n# %%\n", "line 9 (cell 4)"),
    ],
)
def test_a_file_of_any_form_fails_with_its_own_error_and_place(tmp_path, name, text, place):
    path = tmp_path / name
    path.write_text(text)
    with scratch_folder() as folder:
        failure = rehearse(file_task_source(path), folder=folder, env=kernel_environment()).failure
    assert (failure.message, failure.where) == ("ZeroDivisionError: division by zero", place)


def test_a_task_finds_none_of_the_users_files_in_its_home(tmp_path):
    source = source_of(
        "import os, pathlib\nprint(len(list(pathlib.Path.home().iterdir())), os.environ['HOME'])"
    )
    heard = []
    rehearsal = rehearse(
        source, folder=tmp_path, env=kernel_environment(), on_progress=lambda step: heard.append(step.text)
    )
    assert rehearsal.failure is None
    number, home = "".join(heard).split()
    assert number == "0"
    assert not Path(home).exists(), "it goes with the kernel"
