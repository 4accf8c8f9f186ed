"""Task sources from files: every kind people have, and one clear error for what is none."""

import json
import os

import jupytext
import nbformat
import pytest

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import files
from kbench_jupyter.notebook.files import file_task_source
from kbench_jupyter.notebook.pushed import push_notebook

CELLS = [("markdown", "# Title"), ("code", "import os\n!ls"), ("code", "def f():\n\n    return 1")]


@pytest.fixture
def notebook():
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in CELLS])


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("task.ipynb", "ipynb"),
        ("task.py", "py:percent"),
        ("light.py", "py:light"),
        ("task.md", "md"),
        ("task.Rmd", "Rmd"),
        ("myst.md", "md:myst"),
    ],
)
def test_the_same_cells_come_out_of_every_kind_of_file(tmp_path, notebook, name, fmt):
    path = tmp_path / name
    path.write_text(jupytext.writes(notebook, fmt=fmt), encoding="utf-8")
    source = file_task_source(path)
    assert [(c.kind, c.text) for c in source.cells] == CELLS
    assert source.origin == str(path)
    assert [bool(c.ref.id) for c in source.cells] == [name.endswith("ipynb")] * 3


def test_a_plain_script_is_one_cell(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("\ufeffimport os\n\n\ndef f():\n    return 1\n\n\nf()\n", encoding="utf-8")
    assert [c.text for c in file_task_source(path).cells] == [
        "import os\n\n\ndef f():\n    return 1\n\n\nf()"
    ]


def test_an_old_notebook_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.ipynb"
    path.write_text(
        '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": ['
        '{"cell_type": "code", "language": "python", "input": ["x = 1"], "outputs": [], "metadata": {}}]}]}'
    )
    assert [c.text for c in file_task_source(path).cells] == ["x = 1"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.ipynb", b"", "empty"),
        ("a.ipynb", b"{not json", "not a Jupyter notebook"),
        ("a.ipynb", b"[1, 2]", "not a Jupyter notebook"),
        ("a.ipynb", b'{"nbformat": 4, "cells": 3}', "not a Jupyter notebook"),
        ("a.ipynb", b"\x89PNG\r\n\x1a\n\x00", "not a text file"),
        ("a.py", b"x = 1\x00", "not a text file"),
        ("a.py", "x = 'é'".encode("latin-1"), "not a text file"),
        ("a.csv", b"a,b", "not a kind of file"),
        ("noending", b"x = 1", "not a kind of file"),
    ],
)
def test_a_file_that_holds_no_notebook_is_refused_with_its_name(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=said) as caught:
        file_task_source(path)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (
            "# -*- coding: latin-1 -*-\nx = 'é'".encode("latin-1"),
            "iso-8859-1: take out that line, and save it as UTF-8",
        ),
        ("x = 'é'".encode("latin-1"), "Save it as UTF-8."),
        ("# coding: nosuch\nx = 'é'".encode("latin-1"), "Save it as UTF-8."),
        ("x = 1".encode("utf-16"), "Save it as UTF-8."),
        (b"\x89PNG\r\n\x1a\n\x00", "Give a notebook or a Python file."),
    ],
)
def test_a_text_that_is_not_utf_8_is_to_be_saved_as_that(tmp_path, content, hint):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match="not a text file in UTF-8") as caught:
        file_task_source(path)
    assert hint in caught.value.hint


@pytest.mark.parametrize("content", ["[]", "3", '"text"', "null", "{}", '{"a": 1}'])
def test_json_that_is_no_notebook_is_said_to_be_that(tmp_path, content):
    path = tmp_path / "list.ipynb"
    path.write_text(content)
    with pytest.raises(
        NotebookError, match=r"list\.ipynb is not a Jupyter notebook: it is JSON, but no notebook\."
    ):
        file_task_source(path)


def test_a_missing_file_a_folder_and_an_odd_path_are_refused(tmp_path):
    with pytest.raises(NotebookError, match="There is no file"):
        file_task_source(tmp_path / "none.ipynb")
    with pytest.raises(NotebookError, match="is a folder"):
        file_task_source(tmp_path)
    with pytest.raises(NotebookError, match="cannot be read"):
        file_task_source("a\0b.py")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(NotebookError, match="cannot be read"):
        file_task_source(path)


