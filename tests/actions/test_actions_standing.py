"""Where a task stands is read from the server, so it holds after the kernel that did it all is gone."""

from __future__ import annotations

import nbformat
import pytest
from loopback_session import LoopbackSession, add_run, zipped

from kbench_jupyter.actions.download import download
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.pushes import source_digest
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.standing import standing
from kbench_jupyter.actions.standing.steps import STEPS
from kbench_jupyter.results.downloads import Origin

CELLS = (
    "import kaggle_benchmarks as kbench",
    '@kbench.task(name="{name}")\ndef ask(llm):\n'
    "    kbench.assertions.assert_not_empty(llm.prompt('Hi'), expectation='says anything')\n\nask.run(kbench.llm)",
)
ENV = "MODEL_PROXY_URL=https://proxy.example\nMODEL_PROXY_API_KEY=k\nLLM_DEFAULT=m\nMODEL_PROXY_EXPIRY_TIME={}\n"


@pytest.fixture
def session(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "Quiz")
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "task.ipynb"))
    made = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    yield made
    made.close()


def write(folder, *names):
    cells = [nbformat.v4.new_code_cell(text.format(name=name)) for name in names for text in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "task.ipynb")


def step_of(found, name):
    return next(step for step in found.steps if step.name == name)


def run_on(server, run_id, **times):
    return Origin(server.url, run_id, **times)


def states(found):
    return {step.name: step.state for step in found.steps}


def test_with_nothing_done_init_comes_next_and_every_step_says_what_it_will_do(session):
    found = standing(session)
    assert found.next == "init"
    assert found.version_words == "none yet"
    assert set(states(found)) == set(STEPS)
    assert all(step.plan for step in found.steps)
    assert "%kbench init" in str(found)


def test_expired_credentials_are_a_step_to_do_again(session, tmp_path):
    (tmp_path / ".env").write_text(ENV.format("2020-01-01T00:00:00Z"))
    assert standing(session).next == "init"
    assert "expired" in standing(session).expiry
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    assert standing(session).next == "validate"


def test_what_was_pushed_and_run_is_known_to_a_kernel_that_did_not_do_it(session, server, tmp_path):
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    push(session, choose_task(session))
    again = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    assert standing(again).next == "run"
    add_run(server.api, 5, state="RUNNING")
    found = standing(again)
    assert (states(found)["run"], states(found)["watch"], found.next) == ("done", "going", "watch")
    server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
    assert standing(again).next == "results"
    again.compared.add(run_on(server, 5))
    assert standing(again).next == "publish"
    server.api.tasks["quiz"][-1]["isPublic"] = True
    assert standing(again).next == ""
    again.close()


def test_a_version_whose_first_run_raised_is_to_be_validated_next_and_says_where_it_raised(
    session, server, tmp_path
):
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    push(session, choose_task(session))
    frame = '  File "/tmp/ipykernel_1/2.py", line 4, in quiz'
    raised = f"Traceback (most recent call last):\n{frame}\n    int(answer)\nValueError: no number"
    server.api.tasks["quiz"][-1]["creationErrorMessage"] = raised
    found = standing(session)
    assert (found.next, states(found)["push"]) == ("validate", "done")
    assert "first run raised an error: ValueError: no number" in step_of(found, "push").note


def test_an_edit_after_the_push_puts_validate_next_again(session, tmp_path):
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    push(session, choose_task(session))
    path = tmp_path / "task.ipynb"
    path.write_text(path.read_text().replace("says anything", "says something"))
    found = standing(session)
    assert found.next == "validate"
    session.validated.add(source_digest(found.chosen.source))
    assert standing(session).next == "push"
    assert step_of(found, "push").note.endswith("changed since version 1: 1 cell")


def test_after_an_edit_what_was_run_and_compared_is_to_be_done_again_for_the_version_that_follows(
    session, server, tmp_path
):
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    push(session, choose_task(session))
    add_run(server.api, 5)
    session.compared.add(run_on(server, 5))
    assert standing(session).next == "publish"
    path = tmp_path / "task.ipynb"
    path.write_text(path.read_text().replace("says anything", "says something"))
    found = standing(session)
    assert {states(found)[name] for name in ("push", "run", "watch", "results")} == {"later"}
    assert "version 1 has 1 run" in str(found)
    run = step_of(found, "run")
    assert run.chained.startswith("Run version 2 of quiz")
    assert run.plan.startswith("Run version 1 of quiz")
    assert "not known to be what task.ipynb holds now" in run.plan


