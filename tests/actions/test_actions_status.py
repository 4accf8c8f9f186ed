"""What `%kbench status` says comes next."""

from __future__ import annotations

import nbformat
import pytest
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.choose_runs import choose_runs
from kbench_jupyter.actions.status import status
from kbench_jupyter.api import TaskSlug
from kbench_jupyter.errors import NotFoundError, UsageError


@pytest.fixture
def session(server):
    opened = LoopbackSession(server)
    yield opened
    opened.close()


def commands(shown):
    return [command for command, _ in shown.view().next]


def test_a_task_that_has_not_been_run_is_to_be_run(server, session):
    server.api.add_task("quiz")
    assert commands(status(session, "quiz")) == ["%kbench run quiz -m MODEL"]


@pytest.mark.parametrize(
    ("creation", "run", "next_"),
    [
        ("RUNNING", None, ["log quiz"]),  # which follows the creation
        ("ERRORED", None, []),  # there is nothing to run, and no notebook to mend
        ("COMPLETED", "QUEUED", ["log quiz"]),
        ("COMPLETED", "RUNNING", ["log quiz"]),
        ("COMPLETED", "ERRORED", ["run quiz --retry-errored", "log quiz"]),
        ("VALIDATING", "COMPLETED", ["status quiz", "results quiz", "log quiz", "download quiz"]),
    ],
)
def test_nothing_is_proposed_that_would_be_refused(server, session, creation, run, next_):
    server.api.add_task("quiz", creationState=f"BENCHMARK_TASK_VERSION_CREATION_STATE_{creation}")
    if run:
        add_run(server.api, 11, state=run)
    assert commands(status(session, "quiz")) == [f"%kbench {line}" for line in next_]


def test_a_version_without_runs_is_to_be_run_whatever_the_older_ones_came_to(server, session):
    add_run(server.api, 11, version=1)
    server.api.add_task("quiz")
    assert commands(status(session, "quiz"))[:2] == ["%kbench run quiz -m MODEL", "%kbench results quiz"]


def test_a_version_that_failed_is_to_be_tried_where_the_notebook_holds_it(
    server, session, tmp_path, monkeypatch
):
    notebook = tmp_path / "quiz.ipynb"
    cells = [
        "import kaggle_benchmarks as kbench",
        '@kbench.task(name="Quiz")\ndef quiz(llm): ...\nquiz.run(kbench.llm)',
    ]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells]), notebook
    )
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(notebook))
    server.api.add_task("quiz", creationState="BENCHMARK_TASK_VERSION_CREATION_STATE_ERRORED")
    assert commands(status(session, "quiz")) == ["%kbench validate"]


def test_what_waits_for_its_turn_has_no_elapsed_time(server, session):
    start = {"startTime": "2026-01-01T12:00:00Z"}
    add_run(server.api, 11, state="QUEUED", **start)
    assert "elapsed" not in str(status(session, "quiz"))
    add_run(server.api, 12, endTime="2026-01-01T12:00:40Z", **start)
    assert "elapsed: the whole run on the server" in str(status(session, "quiz"))
    assert [row["elapsed"] for row in status(session, "quiz").records()] == [None, 40.0]


def test_ended_runs_are_to_be_compared_first(server, session):
    add_run(server.api, 11)
    assert commands(status(session, "me/quiz")) == [
        "%kbench results me/quiz",
        "%kbench log me/quiz",
        "%kbench download me/quiz",
    ]


def test_the_whole_of_an_error_is_offered_until_it_is_shown(server, session):
    add_run(server.api, 11, state="ERRORED", errorMessage="Traceback (most recent)\nValueError: no")
    shown = status(session, "quiz")
    assert commands(shown)[0] == "%kbench status quiz --errors"
    assert "Traceback" not in str(shown)
    whole = status(session, "quiz", errors=True)
    assert "Traceback" in str(whole)
    assert "%kbench status quiz --errors" not in commands(whole)


@pytest.fixture
def four(server):
    for number, model in enumerate(["clever-1", "clever-2", "quick-1", "quick-1"], 11):
        add_run(server.api, number, model=model)


@pytest.mark.parametrize(
    ("models", "ids"),
    [
        (["clever*"], [11, 12]),
        (["clever-?", "quick-1"], [11, 12, 13, 14]),
        (["*-1"], [11, 13, 14]),
        ([], range(11, 15)),
    ],
)
def test_a_pattern_means_the_same_runs_in_every_command(session, four, models, ids):
    assert [run.id for run in status(session, "quiz", models=models).runs] == list(ids)
    chosen = choose_runs(session, session.client(), TaskSlug.parse("quiz"), models)
    assert [run.id for run in chosen] == list(ids)


def test_a_pattern_that_fits_no_run_says_what_there_is_instead_of_no_runs(session, four):
    shown = str(status(session, "quiz", models=["slow*"]))
    assert "No runs yet" not in shown
    assert "No run is on slow* (4 runs on other models)" in shown
    assert "clever-1, clever-2, quick-1" in shown
    with pytest.raises(NotFoundError) as caught:
        choose_runs(session, session.client(), TaskSlug.parse("quiz"), ["slow*"])
    assert "no run on slow* (4 runs on other models)" in str(caught.value)


def test_several_models_in_one_are_told_to_be_repeated(session, four):
    with pytest.raises(UsageError) as caught:
        status(session, "quiz", models=["clever-1,quick-1"])
    assert "-m clever-1 -m quick-1" in caught.value.hint


def test_a_model_in_the_place_of_a_task_is_told_to_be_one(server, session, four):
    server.api.models = [{"displayName": "Q", "version": {"slug": "quick-1"}}]
    with pytest.raises(NotFoundError) as caught:
        status(session, "quick-1")
    assert "'quick-1' is a model, not a task" in str(caught.value)
    assert "-m MODEL -m quick-1" in caught.value.hint


def test_whole_errors_are_in_what_is_handed_to_other_programs_too(server, session):
    error = "Traceback (most recent)\nValueError: no"
    add_run(server.api, 11, state="ERRORED", errorMessage=error)
    add_run(server.api, 12)
    assert [one["error"] for one in status(session, "quiz", errors=True).records()] == [error, None]
    assert "error" not in status(session, "quiz").records()[0]
