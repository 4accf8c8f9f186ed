"""A notebook's task source: what stays, what is left out, where each line came from, what is pushed."""

import json
import re
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

import kbench_jupyter
from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import percent_task_source
from kbench_jupyter.notebook.pushed import notebook_from_pushed, percent_from_pushed, push_notebook
from kbench_jupyter.session.settings import SERVER_SETTINGS, SETTINGS
from kbench_jupyter.validation import check


def code(text, **metadata):
    return {"cell_type": "code", "source": text, "metadata": metadata, "id": "c1", "outputs": []}


def source_of(*texts):
    return task_source([code(text) for text in texts], origin="test.ipynb")


@pytest.mark.parametrize("notebook", [{}, {"cells": None}, {"cells": "x = 1"}, "x = 1", 7, None])
def test_what_is_no_notebook_is_said_to_be_none(notebook):
    with pytest.raises(NotebookError, match="is not a Jupyter notebook"):
        task_source(notebook, origin="test.ipynb")


@pytest.mark.parametrize("cell", [7, {"cell_type": "chart"}, {"cell_type": "code", "source": {}}])
def test_a_cell_that_is_none_is_named_by_its_number(cell):
    with pytest.raises(NotebookError, match="Cell 2 is not a"):
        task_source([code("x = 1"), cell], origin="test.ipynb")


def test_an_invisible_character_is_named_with_the_line_of_the_cell_it_is_in():
    with pytest.raises(NotebookError, match=r"U\+000C\) in cell 2, line 4 would be lost"):
        source_of("x = 1", "%kbench push\n\ny = 2\nz = '\x0c'")


def texts(source):
    return [cell.text for cell in source.cells]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("%load_ext kbench_jupyter", []),
        ("%reload_ext kbench_jupyter\nimport os", ["import os"]),
        ("%load_ext kbench_jupyter  # the door", []),
        ("load_ext kbench_jupyter", []),
        ("%kbench push", []),
        ("kbench push --wait", []),
        ("kbench -h", []),
        ("%kbench?", []),
        ("?%kbench", []),
        ("runs = %kbench run -m a\nruns", ["runs"]),
        ("a, b = %kbench list \\\n   --all\nz = 3", ["z = 3"]),
        ("%kbench run -m a \\\n  -m b\nz = 3", ["z = 3"]),
        ("%time %kbench push", []),
        ("%%time\n%kbench push", []),
        ("%%time\n%kbench push\nx = 1", ["%%time\nx = 1"]),
        ("%%kbench validate\n# %%\nx = 1", []),
        ("\n\n  %%kbench validate\nx", []),
        ("!echo it's\n%kbench push\nx = 2", ["!echo it's\nx = 2"]),
        ("%env KBENCH_UPSTREAM_URL=http://127.0.0.1:11434/v1\nx = 2", ["x = 2"]),
        ("%env KBENCH_WORKERS 4", []),
        ("%set_env KBENCH_WORKERS=4", []),
        ("%set_env KBENCH_WORKERS 4", []),
        ("%env KBENCH_WORKERS", []),
        ("env KBENCH_WORKERS=4", []),
        ("set_env KBENCH_WORKERS 4", []),
        ("workers = %env KBENCH_WORKERS\nx = 2", ["x = 2"]),
        ("%env KBENCH_UPSTREAM_URL=\\\n  http://127.0.0.1:9/v1\nx = 2", ["x = 2"]),
        ("%time %env KBENCH_WORKERS=4", []),
        ("%%time\n%env KBENCH_WORKERS=4\nx = 1", ["%%time\nx = 1"]),
        ("%config KBench.target = 'local'\nx = 2", ["x = 2"]),
        ("%config KBench", []),
        ("config KBench.target = 'local'", []),
    ],
)
def test_what_belongs_to_kbench_is_left_out_and_said(cell, kept):
    source = source_of(cell)
    assert texts(source) == kept
    assert source.left_out
    for out in source.left_out:
        assert out.reason
        assert out.line is None or out.text.split("\n")[0].strip() == cell.split("\n")[out.line - 1].strip()


@pytest.mark.parametrize(
    "cell",
    [
        "s = '''\n%kbench push\n'''",
        "# %kbench push\nx = 1",
        "%%bash\n%kbench push",
        "%%writefile notes.txt\n%kbench push\n%load_ext kbench_jupyter",
        "x %kbench",
        "kbench.task",
        "kbench = 5",
        "print(f'%kbench {1 %kbench}')",
        "%load_ext autoreload\n%matplotlib inline",
        "!pip install kbench_jupyter",
        "%pip install kbench_jupyter",
        "files = !ls kbench",
        "kbench.task?",
        "%%time\nkbench.llm.prompt('x')",
        "%env OTHER=KBENCH_WORKERS",
        "%env MY_KBENCH_WORKERS=4",
        "%env KBENCH_QUESTIONS=20",
        "if True:\n    %env KBENCH_WORKERS_WANTED=4",
        "%config InlineBackend.figure_format = 'svg'",
        "s = '''\n%env KBENCH_WORKERS=4\n'''",
        "# %env KBENCH_WORKERS=4\nx = 1",
        "%%bash\nenv KBENCH_WORKERS=4 ls",
        "env = {}\nenv\nKBENCH_WORKERS = 4",
        "x = 5 %env",
    ],
)
def test_what_only_looks_like_it_stays(cell):
    source = source_of(cell)
    assert texts(source) == [cell]
    assert source.left_out == ()


