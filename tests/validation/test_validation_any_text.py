"""Whatever stands in the cells: a check ends with findings, never with an exception, and points into the cells."""

from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validation_helpers import findings_of, source_of

from kbench_jupyter.validation import check, fixes, tasks_in

PIECES = st.sampled_from(
    """
    import kaggle_benchmarks as kbench|from kaggle_benchmarks import *|@kbench.task()|@kbench.task|@kbench.task(name=x)
    def f(llm):|def f(llm, *a, **k) -> str:|async def f(llm) -> 'int':|    return f.run(llm)|    yield|f.run(kbench.llm)
    f.evaluate(llm=[kbench.llm], q='x')|f = f.partial({})|f = kbench.task(f)(f)|for f in f: f.run(f)|x = f(x)
    class A(A): f = f|%%time|%time f.run(1)|!ls \\|x = !ls|x = %pwd|%choose f|f?|%%bash|%kbench push|"|'''|(|)|]
    if __name__ == '__main__':|else:|try:|with f as (a, *b):|lambda f: f|[f for f in f]|match f:|    case {**f}:
    llm.prompt('x', schema=A)|open('/home/a')|open(x + x)|# kbench: ignore[KB103]|global f|del f|\t|\x0c|\x00|é = 1
    from __future__ import annotations|f'{f!r:>{f}}'|x: int = 1|a, b = b, a = a|await f|return|x = x if x else x|\ud800
    """.strip()
    .replace("\n", "|")
    .split("|")
)
CELLS = st.lists(
    st.one_of(
        st.text(), st.lists(PIECES, max_size=6).map("\n".join), st.lists(PIECES, max_size=4).map("".join)
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=CELLS)
def test_any_cells_can_be_checked(cells):
    source = source_of(*cells)
    found = check(source, task="f", datasets=("a/b",))
    for finding in found:
        if finding.cell is not None:
            assert 1 <= finding.line <= cells[finding.cell.index].count("\n") + 1
    tasks_in(source)
    for fix in fixes(source, found):
        assert fix.new_text != cells[fix.cell.index]


@pytest.mark.parametrize(
    "cell",
    [
        "(" * 500 + ")" * 500,
        "x = " + "-" * 3000 + "1",
        "x = " + "+".join(["1"] * 5000),
        "x = '''" + "a\n" * 2000,
        "9" * 5000,
        "[" * 90 + "]" * 90,
        "\n".join(f"{'    ' * n}if x:" for n in range(99)),
        "x" + ".x" * 3000,
        "f" + "()" * 1000,
        "x = x0\n"
        + "\n".join(f"x{n} = x{n + 1} + x{n + 1} + x" for n in range(200))
        + "\nkbench.task(name=x0)",
        "def a(): return b()\ndef b(): return a()\na().run(b())",
        "class A(B): ...\nclass B(A): ...\nA().f.run(1)",
        "t = t.run(t)\nt = [t for t in t]\nfor t in t: t.run(t)",
        "@kbench.task()\ndef f(llm) -> " + " | ".join(["int"] * 3000) + ": ...",
        "@kbench.task()\ndef f(llm):\n    llm.prompt('x', schema="
        + "|".join(["a"] * 3000)
        + ")\nf.run(kbench.llm)",
        "@kbench" + ".task" * 900 + "\ndef f(llm): ...",
        "@kbench.task()\ndef f(llm):\n    return " + "-".join(["'a'"] * 3000) + "\nf.run(kbench.llm)",
        "a = a.partial(a)\na = kbench.task(a)(a)",
    ],
    ids=range(18),
)
def test_extreme_cells_are_checked_in_no_time(cell):
    import time

    before = time.process_time()
    findings_of("import kaggle_benchmarks as kbench", cell)
    assert time.process_time() - before < 5


def test_a_notebook_of_a_thousand_cells_is_checked_while_one_waits():
    import time

    cell = (
        "def clean_{0}(frame, limit=100):\n    out = frame.copy()\n    out['text'] = out['text'].str.strip()\n"
        "    return out[out['text'].str.len() < limit]\n\nframe_{0} = clean_{0}(pd.DataFrame({{'text': ['a', 'b']}}))\n"
        "total_{0} = sum(len(t) ** 2 for t in frame_{0}['text'] if t)\nprint(f'{{total_{0}:>4}}')"
    )
    task = (
        "@kbench.task(name='Task {0}', store_task=False)\ndef task_{0}(llm, q: str) -> bool:\n"
        "    reply = llm.prompt(f'Answer: {{q}}')\n    return q in reply\n\nrun_{0} = task_{0}.run(kbench.llm, 'q')"
    )
    cells = [(task if n % 10 == 0 else cell).format(n) for n in range(1000)]
    before = time.process_time()
    found = findings_of("import kaggle_benchmarks as kbench\nimport pandas as pd", *cells)
    # A guard against work that grows with the square of the cells; the exact figure is in `make bench`.
    assert time.process_time() - before < 1.5
    assert {finding.code for finding in found} == {"KB102"}


def test_values_that_go_round_in_circles_are_given_up_on():
    import time

    step = (
        "def step{0}(rows, more):\n    kept = sorted(rows)\n    for row in more:\n"
        "        kept = list(kept) + step{1}(more, kept)\n    return kept.copy()"
    )
    use = "rows = step{0}(rows, step{1}(rows, rows))\nfor row in rows:\n    print(row.run)"
    cells = [step.format(n, (n + 1) % 200) for n in range(200)]
    cells += ["rows = [1]", *(use.format(n, n * 7 % 200) for n in range(200))]
    before = time.process_time()
    assert [f.code for f in findings_of(*cells)] == ["KB102"]
    assert time.process_time() - before < 4


@pytest.mark.timeout(30)
def test_a_traceback_drawn_before_leaves_the_check_as_it_was(shell):
    """What draws a traceback marks the syntax nodes that all trees share with their parents."""
    shell.run_cell("values = [1 + 1]\nvalues[2 + 3] == 4")  # fails, and IPython draws it
    shared = ast.parse("x + y").body[0].value.op
    shared.parent = ast.parse("x + y").body[0]  # whatever version of IPython is installed
    try:
        task = "@kbench.task()\ndef f(llm) -> bool:\n    return [1 + 1][0] == 2"
        assert findings_of("import kaggle_benchmarks as kbench", task, "f.run(kbench.llm)") == []
    finally:
        del shared.parent
