"""Whatever the cells hold: one clear error or a task source that means exactly those cells."""

import ast
import contextlib
import json
import re

import jupytext
import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import file_task_source, percent_task_source
from kbench_jupyter.notebook.leave_out import keep_prose
from kbench_jupyter.notebook.pushed import push_notebook

# Pieces that percent format, jupytext or IPython treat in some special way, beside arbitrary text.
PIECES = [
    "%kbench push",
    "x = %kbench list",
    "%%kbench",
    "%load_ext kbench_jupyter",
    "kbench push",
    "%kbench?",
    "# %%",
    "# %% [markdown]",
    "#%%",
    "# In[1]:",
    "# <codecell>",
    "%% foo",
    "%%",
    "%%bash",
    "%%time",
    "%%kbench x",
    "!ls",
    "x = !ls",
    "    x = !ls",
    "x = %time 1",
    "y?",
    "?y",
    "ls",
    "cat foo",
    "# !ls",
    "#!ls",
    "# %time 1",
    "'''",
    '"""',
    "r'''",
    "# '''",
    "'it''s'",
    '"',
    "'",
    "\\",
    "```",
    "```python",
    "~~~",
    "---",
    "title: x",
    "def f():",
    "    return 1",
    "for i in y:",
    "    ",
    "\t",
    "",
    "x = 1",
    "y = [",
    "]",
    "(",
    ")",
    ";",
    "# +",
    "# -",
    ">>> x = 1",
    "In [1]: x",
    "@kbench.task()",
    "\u2028",
    "\x0c",
    "\r",
    "\x00",
    "\ud800",
    "é",
    "$x$",
    "<!-- #region -->",
]
line = st.one_of(
    st.sampled_from(PIECES), st.text(max_size=12), st.tuples(*[st.sampled_from(PIECES)] * 2).map("".join)
)
text = st.lists(line, max_size=6).map("\n".join)
cell = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "code", "markdown", "raw"]), "source": text},
    optional={"metadata": st.sampled_from([{}, {"tags": ["kbench-skip"]}, {"tags": None}, {"active": "md"}])},
)
anything = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def python_of(code):
    """What IPython would run, as a syntax tree without positions; None when it is not Python."""
    first, _, body = code.strip().partition("\n")
    # Its body is Python too, where comments do not count, unless that body is another magic's.
    if first.startswith("%%time") and not body.lstrip().startswith("%%"):
        return python_of(body) and (first, python_of(body))
    try:
        return ast.dump(ast.parse(TransformerManager().transform_cell(code)))
    except (SyntaxError, ValueError, RecursionError):
        return None


def printable(line):
    return re.sub(r"[^\x21-\x7e]+", " ", line)


@anything
@given(st.lists(cell, max_size=5))
@example([{"cell_type": "markdown", "source": "```"}, {"cell_type": "code", "source": "x = '''\n```\n'''"}])
@example([{"cell_type": "code", "source": "%% foo%kbench push\n# %%"}])
@example([{"cell_type": "code", "source": "%%time\n%%bash\n# %%"}])
@example([{"cell_type": "raw", "source": "---\ntitle: x\n---"}])
@example([{"cell_type": "code", "source": "def f():\n    x = !ls\n    return x"}])
def test_a_notebook_of_any_cells_parses_back_to_the_same_cells(cells):
    try:
        source = task_source(cells, origin="any")
    except NotebookError as error:
        named = str(error)
        source = None
    if source is None:
        assert "ell " in named
        return
    pushed = push_notebook(source)
    assert push_notebook(task_source(cells, origin="any")) == pushed
    held = [(c.kind, c.text) for c in source.cells]
    back = jupytext.reads(source.text, fmt="py:percent")
    if held:  # jupytext reads an empty text as one empty cell
        assert [(c.cell_type, c.source) for c in back.cells] == held
    assert [(c["cell_type"], "".join(c["source"])) for c in json.loads(pushed)["cells"] if held] == held
    assert [c.ref.index for c in source.cells] == sorted({c.ref.index for c in source.cells})
    for c in source.cells:
        assert len(c.lines) == len(c.text.split("\n"))
        own = {out.ref.index for out in source.left_out}
        if c.kind == "code" and c.ref.index not in own:
            original = cells[c.ref.index]["source"].replace("\r\n", "\n").replace("\r", "\n")
            original = re.sub(r"\A(\s*\n)+|(\n\s*)+\Z", "", original)  # blank lines around do not count
            assert python_of(original) in (python_of(c.text), None)


