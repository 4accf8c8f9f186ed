"""A rehearsal is valid only if the task that would be pushed recorded a run; otherwise the SDK's reason is told."""

from __future__ import annotations

import nbformat
import pytest

from kbench_jupyter.actions.rehearsing.judging import (
    refuse_failed_cell,
    refuse_unrecorded,
    runs_of_task,
    sdk_notes,
)
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.validate import ValidateResult
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.execution import Outcome
from kbench_jupyter.results.runfiles import RunResult
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.run import Failure, Rehearsal

HELPER = """\
# %%
import kaggle_benchmarks as kbench

@kbench.task(name="one", store_task=False)
def one(llm) -> bool:
    return True

# %%
@kbench.task(name="The whole")
def whole(llm) -> float:
    return 1.0

whole.run(kbench.llm)
"""


@pytest.fixture
def chosen():
    return choose_task(Session(), cell=HELPER, required=False)


def run_of(task):
    return RunResult(task=task, model="m", state="COMPLETED")


def rehearsal(stderr="", failure=None):
    output = nbformat.v4.new_output("stream", name="stderr", text=stderr)
    cell = nbformat.v4.new_code_cell("whole.run(kbench.llm)", outputs=[output])
    return Rehearsal(Outcome(nbformat.v4.new_notebook(cells=[cell])), failure)


def said(chosen, ended, runs):
    with pytest.raises(ValidationError) as caught:
        refuse_unrecorded(chosen, ended, runs)
    return caught.value


def test_a_run_of_the_task_that_would_be_pushed_is_valid_also_by_another_spelling_of_its_name(chosen):
    refuse_unrecorded(chosen, rehearsal(), [run_of("The whole")])
    assert [run.task for run in runs_of_task(chosen, [run_of("one"), run_of("The whole")])] == ["The whole"]


def test_runs_of_a_helper_alone_are_not_valid(chosen):
    error = said(chosen, rehearsal(), [run_of("one"), run_of("one")])
    assert (
        str(error)
        == "All cells ran, but the task the-whole (cell 2) recorded no run: the server would keep nothing of it."
    )
    assert "2 runs of one: a helper task" in error.detail
    assert "my_task.run(kbench.llm)" in error.hint


def test_the_sdks_own_reason_is_the_headline(chosen):
    stderr = (
        "Wrong return type <class 'list'>. Expected <class 'int'>. This may need to lead to unexpected task behavior.\n"
        "Failed to store run Run #1: Result type cannot be serialized to show on leaderboard: <class 'list'>.\n"
    )
    error = said(chosen, rehearsal(stderr), [])
    assert "recorded no run. The task SDK says why: Result type cannot be serialized" in str(error)
    assert error.detail.splitlines() == ["Wrong return type <class 'list'>. Expected <class 'int'>."]


def test_a_task_that_was_never_run_says_what_to_add(chosen):
    assert "no run was recorded" in str(said(chosen, rehearsal(), []))


def test_where_no_task_is_settled_on_any_stored_one_will_do():
    several = HELPER.replace(
        "whole.run(kbench.llm)", '@kbench.task(name="Other")\ndef other(llm):\n    pass\n'
    )
    chosen = choose_task(Session(), cell=several, required=False)
    assert not chosen.slug
    assert [run.task for run in runs_of_task(chosen, [run_of("one"), run_of("Other")])] == ["Other"]


def test_a_run_that_could_not_be_shown_says_that_it_was_recorded_and_what_the_sdk_remarked(chosen):
    failure = Failure("TypeError: 'float' object is not subscriptable", displaying=True)
    ended = rehearsal("Wrong return type <class 'float'>. Expected tuple[float, float].\n", failure)
    with pytest.raises(ValidationError) as caught:
        refuse_failed_cell(ended, [run_of("The whole")], "Mend it.")
    assert "TypeError: 'float' object is not subscriptable" in str(caught.value)
    assert "The run was recorded all the same" in caught.value.hint
    assert "Wrong return type <class 'float'>" in caught.value.hint
    assert "NoneType: None" not in str(caught.value)


def test_what_the_sdk_says_of_a_sample_is_told_although_the_task_recorded_a_run():
    wrong = "Wrong return type <class 'float'>. Expected tuple[float, float]."
    logged = f"{wrong} This may need to lead to unexpected task behavior.\n"
    assert sdk_notes(rehearsal(logged * 2)) == [f"The task SDK says of a result: {wrong}"]
    assert sdk_notes(rehearsal("Something else.")) == []


def test_a_sample_that_errored_over_an_answer_is_told_and_not_called_the_models_failure(chosen):
    bad = RunResult("one", "m", "ERRORED", error_message="Traceback ...\nValueError: no number\n")
    whole = RunResult("The whole", "m", "COMPLETED", subruns=(bad, run_of("one")))
    title = str(ValidateResult(chosen.source, runs=(whole,)).view().title)
    assert "1 of 2 samples errored, the first with ValueError: no number" in title
    assert "model's matter" not in title
