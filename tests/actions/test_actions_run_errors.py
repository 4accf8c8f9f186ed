"""Errors of runs name cells and lines of the notebook where that is certain, and never a wrong one."""

from __future__ import annotations

from loopback_session import LoopbackSession

from kbench_jupyter.actions.run_errors import NO_SOURCE, RunErrors, errors_of
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import percent_task_source

SOURCE = """\
# %%
def helper(answer):
    raise ValueError("no good answer")

# %%
def quiz(llm):
    helper("x")
"""
TASK = """\
# %%
import kaggle_benchmarks as kbench
# %%
def helper(answer):
    raise ValueError("no good answer")
# %% [markdown]
# Answers.
# %%
@kbench.task(name="quiz")
def quiz(llm):
    helper("x")


quiz.run(kbench.llm)
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


FAILED_CELL = """\
Cell 2, line 1 failed:
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[2], line 1
----> 1 helper("x")

Cell In[1], line 2, in helper(answer)
      1 def helper(answer):
----> 2     raise ValueError("no good answer")

ValueError: no good answer
"""


def test_a_cell_that_failed_on_the_server_is_the_notebooks_whatever_the_server_counted():
    source = cells(
        '%kbench status\n\ndef helper(answer):\n    raise ValueError("no good answer")', "", 'helper("x")'
    )
    explained = RunErrors(source)
    whole = explained.whole(FAILED_CELL)
    assert whole.startswith("Cell 3, line 1 failed:\n----")
    assert "Cell 3, line 1\n----> 1 helper" in whole
    assert "Cell 1, line 4, in helper(answer)" in whole
    assert "ValueError                                Traceback" in whole
    assert explained.line(FAILED_CELL) == "ValueError: no good answer (cell 1, line 4)"


def test_the_server_counts_cells_of_code_alone():
    kinds = [
        ("code", 'def helper(answer):\n    raise ValueError("no good answer")'),
        ("markdown", "Why."),
        ("code", 'helper("x")'),
    ]
    source = task_source([{"cell_type": kind, "source": text} for kind, text in kinds], origin="a.ipynb")
    whole = RunErrors(source).whole(FAILED_CELL.replace("Cell 2, line 1 failed", "Cell 3, line 1 failed"))
    assert whole.startswith("Cell 3, line 1 failed:")
    assert "Cell 3, line 1\n----> 1 helper" in whole


def test_what_was_pushed_from_another_kernel_is_named_as_long_as_the_notebook_is_still_that(
    server, kbench, tmp_path, monkeypatch
):
    (tmp_path / "q.py").write_text(TASK, encoding="utf-8")
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "q.py"))
    kbench("push")
    later = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    task = later.client().get_task("quiz")
    assert (
        errors_of(later, later.target(), task).line(RAISED) == "ValueError: no good answer (line 5 (cell 2))"
    )
    (tmp_path / "q.py").write_text(TASK.replace("# Answers.", "# Answers.\n"), encoding="utf-8")
    assert errors_of(later, later.target(), task) is NO_SOURCE
    later.close()


def test_without_the_source_what_the_server_counted_says_so():
    assert (
        NO_SOURCE.line(FAILED_CELL) == "ValueError: no good answer (Cell In[1], line 2, as the server counts)"
    )
    assert NO_SOURCE.whole(FAILED_CELL).startswith("Cell 2, line 1 of the notebook that was pushed failed:\n")


def test_a_message_without_a_traceback_stays_as_it_is():
    assert NO_SOURCE.whole("out of quota") == NO_SOURCE.line("out of quota") == "out of quota"
    assert NO_SOURCE.whole(None) == NO_SOURCE.line(None) == ""


def test_of_other_versions_than_the_one_whose_source_is_known_no_place_is_named():
    explained = RunErrors(cells('def helper(answer):\n    raise ValueError("no good answer")'), version=2)
    assert "(cell 1, line 2)" in explained.of(2).line(RAISED)
    assert "cell 1" not in explained.of(1).line(RAISED)


def test_a_place_is_seen_behind_an_error_that_quotes_all_that_a_model_said():
    long = RAISED.replace("ValueError: no good answer", "ValueError: " + "words " * 500)
    said = RunErrors(cells('def helper(answer):\n    raise ValueError("no good answer")')).line(long)
    assert len(said) < 400
    assert said.endswith("… (cell 1, line 2)")
