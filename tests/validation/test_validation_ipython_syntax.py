"""Magics in lines of their own are read one by one, and mean what IPython makes of the whole cell."""

from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validation_helpers import IMPORT, codes_of, source_of

from kbench_jupyter.validation import check, fixes
from kbench_jupyter.validation.reading.ipython_syntax import line_by_line, transformed

TASK = "@kbench.task()\ndef quiz(llm) -> bool:\n    return True\n\nquiz.run(kbench.llm)"
LINES = st.sampled_from(
    """
    %matplotlib inline|!pip install x|files = !ls -l|x = %pwd|!!ls|% 3|!= 3)|%%time|%|!|x=%|x = !|y = % 3
    !echo "|!echo (|def f():|    return 1|    %cd a|    y = !ls|if x:|x = 1|x = (|)|x = [|%ls]|f"{|}"|'|"
    # %ls|,f a|;f a|/f a|f?|?f|@f|x = \\|%time x = 1|x = %time f()|for x in y:|  # c|print(x)  # why!
    a.b = !ls|x: int = %pwd|x = y = !ls|x == %pwd|lambda: !ls|{|%set_env A=1;|!ls;|!ls \\|%%bash|await x|try:
    else:|x = !ls # c|x = "%d" % 3|%lsmagic #|é = !ls|match x:|    case 1:|\tx = 1|
    """.strip()
    .replace("\n    ", "|")
    .split("|")
)


def parts(python: str) -> list[tuple[str, int]] | None:
    """The statements and the lines they begin on, or None for what is not Python."""
    try:
        return [(ast.dump(node), node.lineno) for node in ast.parse(python).body]
    except (SyntaxError, ValueError):
        return None


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=st.lists(st.one_of(LINES, st.text(max_size=5)), min_size=1, max_size=7))
def test_a_cell_read_line_by_line_means_what_ipython_makes_of_all_of_it(lines):
    text = "\n".join(line.removeprefix("    ") if n == 0 else line for n, line in enumerate(lines))
    quick = line_by_line(text)
    if quick is not None and (found := parts(quick)) is not None:
        assert found == parts("\n".join(transformed(text)[0]))


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("%matplotlib inline\nfiles = !ls\nprint(files)", True),
        ("!pip install 'x'\nimport x", True),
        ("s = '''\n%cd\n'''\n%cd", False),
        ("!pip install \\\n    x", False),
        ("x = 1\nf?", False),
        ("print(1)", False),
    ],
)
def test_most_cells_with_magics_are_read_line_by_line(text, alone):
    assert (line_by_line(text) is not None) is alone


def test_a_magic_inside_of_brackets_is_a_syntax_error_with_its_line():
    [finding] = [f for f in check(source_of("x = (\n!ls\n)")) if f.code == "KB101"]
    assert finding.line == 2


@pytest.mark.parametrize(
    "line", ["ls", "pwd", "ls -la", "ls /kaggle/input", "whos", " history -n", "run setup.py"]
)
def test_a_cell_of_one_line_is_the_magic_that_ipython_takes_it_for(line):
    assert codes_of(line, IMPORT, TASK) == []


@pytest.mark.parametrize("line", ["ls = 1", "ls  = 1"])
def test_a_word_that_the_notebook_gives_a_meaning_is_no_magic(line):
    assert codes_of(line, "ls -la", IMPORT, TASK) == ["KB901"]


def test_a_run_is_never_added_to_a_line_that_is_a_magic():
    bare = TASK.replace("task()", "task").partition("\n\n")[0]
    cells = IMPORT, bare, "ls -la"
    assert [fix.cell.index for fix in fixes(source_of(*cells), check(source_of(*cells)))] == [1]


@pytest.mark.parametrize(
    "above", ["!pip install \\\n    a \\\n    b\n", "%time f(1, \\\n  2)\n\n", "x = !ls \\\n  -l\n"]
)
def test_what_stands_below_a_continued_magic_has_its_own_line(above):
    text = f"f = print\n{above}!pip install -e .\nprint(gone)\ng?"
    found = [(f.code, text.split("\n")[f.line - 1]) for f in check(source_of(text)) if f.cell]
    assert found == [("KB504", "!pip install -e ."), ("KB901", "print(gone)")]