def test_a_line_with_any_variable_that_this_package_reads_is_left_out():
    files = [path for kind in ("*.py", "*.js") for path in Path(kbench_jupyter.__file__).parent.rglob(kind)]
    ours = {name for path in files for name in re.findall(r"KBENCH_[A-Z_]*[A-Z]", path.read_text())}
    ours |= {setting.variable for setting in (*SETTINGS, *SERVER_SETTINGS)}
    assert len(ours) > 15
    assert texts(source_of(*(f"%env {name}=1" for name in sorted(ours)))) == []


def test_plain_python_with_a_long_line_of_data_is_a_task_source_whatever_it_mentions():
    data = "ROWS = [" + ", ".join(f"{{'id': '{n}', 'text': 'it is {n}'}}" for n in range(3_000)) + "]"
    cell = f"class NoKBench:\n    'What KBENCH_WORKERS is, \\d, kbench_jupyter knows.'\n\n{data}"
    assert texts(source_of(cell)) == [cell]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("for m in models:\n    %kbench run -m m", 2),
        ("def f():\n    x = %kbench list", 2),
        ("x = 1; %kbench push", 1),
        ("if True: y = %kbench list", 1),
        ("if True: %kbench list", 1),
        ("print(\n%kbench list\n)", 2),
        ("y = len(%kbench list)", 1),
        ("try:\n    %load_ext kbench_jupyter\nexcept Exception:\n    pass", 2),
        ("if True:\n    %env KBENCH_UPSTREAM_API_KEY=hunter2", 2),
        ("if True: %set_env KBENCH_UPSTREAM_API_KEY hunter2", 1),
        ("x = 1; %env KBENCH_UPSTREAM_API_KEY=hunter2", 1),
        ("for m in models:\n    w = %env KBENCH_WORKERS", 2),
        ("with room: %config KBench.api_url = 'https://ada:hunter2@x.org'", 1),
        ("print(%env KBENCH_WORKERS)", 1),
    ],
)
def test_kbench_in_the_middle_of_code_is_an_error_that_names_cell_and_line(cell, line):
    with pytest.raises(NotebookError, match=rf"cell 2, line {line}\b") as caught:
        source_of("x = 1", cell)
    assert "kbench-skip" in caught.value.hint
    assert "hunter2" not in "".join(caught.value.lines())


def test_a_cell_tagged_kbench_skip_is_left_out_whatever_it_holds():
    source = task_source([code("for x in y:\n  %kbench push", tags=["kbench-skip"]), code("x")], origin="nb")
    assert texts(source) == ["x"]
    assert [(out.ref.number, out.line, out.reason) for out in source.left_out] == [
        (1, None, "tagged kbench-skip")
    ]


def test_each_line_leads_back_to_the_users_cell_and_line():
    cells = [
        {"cell_type": "markdown", "source": "# Title\n\ntext", "metadata": {}, "id": "m"},
        code("%load_ext kbench_jupyter"),
        code("\n%kbench list\nimport os\n\n%kbench push\ndef f():\n    pass"),
        code("%%bash -x\nls\necho"),
    ]
    source = task_source(cells, origin="nb")
    where = {
        line: (cell.ref.number, number)
        for cell in source.cells
        for line, number in zip(cell.text.split("\n"), cell.lines, strict=True)
    }
    assert where["# Title"] == (1, 1)
    assert where["text"] == (1, 3)
    assert where["import os"] == (3, 3)
    assert where["def f():"] == (3, 6)
    assert where["    pass"] == (3, 7)
    assert where["echo"] == (4, 3)
    assert source.cells[1].ref.id == "c1"
    assert source.cells[1].lines == (3, 4, 6, 7)


def test_outputs_counts_and_metadata_do_not_change_the_text():
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    rich = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", execution_count=7)])
    rich.cells[0].metadata.update({"scrolled": True, "tags": ["a"], "active": "md", "language": "R"})
    rich.cells[0].outputs.append(nbformat.v4.new_output("stream", text="secret output"))
    rich.metadata.update({"widgets": {"state": "secret"}, "kernelspec": {"name": "x", "display_name": "X"}})
    a, b = task_source(plain, origin="nb"), task_source(rich, origin="nb")
    assert a.text == b.text == "# %%\nx = 1\n"
    assert push_notebook(a) == push_notebook(b)
    assert "secret" not in push_notebook(b)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("x = 1\n# %% part two\ny = 2", "x = 1\n## %% part two\ny = 2"),
        ("def f():\n    # %%\n    return 1", "def f():\n    ## %%\n    return 1"),
        (
            "def f():\n    x = !ls\n    return x",
            "def f():\n    x = get_ipython().getoutput('ls')\n    return x",
        ),
    ],
)
def test_code_that_percent_format_would_change_is_rewritten_to_the_same_meaning(cell, written):
    source = source_of(cell, "after = 1")
    assert texts(source) == [written, "after = 1"]
    assert [c.source for c in jupytext.reads(source.text, fmt="py:percent").cells] == texts(source)


