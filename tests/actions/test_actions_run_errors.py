"""Errors of runs name cells and lines of the notebook where that is certain, and never a wrong one."""

from __future__ import annotations

from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors
from kbench_jupyter.notebook.build import percent_task_source, task_source

SOURCE = """\
# %%
def helper(answer):
    raise ValueError("no good answer")

# %%
def quiz(llm):
    helper("x")
"""
RAISED = """\
The first run ended in an error.
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/kaggle_benchmarks/tasks.py", line 171, in run
    run.result = self.func(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/tmp/ipykernel_7/111.py", line 2, in quiz
    helper("x")
  File "/tmp/ipykernel_7/222.py", line 2, in helper
    raise ValueError("no good answer")
ValueError: no good answer
"""


def cells(*texts):
    return task_source([{"cell_type": "code", "source": text} for text in texts], origin="a.ipynb")


def test_frames_name_the_notebooks_cells_and_those_of_libraries_are_folded():
    source = cells(
        '%kbench status\n\ndef helper(answer):\n    raise ValueError("no good answer")',
        'def quiz(llm):\n    helper("x")',
    )
    explained = RunErrors(source)
    assert explained.line(RAISED) == "ValueError: no good answer (cell 1, line 4)"
    whole = explained.whole(RAISED)
    assert "  Cell 2, line 2, in quiz\n" in whole
    assert "  Cell 1, line 4, in helper\n" in whole
    assert "1 frame in kaggle_benchmarks left out" in whole
    assert whole.startswith("The first run ended in an error.\nTraceback")


def test_lines_of_a_file_are_the_files_own():
    assert (
        RunErrors(percent_task_source(SOURCE, origin="q.py"))
        .line(RAISED)
        .startswith("ValueError: no good answer (")
    )


def test_text_that_stands_on_that_line_of_two_cells_names_none():
    same = 'def helper(answer):\n    raise ValueError("no good answer")'
    explained = RunErrors(cells(same, same))
    assert explained.line(RAISED) == "ValueError: no good answer"
    assert "A cell of the notebook, line 2, in helper" in explained.whole(RAISED)


def test_without_the_source_no_cell_is_named_and_the_rest_is_told():
    assert NO_SOURCE.line(RAISED) == "ValueError: no good answer"
    assert "A cell of the notebook, line 2, in quiz" in NO_SOURCE.whole(RAISED)
    assert "ipykernel" not in NO_SOURCE.whole(RAISED)


def test_a_message_without_a_traceback_stays_as_it_is():
    assert NO_SOURCE.whole("out of quota") == NO_SOURCE.line("out of quota") == "out of quota"
    assert NO_SOURCE.whole(None) == NO_SOURCE.line(None) == ""