def test_a_version_that_is_being_created_is_the_one_that_will_be_run(session, server):
    push(session, choose_task(session))
    server.api.tasks["quiz"][-1]["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_RUNNING"
    found = standing(session)
    assert states(found)["push"] == "going"
    assert step_of(found, "run").chained.startswith("Run version 1 of quiz")


def test_a_run_made_after_a_comparison_is_to_be_compared(session, server):
    push(session, choose_task(session))
    add_run(server.api, 5)
    session.compared.add(run_on(server, 5))
    assert states(standing(session))["results"] == "done"
    add_run(server.api, 6, model="m2")
    assert states(standing(session))["results"] != "done"


def test_a_run_of_before_a_reset_is_not_taken_for_the_new_one_of_its_id(session, server, tmp_path):
    (tmp_path / ".env").write_text(ENV.format("2999-01-01T00:00:00Z"))
    push(session, choose_task(session))
    add_run(server.api, 1, startTime="2026-01-01T00:00:00Z", endTime="2026-01-01T00:01:00Z")
    server.api.archives[1] = zipped(r_run_json="{}")
    assert states(standing(session))["results"] == "next"
    download(session, "quiz")
    known = run_on(server, 1, start="2026-01-01T00:00:00+00:00", end="2026-01-01T00:01:00+00:00")
    assert states(standing(session))["results"] == "done"
    elsewhere = session.folders["quiz"] = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert states(standing(session))["results"] == "next"
    session.compared.add(known)
    assert states(standing(session))["results"] == "done"
    del session.folders["quiz"]
    server.api.runs[0] |= {"startTime": "2026-02-02T00:00:00Z", "endTime": "2026-02-02T00:01:00Z"}
    assert states(standing(session))["results"] == "next"
    download(session, "quiz")
    assert states(standing(session))["results"] == "done"


def test_runs_of_an_older_version_do_not_count(session, server, tmp_path):
    push(session, choose_task(session))
    add_run(server.api, 5, version=1)
    push(session, choose_task(session), again=True)
    assert states(standing(session))["run"] == "later"


def test_several_tasks_in_one_notebook_can_each_be_asked_about(session, tmp_path):
    write(tmp_path, "One", "Two")
    found = standing(session)
    assert found.chosen.stored == ("one", "two")
    assert (found.slug, standing(session, "two").slug) == ("one", "two")


def test_without_a_notebook_it_is_said_and_nothing_fails(session, tmp_path, monkeypatch):
    monkeypatch.delenv("KBENCH_NOTEBOOK")
    (tmp_path / "task.ipynb").unlink()
    found = standing(session)
    assert found.origin == "not found"
    assert "-f task.py" in found.notes[0]


def test_where_the_embedded_server_does_not_run_it_is_not_started_by_looking(session, tmp_path):
    from kbench_jupyter.session.session import Session

    quiet = Session(None, None, {"KBENCH_TARGET": "local", "KBENCH_HOME": str(tmp_path / "nothing")})
    found = standing(quiet)
    assert "starts when it is needed" in found.place
    # Nobody was asked, so nothing is said of what is there: neither that it is none, nor that it is the first.
    (version,) = (line for line in str(found).splitlines() if line.lstrip().startswith("version"))
    assert version.split(maxsplit=1)[1] == "not known: the embedded server is not running"
    assert "as a new version of quiz" in step_of(found, "push").plan
    assert "version 1" not in str(found) + step_of(found, "run").chained
    assert not (tmp_path / "nothing" / "server.json").exists()


def test_credentials_of_an_embedded_server_that_does_not_run_now_are_not_called_anothers(session, tmp_path):
    from kbench_jupyter.session.session import Session

    local = ENV.format("2999-01-01T00:00:00Z").replace("https://proxy.example", "http://127.0.0.1:5/openapi")
    (tmp_path / ".env").write_text(local)
    quiet = Session(None, None, {"KBENCH_TARGET": "local", "KBENCH_HOME": str(tmp_path / "nothing")})
    assert "not usable" not in standing(quiet).expiry
    assert "belong to the embedded server" in standing(session).expiry  # where the target is another


def test_a_python_file_that_stands_for_the_notebook_is_spoken_of_by_its_lines_and_is_the_same_source(
    session, tmp_path, monkeypatch
):
    file = tmp_path / "task.py"
    file.write_text("# %% A title\n" + "\n# %%\n".join(text.format(name="Quiz") for text in CELLS))
    monkeypatch.setenv("KBENCH_NOTEBOOK", "task.py")
    meant, named = choose_task(session).source, choose_task(session, file=str(file)).source
    assert meant.text == named.text
    assert meant.file_line(meant.cells[1].ref, 2) == 5