def test_a_huge_file_is_refused_without_reading_it(tmp_path, monkeypatch):
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    with pytest.raises(NotebookError, match="too large"):
        file_task_source(path)


TASK_FILE = """# ---
# jupyter:
#   kernelspec:
#     name: other
#     display_name: Other
#     language: python
# ---

# %% [markdown]
# # What is Kaggle?
#
# A question.

# %% Setup tags=["a"]
import kaggle_benchmarks as kbench
# %matplotlib inline



# %%
@kbench.task(name="What is Kaggle?")
def what(llm) -> bool:
    return True


# %% [markdown]
\"\"\"
In quotes.
\"\"\"

# %% language="bash"
# ls

# %%
what.run(kbench.llm)
"""


def test_a_percent_file_is_pushed_to_the_letter_as_the_official_client_pushes_it(tmp_path):
    from kaggle.api.kaggle_api_extended import KaggleApi

    path = tmp_path / "task.py"
    path.write_text(TASK_FILE)
    source = file_task_source(path)
    assert source.text == TASK_FILE
    ours = json.loads(push_notebook(source))
    theirs = json.loads(KaggleApi._convert_py_to_notebook(TASK_FILE))
    for cell in ours["cells"] + theirs["cells"]:
        cell.pop("id")
    assert ours == theirs
    lines = TASK_FILE.split("\n")
    where = {lines[i]: (p[0].number, p[1]) for i, p in enumerate(source.file) if p and lines[i].strip("# ")}
    assert where["# # What is Kaggle?"] == (1, 1)
    assert where["# A question."] == (1, 3)
    assert where["# %matplotlib inline"] == (2, 2)
    assert where["    return True"] == (3, 3)
    assert where["In quotes."] == (4, 1)
    assert where["# ls"] == (5, 2)
    assert where["what.run(kbench.llm)"] == (6, 1)


def test_of_a_percent_file_with_kbench_lines_only_the_rest_is_pushed(tmp_path):
    path = tmp_path / "task.py"
    path.write_text("# %%\n# %load_ext kbench_jupyter\n\n# %% Setup\nx = 1\n# %kbench push\n")
    source = file_task_source(path)
    assert source.text == "# %%\nx = 1\n"
    assert [(out.ref.number, out.line, out.text) for out in source.left_out] == [
        (1, 1, "%load_ext kbench_jupyter"),
        (2, 2, "%kbench push"),
    ]


@pytest.mark.parametrize("fmt", ["py:percent", "py:light", "py:hydrogen", "md", "md:myst", "Rmd"])
def test_each_line_that_is_pushed_has_its_line_in_the_file_whatever_is_left_out(tmp_path, fmt):
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# Title\nmark_0"),
        v4.new_code_cell("%load_ext kbench_jupyter\nmark_1 = 0\n\nmark_2 = 0"),
        v4.new_code_cell("mark_1 = 0", metadata={"tags": ["kbench-skip"]}),
        v4.new_code_cell(""),
        v4.new_code_cell("def f():\n\n    return 1\n\n\nmark_3 = f()\n%kbench push"),
        v4.new_code_cell("%%bash\nls"),
        v4.new_code_cell("!ls\nmark_4 = 0"),
    ]
    notebook = v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    path = tmp_path / f"task.{fmt.partition(':')[0]}"
    path.write_text(jupytext.writes(notebook, fmt=fmt))
    source = file_task_source(path)
    lines = path.read_text().split("\n")
    pushed = [
        (text, lines[source.file_line(cell.ref, number) - 1])
        for cell in source.cells
        for text, number in zip(cell.text.split("\n"), cell.lines, strict=True)
        if "mark_" in text
    ]
    assert [text for text, _ in pushed] == [
        "mark_0",
        *(f"mark_{n} = 0" for n in (1, 2)),
        "mark_3 = f()",
        "mark_4 = 0",
    ]
    assert all(line.removeprefix("# ") == text for text, line in pushed)
