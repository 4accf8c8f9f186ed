"""What users of the official checker complain about (the last section of the wire facts): one test each."""

from __future__ import annotations

from validation_helpers import IMPORT, codes_of, findings_of, source_of

from kbench_jupyter.validation import tasks_in

TASK = '@kbench.task(name="Quiz")\ndef quiz(llm) -> bool:\n    return True'
RUN = "quiz.run(kbench.llm)"


def slugs(*cells: str) -> list[str | None]:
    """Return the slugs of the tasks found."""
    return [task.slug for task in tasks_in(source_of(*cells))]


def test_a_syntax_error_is_not_reported_as_a_missing_task():
    (finding,) = findings_of(IMPORT, TASK, RUN, "print('a'")
    assert finding.code == "KB101"
    assert "never closed" in finding.message
    assert slugs(IMPORT, TASK, RUN, "print('a'") == ["quiz"]


def test_the_benchmark_alias_is_a_task():
    assert slugs(IMPORT, TASK.replace("task", "benchmark"), RUN) == ["quiz"]
    assert codes_of(IMPORT, TASK.replace("task", "benchmark"), RUN, task="quiz") == []


def test_an_aliased_import_is_followed():
    cells = [
        "from kaggle_benchmarks import task as bench_task, llm",
        TASK.replace("kbench.task", "bench_task"),
        "quiz.run(llm)",
    ]
    assert slugs(*cells) == ["quiz"]
    assert codes_of(*cells, task="quiz") == []


def test_a_timed_cell_may_hold_the_task():
    assert slugs(IMPORT, "%%time\n" + TASK, RUN) == ["quiz"]
    assert codes_of(IMPORT, "%%time\n" + TASK, RUN, task="quiz") == []


def test_an_assignment_from_the_shell_is_understood():
    cells = [IMPORT, "files = !ls\nhere = %pwd\nkbench?\n" + TASK, RUN]
    assert slugs(*cells) == ["quiz"]
    assert codes_of(*cells, task="quiz") == []


def test_a_bare_decorator_is_refused():
    assert codes_of(IMPORT, TASK.replace('(name="Quiz")', ""), RUN) == ["KB107"]


def test_two_tasks_with_one_slug_are_refused():
    assert "KB105" in codes_of(
        IMPORT, TASK, RUN, TASK.replace("quiz", "other").replace("Quiz", "quiz"), "other.run(kbench.llm)"
    )


def test_a_task_that_is_never_run_is_refused():
    assert codes_of(IMPORT, TASK) == ["KB103"]
    assert codes_of(IMPORT, TASK, "quiz(kbench.llm)") == ["KB103"]


def test_a_name_computed_from_constants_is_found():
    assert slugs(IMPORT, "V = 2", TASK.replace('"Quiz"', "f'Quiz {V}'"), RUN) == ["quiz-2"]