def test_a_task_in_a_timed_cell_with_a_shell_line_in_it_is_seen_and_keeps_its_lines():
    timed = """%%time
import kaggle_benchmarks as kbench

@kbench.task()
def quiz(llm) -> bool:
    out = !echo hi \\
      there
    return "hi" in out[0]"""
    source = source_of(timed, "quiz.run(kbench.llm)")
    assert texts(source)[0].startswith("%%time\nimport kaggle_benchmarks")
    assert source.cells[0].lines == (1, 2, 3, 4, 5, 6, 8)
    assert check(source) == []


def test_an_open_code_fence_in_markdown_does_not_swallow_the_cells_below():
    prose = {"cell_type": "markdown", "source": "```python\nx", "metadata": {}}
    source = task_source([prose, code("y = '''\n```\n'''"), prose], origin="nb")
    back = jupytext.reads(source.text, fmt="py:percent")
    # It is closed where the installed jupytext would look for its end further on, and left alone by older ones.
    cells = [c.source.removesuffix("\n```") for c in back.cells]
    assert cells == ["```python\nx", "y = '''\n```\n'''", "```python\nx"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("x = '''\nnever closed", r"cell 2 is not finished \(line 1: unterminated triple-quoted"),
        ("x = 1\ny = 'a\u2028b'", r"U\+2028\) in cell 2, line 2"),
        ("x = '\ud800'", r"U\+D800\) in cell 2, line 1"),
    ],
)
def test_code_that_percent_format_cannot_hold_is_refused_with_its_place(cell, said):
    with pytest.raises(NotebookError, match=said):
        source_of("x = 1", cell)


def test_the_pushed_notebook_is_what_the_official_client_makes_of_the_same_text(tmp_path):
    from kaggle.api.kaggle_api_extended import KaggleApi

    source = task_source(
        [
            {"cell_type": "markdown", "source": "# A task", "metadata": {}},
            code("%load_ext kbench_jupyter"),
            code("import kaggle_benchmarks as kbench\n%matplotlib inline"),
            code("@kbench.task()\ndef what(llm) -> bool:\n    return True"),
            code("%%bash\nls"),
            code("what.run(kbench.llm)"),
        ],
        origin="nb",
    )
    theirs = json.loads(KaggleApi._convert_py_to_notebook(source.text))
    ours = json.loads(push_notebook(source))
    assert len({cell.pop("id") for cell in ours["cells"]}) == 5
    for cell in theirs["cells"]:
        cell.pop("id")
    assert ours == theirs


def test_the_same_source_gives_the_same_bytes_and_a_valid_notebook():
    source = source_of("x = 1", "x = 1", "y")
    pushed = push_notebook(source, choose="My task")
    assert pushed == push_notebook(source_of("x = 1", "x = 1", "y"), choose="My task")
    notebook = nbformat.reads(pushed, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[-1].source == "%choose My task"
    assert len({cell.id for cell in notebook.cells}) == 4


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\u2028b"])
def test_a_task_name_that_is_not_one_line_is_not_chosen(name):
    with pytest.raises(NotebookError, match="one line"):
        push_notebook(source_of("x"), choose=name)


def test_a_pulled_notebook_is_the_pushed_one_without_outputs_and_format_notes():
    source = source_of("x = 1", "!ls")
    pushed = nbformat.reads(push_notebook(source), as_version=4)
    pushed.cells[0].outputs.append(nbformat.v4.new_output("stream", text="out"))
    pushed.cells[0].execution_count = 3
    pulled = notebook_from_pushed(nbformat.writes(pushed))
    assert [cell.source for cell in pulled.cells] == ["x = 1", "!ls"]
    assert pulled.cells[0].outputs == []
    assert pulled.cells[0].execution_count is None
    assert "jupytext" not in pulled.metadata
    assert percent_from_pushed(nbformat.writes(pushed)) == source.text


def test_a_kbench_cell_body_is_read_as_percent_text():
    source = percent_task_source("# %% [markdown]\n# Hi\n\n# %%\n# !ls\nx = 1\n", origin="the %%kbench cell")
    assert [(c.kind, c.text) for c in source.cells] == [("markdown", "Hi"), ("code", "!ls\nx = 1")]
    assert texts(percent_task_source("x = 1\n\ny = 2", origin="the cell")) == ["x = 1\n\ny = 2"]
    assert percent_task_source("", origin="the cell").cells == ()


def test_the_builders_module_imports_nothing_heavy_by_itself():
    import subprocess

    heavy = ("jupytext", "nbformat", "requests", "IPython")
    check = f"import sys, kbench_jupyter.notebook.pushed; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