LAYOUT = [
    "",
    "",
    "x = 1",
    "# note",
    "@cached",
    "def f():",
    "async def g():",
    "class C:",
    "    return 1",
    ")",
    '    """One line."""',
    '    """Two',
    'lines."""',
    '"""',
    "'" * 3,
    "    'it''s'  # " + '"' * 3,
    "\tx = 1",
    "%time x",
]
laid_out = st.fixed_dictionaries(
    {
        "cell_type": st.sampled_from(["code", "code", "markdown", "raw"]),
        "source": st.lists(st.sampled_from(LAYOUT), min_size=1, max_size=6).map("\n".join),
    }
)


@pytest.mark.skipif(
    tuple(map(int, jupytext.__version__.split(".")[:2])) < (1, 17),
    reason="jupytext 1.16 took a coroutine for no function",
)
@settings(anything, max_examples=300)
@given(st.lists(laid_out, max_size=6) | st.lists(cell, max_size=5))
def test_the_text_is_the_one_that_jupytext_would_write_blank_lines_included(cells):
    try:
        source = task_source(cells, origin="any")
    except NotebookError:
        return
    nodes = [{"cell_type": c.kind, "source": c.text, "metadata": {}} for c in source.cells]
    notebook = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": nodes})
    form = {"extension": ".py", "format_name": "percent", "notebook_metadata_filter": "-all"}
    assert source.text == jupytext.writes(notebook, fmt={**form, "cell_metadata_filter": "-all"})


@anything
@given(st.lists(cell, max_size=4))
def test_every_line_of_the_text_leads_back_to_the_line_it_came_from(cells):
    try:
        source = task_source(cells, origin="any")
    except NotebookError:
        return
    placed = [(c, pair) for c in source.cells for pair in zip(c.text.split("\n"), c.lines, strict=True)]
    for c, (line, row) in placed:
        original = cells[c.ref.index]["source"].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert 1 <= row <= len(original)
        # Not where a line was rewritten: a fence closed, a comment doubled, a magic written out,
        rewritten = ("\\", "get_ipython", "%% ", "```", "~~~")
        # ... a pasted prompt taken off, quotes put around what stands behind `;` or `,`.
        if original[row - 1].lstrip().startswith(("In [", ">>>", ";", ",")):
            continue
        if line.strip() and not any(sign in line for sign in rewritten):
            assert printable(original[row - 1]).strip("#> ") in printable(line)


@anything
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | text,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["cells", "cell_type", "source", "metadata", "tags", "id"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_anything_that_is_not_a_notebook_is_refused_without_a_traceback(value):
    with contextlib.suppress(NotebookError):
        task_source(value, origin="any")


@anything
@given(text)
@example("# %% [markdown]\n'''\n")
@example("# ---\n# jupyter: 3\n# ---\n")
def test_any_percent_text_is_a_task_source_or_one_clear_error(given_text):
    try:
        source = percent_task_source(given_text, origin="any")
    except NotebookError:
        return
    pushed = json.loads(push_notebook(source))
    held = [(c.kind, c.text) for c in source.cells]
    back = [(c["cell_type"], keep_prose("".join(c["source"])).text) for c in pushed["cells"]] if held else []
    assert [(kind, text) for kind, text in back if text] == held  # a file's empty cells are sent as well


@anything
@given(
    st.sampled_from(["a.ipynb", "a.py", "a.md", "a.Rmd", "a.R", "a.jl"]),
    st.binary(max_size=60) | text.map(lambda t: t.encode("utf-8", "surrogatepass")),
)
def test_any_file_is_a_task_source_or_one_clear_error(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    with contextlib.suppress(NotebookError):
        push_notebook(file_task_source(path))
