"""Places of what ran are the notebook's, whatever empty, raw or markdown cells stand between."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbench_jupyter.notebook.build import task_source
from kbench_jupyter.notebook.files import file_task_source, percent_task_source
from kbench_jupyter.notebook.pushed import push_notebook
from kbench_jupyter.validation.rehearsal.places import Places

KINDS = {
    "code": nbformat.v4.new_code_cell,
    "markdown": nbformat.v4.new_markdown_cell,
    "raw": nbformat.v4.new_raw_cell,
}


def executed(source):
    """The notebook that a rehearsal executes, with the prompt numbers that a kernel gives."""
    notebook = nbformat.reads(push_notebook(source), as_version=4)
    numbers = iter(range(1, len(notebook.cells) + 1))
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            cell["execution_count"] = next(numbers)
    return notebook.cells


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 3), st.booleans()), min_size=1, max_size=8
    )
)
def test_each_executed_line_is_found_in_the_cell_that_the_user_sees(shape):
    cells, wanted = [], {}
    for number, (kind, lines, own_line) in enumerate(shape, start=1):
        text = [f"mark_{number}_{line} = 0" for line in range(lines)]
        if kind == "code":
            text = ["%kbench status", *text] if own_line else text
            wanted |= {line: (number, at) for at, line in enumerate(text, 1) if line.startswith("mark")}
        cells.append(KINDS[kind]("\n".join(text)))
    source = task_source(nbformat.v4.new_notebook(cells=cells), origin="a.ipynb")
    ran = executed(source)
    places = Places(source, ran)
    for index, cell in enumerate(ran):
        for line, text in enumerate(cell.source.splitlines(), start=1):
            if cell.cell_type == "code" and text.startswith("mark"):
                place = places.place(index, line)
                assert (place.cell.number, place.line) == wanted[text]
                [frame] = places.frames(f"Cell In[{cell['execution_count']}], line {line}")
                assert frame == place


@pytest.fixture
def raised(shell):
    """Execute a notebook of these cells; return the places that its error goes through, as texts of lines."""

    def places_of(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        source = task_source(notebook, origin="a.ipynb")
        ran = executed(source)
        shell.execution_count = 1  # as in a fresh kernel
        with redirect_stdout(io.StringIO()) as said:
            for cell in ran:
                shell.run_cell(cell.source, store_history=True)
        frames = Places(source, ran).frames(re.sub("\x1b[^m]*m", "", said.getvalue()))
        return [cells[frame.cell.index].split("\n")[frame.line - 1].strip() for frame in frames]

    return places_of


@pytest.mark.parametrize(
    "above",
    ["!true \\\n  b \\\n  c", "x = !true \\\n  b", "%env A=1 \\\n  2", "x = 1 + \\\n  2", "x = 1"],
)
def test_an_error_below_a_continued_line_has_the_line_it_stands_on(raised, above):
    assert raised(f"%kbench status\n{above}\n1 / 0\n") == ["1 / 0"]
    assert raised(f"%%time\n\n{above}\n1 / 0\n") == ["1 / 0"]


def test_an_error_in_a_timed_cell_has_the_line_that_raised_and_what_called_it(raised):
    timed = "%%time\ndef f(x):\n    return 1 / x\nf(1)"
    assert raised(timed, "f(0)") == ["f(0)", "return 1 / x"]
    assert raised(f"{timed}\nf(0)") == ["f(0)", "return 1 / x"]
    assert raised(timed, "%%time\nx = 0\nf(x)") == ["f(x)"]  # IPython does not say whose function it was


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "# %%\n", "# %% [markdown]\n# words\n", "# %%\nx = 1\n"]), max_size=6))
def test_the_lines_of_a_percent_file_are_the_files_own_with_empty_cells_anywhere(tmp_path_factory, pieces):
    text = "# %%\nfirst = 1\n" + "".join(pieces) + "# %%\nboom()\n# %%\n"
    path = tmp_path_factory.getbasetemp() / "task.py"
    path.write_text(text)
    source = file_task_source(path)
    ran = executed(source)
    places = Places(source, ran)
    index = next(n for n, cell in enumerate(ran) if cell.source.strip() == "boom()")
    place = places.place(index, 1)
    [line] = [n for n, line in enumerate(text.splitlines(), 1) if line == "boom()"]
    assert place.file_line == line


def test_a_cell_that_was_put_before_the_source_is_none_of_it():
    source = percent_task_source("# %%\nx = 1\n", origin="task.py")
    ran = [nbformat.v4.new_code_cell("prelude"), *executed(source)]
    places = Places(source, ran, before=True)
    assert places.place(0, 1) is None
    assert places.place(1, 1).line == 1


def test_of_chained_exceptions_the_last_one_says_where_it_was_raised():
    source = percent_task_source("# %%\na = 1\nb = 2\n", origin="task.py")
    [cell] = ran = executed(source)
    prompt = cell["execution_count"]
    text = (
        f"Cell In[{prompt}], line 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
        f"Cell In[{prompt}], line 2\n"
    )
    assert [place.line for place in Places(source, ran).frames(text)] == [2]


def test_what_a_cell_shows_comes_from_its_last_statement():
    source = percent_task_source("# %%\na = 1\n\nshow(\n  a,\n)\n", origin="task.py")
    ran = executed(source)
    assert Places(source, ran).last_statement(0).line == 3
    assert json.dumps(str(Places(source, ran).last_statement(0)))
