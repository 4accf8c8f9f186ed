"""The workflow panel without a browser: its chain after an edit, and what it shows of a failure and of a stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import faults
import nbformat
import pytest
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.download import origin_of
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.pushes import source_digest
from kbench_jupyter.actions.remembered import downloads_folder
from kbench_jupyter.actions.results import Results
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.standing import standing, standing_after_runs
from kbench_jupyter.actions.wanted_candidates import Batch, remember_ran
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Cell, Facts, Shown, Table, View
from kbench_jupyter.errors import TaskNotReadyError, ValidationError
from kbench_jupyter.panels.workflow.workflow import WorkflowPart
from kbench_jupyter.results.samples import SampleIndex

TASK = """@kbench.task(name="Quiz")
def ask(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="says anything")

ask.run(kbench.llm)"""
ENV = (
    "MODEL_PROXY_URL=https://proxy.example\nMODEL_PROXY_API_KEY=k\nLLM_DEFAULT=m\n"
    "MODEL_PROXY_EXPIRY_TIME=2999-01-01T00:00:00Z\n"
)
MODEL = {
    "displayName": "M1",
    "version": {
        "slug": "m1",
        "allowModelProxy": True,
        "inputModalities": ["MODALITY_TEXT"],
        "outputModalities": ["MODALITY_TEXT"],
    },
}


class Valid(Shown):
    """What a rehearsal whose assertion failed shows."""

    def view(self):
        table = Table(
            ["assertion", "expectation", "where"], [[Cell("failed", "bad"), "<b>fits</b>", "cell 2, line 3"]]
        )
        return View(Cell("Valid: 1 run recorded", "good"), [Facts({"cost": "$0.00", "score": None}), table])


def found_valid(session, *_args, chosen, **_more):
    session.validated.add(source_digest(chosen.source))
    return Valid()


def compared(session, slug, **_more):
    session.compared |= {
        origin_of(session.target().base_url, run) for run in session.client().list_runs(slug)
    }
    return Results(slug, opened=SampleIndex.open(Path(), slug))


@pytest.fixture
def server():
    with faults.FaultServer() as running:
        running.api.models = [MODEL]
        yield running


@pytest.fixture
def session(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "task.ipynb"))
    # What runs a kernel and what reads downloads have tests of their own.
    monkeypatch.setattr("kbench_jupyter.actions.validate.validate", found_valid)
    monkeypatch.setattr("kbench_jupyter.actions.results.results", compared)
    (tmp_path / ".env").write_text(ENV)
    write(tmp_path, TASK)
    made = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    yield made
    made.close()


@pytest.fixture
def part(session, server):
    """A panel of a task whose version 1 was pushed, run and compared."""
    push(session, choose_task(session))
    add_run(server.api, 5)
    made = WorkflowPart(session, standing(session))
    click(made, "step", step="results")
    yield made
    made.close()


def write(folder, task):
    cells = [nbformat.v4.new_code_cell(text) for text in ("import kaggle_benchmarks as kbench", task)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "task.ipynb")


def edit(folder):
    write(folder, TASK.replace("anything", "something"))


def click(part, verb, **more):
    """Do what a click does, and wait until it is done."""
    part.receive({"do": verb, **more})
    end = time.monotonic() + 20
    while part.get("busy"):
        assert time.monotonic() < end, part.get("busy")
        time.sleep(0.01)


def states(part):
    return {step["name"]: step["state"] for step in part.get("steps")}


def complete(api):
    for run in api.runs:
        run["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"


def complete_once_watched(part, api):
    def wait():
        end = time.monotonic() + 20
        while part.get("running") != "watch" and time.monotonic() < end:
            time.sleep(0.01)
        complete(api)

    threading.Thread(target=wait).start()


def test_after_an_edit_the_chain_does_all_steps_on_the_version_that_follows(part, server, tmp_path):
    assert states(part)["results"] == "done"
    edit(tmp_path)
    click(part, "look")
    assert {states(part)[name] for name in ("push", "run", "watch", "results")} == {"later"}
    part.picker.load()
    part.picker.select(["m1"])
    begun = [step for step in part.get("steps") if step["state"] != "done"]
    assert next(step["chained"] for step in begun if step["name"] == "run").startswith("Run version 2")
    complete_once_watched(part, server.api)
    click(part, "chain", confirmed=True)
    assert part.get("problem") == []
    assert list(part.get("outcome")) == ["validate", "push", "run", "watch", "results"]
    assert server.api.schedules == {"m1": 1}
    assert server.api.runs[-1]["taskSlug"]["versionNumber"] == 2
    assert set(list(states(part).values())[:-1]) == {"done"}


def test_a_click_on_run_after_an_edit_says_so_and_runs_the_older_version_only_when_it_is_meant(
    part, server, tmp_path
):
    part.picker.load()
    part.picker.select(["m1"])
    edit(tmp_path)
    click(part, "step", step="run")
    assert "has changed since version 1 was pushed: nothing was scheduled" in part.get("problem")[0]
    assert "Push it first" in " ".join(part.get("problem"))
    assert server.api.schedules == {}
    assert states(part)["validate"] == "next"
    click(part, "step", step="run")
    assert part.get("problem") == []
    assert server.api.schedules == {"m1": 1}


def test_what_a_panel_found_valid_and_compared_is_known_to_a_panel_opened_later(
    part, session, server, tmp_path
):
    edit(tmp_path)
    click(part, "step", step="validate")
    click(part, "step", step="push")
    add_run(server.api, 6, version=2)
    click(part, "step", step="results")
    other = WorkflowPart(session, standing(session))
    assert set(list(states(other).values())[:-1]) == {"done"}
    other.close()


def test_what_is_saved_of_a_panel_says_how_to_have_it_again_after_a_restart(part):
    assert "%load_ext kbench_jupyter" in str(to_text(part.view()))


def test_the_chain_without_a_model_does_nothing_after_an_edit(part, server, tmp_path):
    edit(tmp_path)
    click(part, "chain", confirmed=True)
    assert "Which models?" in part.get("problem")[0]
    assert server.api.pushes == 1


def test_models_chosen_when_all_is_done_are_run_on_followed_and_compared(part, server):
    part.picker.load()
    part.picker.select(["m1"])
    complete_once_watched(part, server.api)
    click(part, "chain", confirmed=True)
    assert list(part.get("outcome")) == ["run", "watch", "results"]


def test_the_runs_shown_know_of_a_new_version_that_has_none_yet(part, tmp_path):
    part.parts["status"].awake()  # somebody looks
    edit(tmp_path)
    click(part, "step", step="push", confirmed=True)
    assert part.parts["status"].get("version") == 2
    assert [row["version"] for row in part.parts["status"].rows] == [1]


def test_a_version_that_is_being_created_is_followed_in_the_panel_to_its_end(session, server):
    pushed = push(session, choose_task(session))
    created = server.api.tasks[pushed.task.slug.task][-1]
    created["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_RUNNING"
    part = WorkflowPart(session, standing(session))
    part.awake()  # somebody looks
    try:
        assert states(part)["push"] == "going"
        until(lambda: part.parts.get("status"))
        table = part.parts["status"]
        table.awake()
        until(lambda: table.get("creation"))
        assert table.get("creation").startswith("Creating quiz, version 1: running (")
        assert "no log of that" in table.get("creation")
        created["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_COMPLETED"
        until(lambda: states(part)["push"] == "done")
        until(lambda: not table.get("creation"))
        assert states(part)["run"] == "next"
    finally:
        part.close()


def until(fits):
    end = time.monotonic() + 20
    while not fits():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_steps_and_table_count_the_same_runs_of_the_newest_version_as_they_move(part, server):
    part.awake()  # somebody looks
    part.parts["status"].awake()
    add_run(server.api, 6, state="RUNNING")
    click(part, "look")

    def counted():
        rows = part.parts["status"].rows
        return f"{sum(row['ended'] for row in rows)} of {len(rows)} runs of version 1 ended"

    def note():
        return next(step["note"] for step in part.get("steps") if step["name"] == "watch")

    assert note() == counted() == "1 of 2 runs of version 1 ended"
    part.set(problem=["read me"])  # so that the end of the runs is no reason to look
    asked = len(server.calls("GetBenchmarkTask"))
    complete(server.api)
    end = time.monotonic() + 20
    while not note() == counted() == "2 of 2 runs of version 1 ended" and time.monotonic() < end:
        time.sleep(0.02)
    assert note() == counted() == "2 of 2 runs of version 1 ended"
    assert len(server.calls("GetBenchmarkTask")) == asked  # the table's own look told the step


def test_a_run_that_vanished_from_the_server_has_ended_for_the_step_as_for_the_table(
    part, server, monkeypatch
):
    monkeypatch.setattr("kbench_jupyter.following.status.SETTLE", 0.0)
    part.awake()  # somebody looks
    part.parts["status"].awake()
    add_run(server.api, 6, state="RUNNING")
    click(part, "look")
    del server.api.runs[-1]
    click(part, "step", step="watch")
    rows = part.parts["status"].rows
    assert [(row["word"], row["ended"]) for row in rows] == [("completed", True), ("vanished", True)]
    assert part.get("outcome")["watch"]["lines"] == ["2 runs ended, 1 of them not well."]

    def watched():
        return next(step for step in part.get("steps") if step["name"] == "watch")

    end = time.monotonic() + 20
    while watched()["note"] != "2 of 2 runs of version 1 ended" and time.monotonic() < end:
        time.sleep(0.02)
    assert watched()["note"] == "2 of 2 runs of version 1 ended"
    assert watched()["state"] == "done"


def test_a_count_that_comes_while_a_look_is_shown_leaves_the_steps_as_they_were_found_last(
    part, server, monkeypatch
):
    add_run(server.api, 6, state="COMPLETED")
    click(part, "look")
    fewer = standing_after_runs(part.session, part._found, part._found.runs[:1])
    shows = part.set
    counts = threading.Thread(target=part._counted)

    def show(**changes):
        if "steps" in changes and counts.ident is None:
            counts.start()
            counts.join(0.5)  # it is through by then, or waits for this
        shows(**changes)

    monkeypatch.setattr(part, "set", show)
    part._take(fewer)
    counts.join(20)
    notes = {step.name: step.note for step in part._found.steps}
    assert {step["name"]: step["note"] for step in part.get("steps")} == notes


def test_the_step_that_was_opened_and_the_folder_of_downloads_outlive_the_kernel(
    part, server, session, tmp_path
):
    (tmp_path / "kept").mkdir()
    downloads_folder(session, "me/quiz", Path("kept"))
    part.receive({"do": "open", "step": "push"})
    later = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    try:
        again = WorkflowPart(later, standing(later))
        assert again.get("open") == "push"
        assert downloads_folder(later, "quiz") == Path("kept")
        again.receive({"do": "open", "step": ""})  # something was done: the step that is due is shown again
        assert WorkflowPart(later, standing(later)).get("open") == ""
    finally:
        later.close()


def test_models_of_last_time_are_chosen_again_but_nothing_is_run_on_them_unasked(
    part, server, session, tmp_path
):
    remember_ran(session, "quiz", session.target().place, [Batch(("m1",))])
    part.picker.load("quiz")
    assert (part.get("models"), part.get("again")) == (["m1"], False)
    click(part, "chain", confirmed=True)
    assert part.get("outcome") == {}  # all is done: a choice that nobody made is no wish for more runs
    edit(tmp_path)
    complete_once_watched(part, server.api)
    click(part, "chain", confirmed=True)
    assert list(part.get("outcome")) == ["validate", "push", "run", "watch", "results"]
    assert server.api.schedules == {"m1": 1}
    click(part, "models")
    assert part.get("models") == ["m1"]


def test_an_errored_run_keeps_its_message_whatever_else_is_known_of_it(part, server, tmp_path):
    add_run(server.api, 7, state="ERRORED", errorMessage="Traceback (most recent call last)\nValueError: no")
    table = part.parts["status"]
    table.watch.refresh()
    table.watch._outcomes.known[7] = ("errored", "bad")
    table._show()
    row = next(row for row in table.rows if row["id"] == 7)
    assert row["error"] == "ValueError: no"


def test_a_run_that_waits_and_one_that_has_printed_nothing_are_told_from_one_that_goes(part, server):
    table = part.parts["status"]
    add_run(server.api, 7, state="QUEUED", startTime="2026-01-01T12:00:00Z")
    add_run(server.api, 8, state="RUNNING", startTime="2026-01-01T12:00:00Z")
    table.watch.refresh()
    table._show()
    rows = {row["id"]: (row["waits"], row["note"]) for row in table.rows}
    assert rows[7] == (True, "waits for its turn")
    assert rows[8] == (False, "nothing printed yet: its kernel may still be starting")
    table.watch._heard(8)
    table._show()
    assert {row["id"]: row["note"] for row in table.rows}[8] == ""


def test_what_validate_found_is_shown_as_data(part):
    click(part, "step", step="validate")
    facts, table = part.get("outcome")["validate"]["parts"]
    assert facts["items"] == [{"name": "cost", "text": "$0.00", "tone": ""}]
    assert [cell["text"] for cell in table["rows"][0]] == ["failed", "<b>fits</b>", "cell 2, line 3"]
    assert table["rows"][0][0]["tone"] == "bad"


def test_a_step_that_failed_is_named_until_the_next_look(part, tmp_path, monkeypatch):
    def refuse(*_args, **_more):
        raise ValidationError("A finding would make this task fail.")

    edit(tmp_path)
    monkeypatch.setattr("kbench_jupyter.actions.push.push", refuse)
    click(part, "step", step="push", confirmed=True)
    assert (part.get("broken"), part.get("failed"), part.get("next")) == ("push", "push", "validate")
    click(part, "look")
    assert part.get("broken") == ""


def test_a_click_on_push_asks_first_where_the_notebook_was_never_rehearsed_as_it_is_now(
    part, server, tmp_path
):
    edit(tmp_path)
    click(part, "step", step="push")
    assert part.get("unrehearsed") is True
    assert len(server.api.tasks["quiz"]) == 1
    click(part, "keep")
    assert part.get("unrehearsed") is False
    click(part, "step", step="push")
    click(part, "step", step="push", confirmed=True)  # "Push all the same"
    assert (part.get("unrehearsed"), part.get("version")) == (False, 2)


def test_what_was_rehearsed_is_pushed_by_one_click(part, tmp_path):
    edit(tmp_path)
    click(part, "step", step="validate")
    click(part, "step", step="push")
    assert (part.get("unrehearsed"), part.get("version")) == (False, 2)


def test_after_an_edit_the_panel_shows_which_cells_differ_from_what_was_pushed(part, tmp_path):
    edit(tmp_path)
    click(part, "look")
    note = next(step["note"] for step in part.get("steps") if step["name"] == "push")
    assert note.endswith("changed since version 1: 1 cell")
    assert part.get("changes")[0] == "cell 2"
    assert [line[0] for line in part.get("changes")[1:]] == [" ", "-", "+", " "]


def test_a_stop_is_no_error_and_reaches_a_rehearsal_that_says_nothing(part, monkeypatch):
    def rehearse(*_args, interrupt, **_more):
        assert interrupt.wait(10)
        raise KeyboardInterrupt("The rehearsal was stopped; nothing was pushed.")

    monkeypatch.setattr("kbench_jupyter.actions.validate.validate", rehearse)
    part.receive({"do": "step", "step": "validate"})
    click(part, "stop")
    assert (part.get("problem"), part.get("broken")) == ([], "")
    assert part.get("stopped") == "The rehearsal was stopped; nothing was pushed."
    click(part, "dismiss")
    assert part.get("stopped") == ""


def test_what_a_step_came_to_is_gone_with_the_next_click_and_with_another_version(part, session, tmp_path):
    click(part, "step", step="validate")
    click(part, "look")
    assert list(part.get("outcome")) == ["validate"]
    edit(tmp_path)
    push(session, choose_task(session))  # elsewhere
    click(part, "look")
    assert part.get("outcome") == {}


def test_a_score_that_is_pending_is_a_note_and_no_error(part, server):
    add_run(server.api, 6, model="m2", state="SCORE_PENDING")
    add_run(server.api, 7, model="m3", state="ERRORED", errorMessage="ValueError: no")
    part.parts["status"].awake()
    click(part.parts["status"], "refresh")
    rows = {row["id"]: row for row in part.parts["status"].rows}
    assert (rows[6]["error"], rows[6]["note"]) == ("", "has run; its score is still to come")
    assert (rows[7]["error"], rows[7]["note"]) == ("ValueError: no", "")


RAISED = """The first run, on m1, ended in an error; the task can be run all the same.
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/kaggle_benchmarks/tasks.py", line 171, in run
    run.result = self.func(*args, **kwargs)
  File "/tmp/ipykernel_7/111.py", line 3, in ask
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="says anything")
ValueError: no good answer
"""


def test_a_version_whose_first_run_raised_is_amber_with_its_place_and_nothing_is_run_of_it(session, server):
    create = server.api.CreateBenchmarkTask

    def created(body):
        create(body)
        server.api.tasks["quiz"][-1]["creationErrorMessage"] = RAISED
        return server.api.tasks["quiz"][-1]

    server.api.CreateBenchmarkTask = created
    panel = WorkflowPart(session, standing(session))
    try:
        panel.picker.load()
        panel.picker.select(["m1"])
        click(panel, "chain", confirmed=True)
        pushed = panel.get("outcome")["push"]
        assert pushed["tone"] == "warn"
        assert "its first run raised an error" in pushed["lines"][0]
        [text] = [one for one in pushed["parts"] if one["kind"] == "text"]
        assert "Cell 2, line 3, in ask" in text["text"]
        assert "1 frame in kaggle_benchmarks left out" in text["text"]
        # Running it costs money, and would raise again.
        assert server.api.schedules == {}
        assert "ValueError: no good answer (cell 2, line 3)" in panel.get("problem")[0]
        assert "%kbench run quiz -m MODEL" in " ".join(panel.get("problem"))
        [step] = [one for one in panel.get("steps") if one["name"] == "push"]
        assert (step["state"], step["raised"]) == ("done", True)
        assert "ValueError: no good answer (cell 2, line 3)" in step["note"]
        assert panel.get("next") == "validate"
        # It can be run all the same, and that settles it: the default model may have been too weak.
        click(panel, "step", step="run")
        assert server.api.schedules == {"m1": 1}
        assert states(panel)["validate"] == "done"
    finally:
        panel.close()


def test_a_push_whose_first_run_raised_is_no_success_as_text_either(session, server):
    push(session, choose_task(session))
    server.api.tasks["quiz"][-1]["creationErrorMessage"] = RAISED
    again = push(session, choose_task(session))
    assert again.view().title == Cell("Unchanged since quiz, version 1: nothing was pushed", "warn")
    assert again.view().next[0][0] == "%kbench validate"
    with pytest.raises(ValidationError):
        again.refuse_raised()
    server.api.tasks["quiz"][-1]["creationErrorMessage"] = "The description is short."
    fine = push(session, choose_task(session))
    fine.refuse_raised()
    assert fine.view().title.tone == "good"
    assert "The server remarks: The description is short." in fine.view().notes


def test_a_cell_that_failed_on_the_server_is_told_as_the_notebooks_own(session, server):
    create = server.api.CreateBenchmarkTask
    failed = (
        "-" * 75 + "\nRuntimeError                 Traceback (most recent call last)\nCell In[2], line 6\n"
    )

    def created(body):
        create(body)
        task = server.api.tasks["quiz"][-1]
        task["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_ERRORED"
        task["creationErrorMessage"] = f"Cell 2, line 6 failed:\n{failed}----> 6 x\n\nRuntimeError: no"
        return task

    server.api.CreateBenchmarkTask = created
    with pytest.raises(TaskNotReadyError) as caught:
        push(session, choose_task(session), wait=0.0)
    assert caught.value.detail.startswith("Cell 2, line 6 failed:\n---")
    assert "\nCell 2, line 6\n----> 6 x\n" in caught.value.detail
    assert "In[" not in caught.value.detail
