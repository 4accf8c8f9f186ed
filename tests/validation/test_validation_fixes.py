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


@pytest.mark.parametrize(
    ("used", "below"),
    [
        ("bool(rows)", ["rows = [1]", "x = 1"]),
        ("helper()", ["def helper():\n    return cleaned()", "def cleaned():\n    return True"]),
        ("bool(rows)", ["rows = []", "rows = [1]"]),
        ("bool(rows)", ["rows = []", "rows.append(1)"]),
    ],
)
def test_a_run_call_waits_for_what_the_task_uses(used, below):
    cells = [IMPORT, TASK.replace("True", used), *below]
    assert fixed(*cells) == [*cells[:-1], cells[-1] + "\n\nquiz.run(kbench.llm)"]
    assert codes_of(*fixed(*cells)) == []


def test_a_run_call_stands_above_choose():
    last = "%choose quiz"
    assert fixed(IMPORT, TASK, last) == [IMPORT, f"{TASK}\n\nquiz.run(kbench.llm)", last]
    run = "quiz.run(kbench.llm)\n"
    other = TASK.replace("Quiz", "Other").replace("quiz", "other")
    assert (
        fixed(IMPORT, f"{TASK}\n{other}\n%choose quiz")[1]
        == f"{TASK}\n{other}\n{run}other.run(kbench.llm)\n{last}"
    )
    tupled = "x = (1,\n  2)\n"
    assert fixed(IMPORT, TASK, tupled + last)[2] == tupled + run + last


def test_a_run_call_stands_above_what_ends_the_notebook():
    cells = [IMPORT, TASK, "import sys\nsys.exit()", "x = 1"]
    assert fixed(*cells)[2] == "import sys\nquiz.run(kbench.llm)\nsys.exit()"
    assert fixed(IMPORT, TASK, "raise SystemExit")[1].endswith("quiz.run(kbench.llm)")


def test_a_run_call_goes_into_no_cell_of_a_magic_unless_it_has_to():
    assert fixed(IMPORT, TASK, "%%time\nx = 1", "%%bash\nls")[1].endswith("quiz.run(kbench.llm)")
    cells = [IMPORT, TASK.replace("True", "bool(rows)"), "%%time\nrows = [1]", "%%bash\nls", "pip list"]
    assert fixed(*cells)[2].endswith("quiz.run(kbench.llm)")


@pytest.mark.parametrize(
    "below", [["%choose quiz", "def helper():\n    return True"], ["def helper(): ...", "quiz = 5"]]
)
def test_a_run_call_that_would_fail_is_not_added(below):
    cells = [IMPORT, TASK.replace("True", "helper()"), *below]
    assert fixed(*cells) == cells


def test_a_run_call_above_choose_leaves_lines_that_are_not_pushed_in_place():
    ref = CellRef(1, "b")
    cells = (
        SourceCell("code", IMPORT, CellRef(0, "a"), (1,)),
        SourceCell("code", f"{TASK}\n%choose quiz\nx = (\n1)", ref, (1, 2, 3, 5, 6, 7)),
    )
    source = TaskSource("", cells, "a test", (LeftOut(ref, 4, "%kbench status", "a command"),))
    (fix,) = fixes(source, check(source))
    run = "quiz.run(kbench.llm)"
    assert fix.new_text == f"{TASK}\n%kbench status\n{run}\n%choose quiz\nx = (\n1)"


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


def test_a_bare_decorator_and_a_missing_run_are_put_right_at_once():
    cells = [IMPORT, TASK.replace('(name="Quiz")', ""), "x = 1"]
    assert fixed(*cells) == [IMPORT, TASK.replace('(name="Quiz")', "()"), "x = 1\n\nquiz.run(kbench.llm)"]
    one_cell = [IMPORT, cells[1] + "\n%choose quiz"]
    assert fixed(*one_cell)[1] == TASK.replace('(name="Quiz")', "()") + "\nquiz.run(kbench.llm)\n%choose quiz"
    idle = [IMPORT, cells[1], "def main():\n    quiz.run(kbench.llm)"]
    assert fixed(*idle) == [IMPORT, TASK.replace('(name="Quiz")', "()"), idle[2]]


def test_a_decorator_that_serves_other_tasks_is_not_changed():
    suite = "def suite():\n    return kbench.task()"
    row = "@suite()\ndef row(llm) -> bool:\n    return True"
    whole = "@suite()\ndef whole(llm) -> bool:\n    return row.run(llm).result"
    for cells in ([IMPORT, suite, row, whole, "whole.run(kbench.llm)"], [IMPORT, f"{suite}\n{row}", whole]):
        assert "KB110" in codes_of(*cells, "whole.run(kbench.llm)")
        assert fixed(*cells, "whole.run(kbench.llm)") == [*cells, "whole.run(kbench.llm)"]


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
