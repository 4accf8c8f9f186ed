"""Safe fixes: what they change, that the changed notebook has the finding no more, and that nothing is lost."""

from __future__ import annotations

import pytest
from validation_helpers import IMPORT, codes_of, findings_of, source_of

from kbench_jupyter.notebook.source import CellRef, LeftOut, SourceCell, TaskSource
from kbench_jupyter.validation import check, fixes

TASK = '@kbench.task(name="Quiz")\ndef quiz(llm) -> bool:\n    return True'


def fixed(*cells: str) -> list[str]:
    """Return the cells with every fix accepted."""
    out = list(cells)
    for fix in fixes(source_of(*cells), findings_of(*cells)):
        out[fix.cell.index] = fix.new_text
    return out


def test_a_missing_run_call_is_added_under_the_task():
    assert fixed(IMPORT, TASK) == [IMPORT, TASK + "\n\nquiz.run(kbench.llm)"]


def test_a_run_call_is_written_as_the_notebook_writes_the_model():
    task = TASK.replace("kbench.", "")
    assert fixed("from kaggle_benchmarks import llm as model, task", task)[1].endswith("\n\nquiz.run(model)")


def test_a_run_call_waits_for_what_the_task_uses():
    cells = [IMPORT, TASK.replace("True", "bool(rows)"), "rows = [1]", "x = 1"]
    assert fixed(*cells)[2] == "rows = [1]\n\nquiz.run(kbench.llm)"
    assert codes_of(*fixed(*cells)) == []


def test_a_task_with_more_parameters_has_no_safe_fix():
    assert (
        fixes(
            source_of(IMPORT, TASK.replace("llm)", "llm, q)")),
            findings_of(IMPORT, TASK.replace("llm)", "llm, q)")),
        )
        == []
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("@kbench.task()", "@kbench.task(store_task=False)"),
        ('@kbench.task(name="Row")', '@kbench.task(name="Row", store_task=False)'),
        ('@kbench.task("Rów — 1",)', '@kbench.task("Rów — 1", store_task=False,)'),
        (
            '@kbench.task(\n    name="Row",  # a row\n)',
            '@kbench.task(\n    name="Row", store_task=False,  # a row\n)',
        ),
        (
            '@kbench.task(\n    description=(\n        "A long text "\n        "over two lines"\n    ),\n)',
            "@kbench.task(\n    description=(\n"
            '        "A long text "\n        "over two lines"\n    ), store_task=False,\n)',
        ),
        ("@kbench.task(name=('Row'))", "@kbench.task(name=('Row'), store_task=False)"),
        ("@kbench.task('é', version=(1) )", "@kbench.task('é', version=(1), store_task=False )"),
    ],
)
def test_store_task_is_added_to_a_sub_task(written, expected):
    row = "\ndef row(llm) -> bool:\n    return True"
    cells = [IMPORT, written + row, TASK.replace("True", "row.run(llm).result"), "quiz.run(kbench.llm)"]
    assert codes_of(*cells) == ["KB110"]
    assert fixed(*cells)[1] == expected + row
    assert codes_of(*fixed(*cells)) == []


def test_parentheses_are_added_to_a_bare_decorator():
    cells = [IMPORT, "%precision 3\n" + TASK.replace('(name="Quiz")', "  # the task"), "quiz.run(kbench.llm)"]
    assert fixed(*cells)[1] == "%precision 3\n" + TASK.replace('(name="Quiz")', "()  # the task")
    assert codes_of(*fixed(*cells)) == []


def test_lines_that_a_push_leaves_out_stay_in_the_cell():
    ref = CellRef(1, "b")
    cells = (
        SourceCell("code", IMPORT, CellRef(0, "a"), (1,)),
        SourceCell("code", TASK, ref, (2, 3, 4)),
    )
    left_out = (LeftOut(ref, 1, "%kbench status", "a command"), LeftOut(ref, 5, "%kbench runs", "a command"))
    source = TaskSource("", cells, "a test", left_out)
    (fix,) = fixes(source, check(source))
    assert (
        fix.new_text == f"%kbench status\n{TASK}\n\nquiz.run(kbench.llm)\n%kbench runs"
        or fix.new_text == (f"%kbench status\n{TASK}\n%kbench runs\n\nquiz.run(kbench.llm)")
    )


def test_blank_lines_before_a_left_out_line_stay_as_well():
    ref = CellRef(1, "b")
    cells = (
        SourceCell("code", IMPORT, CellRef(0, "a"), (1,)),
        SourceCell("code", TASK, ref, (2, 3, 4)),
    )
    source = TaskSource("", cells, "a test", (LeftOut(ref, 7, "%kbench push \\\n  --wait", "a command"),))
    (fix,) = fixes(source, check(source))
    assert fix.new_text == f"\n{TASK}\n\n\n%kbench push \\\n  --wait\n\nquiz.run(kbench.llm)"


@pytest.mark.parametrize(
    ("parameter", "fixable"), [("llm", True), ("judge_llm", True), ("m", True), ("question", False)]
)
def test_a_run_call_is_added_only_for_a_task_that_takes_a_model(parameter, fixable):
    asked = "m" if parameter == "m" else "kbench.llm"
    task = f"@kbench.task()\ndef quiz({parameter}) -> bool:\n    return bool({asked}.prompt('x'))"
    assert bool(fixes(source_of(IMPORT, task), findings_of(IMPORT, task))) is fixable


def test_findings_without_a_safe_fix_are_passed_over():
    cells = [IMPORT, "x = (", "print(rows)"]
    assert fixes(source_of(*cells), findings_of(*cells)) == []
