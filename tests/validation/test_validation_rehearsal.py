"""The rehearsal names places as the notebook's reader counts them, and stops when it is told to."""

from __future__ import annotations

import os
import threading
import time

import nbformat
import pytest

from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.validation.rehearsal.run import rehearse

pytestmark = pytest.mark.slow


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
