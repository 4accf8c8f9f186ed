"""A command that asks more than one thing asks them at the same time, and fails as if it had asked in turn."""

from __future__ import annotations

import threading

import faults
import nbformat
import pytest
from loopback_session import LoopbackSession, add_run, zipped

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.init import init
from kbench_jupyter.actions.log import log
from kbench_jupyter.actions.pull import pull
from kbench_jupyter.actions.quota import quota
from kbench_jupyter.actions.results import results
from kbench_jupyter.actions.standing import standing
from kbench_jupyter.actions.status import status
from kbench_jupyter.actions.whoami import whoami
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.panels.model_picker import ModelPicker
from kbench_jupyter.panels.watches import TaskWatch

SOURCE = (
    'import kaggle_benchmarks as kbench\n\n@kbench.task(name="Quiz")\ndef quiz(llm) -> bool:\n'
    '    return "4" in llm.prompt("2+2?")\n\nquiz.run(kbench.llm)'
)
TASK_AND_RUNS = ("GetBenchmarkTask", "ListBenchmarkTaskRuns")


@pytest.fixture
def server():
    with faults.FaultServer() as running:
        add_run(running.api, 11, state="RUNNING")
        running.api.models = [{"displayName": "M", "version": {"slug": "m1", "allowModelProxy": True}}]
        yield running


@pytest.fixture
def session(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)]), "task.ipynb")
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "task.ipynb"))
    opened = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home"))
    yield opened
    opened.close()


def failing_pull(session):
    with pytest.raises(NotFoundError, match="No run of quiz has ended yet"):
        pull(session, "quiz")


@pytest.mark.parametrize(
    ("command", "methods"),
    [
        (lambda session: status(session, "quiz"), TASK_AND_RUNS),
        (standing, TASK_AND_RUNS),
        (failing_pull, TASK_AND_RUNS),
        (lambda session: TaskWatch(session, "quiz").refresh(), TASK_AND_RUNS),
        (lambda session: ModelPicker(session).load(), ("ListBenchmarkModels", "GetBenchmarkTaskQuota")),
        (quota, ("GetBenchmarkTaskQuota", "GetModelProxyQuotas")),
        (init, ("CreateDefaultModelProxyToken", "ListBenchmarkModels")),
        (whoami, ("IntrospectToken", "GetBenchmarkTaskQuota", "GetModelProxyQuotas")),
    ],
    ids=["status", "standing", "pull", "panel", "picker", "quota", "init", "whoami"],
)
def test_all_questions_are_on_the_way_before_any_is_answered(server, session, command, methods, monkeypatch):
    for name in ("MODEL_PROXY_URL", "MODEL_PROXY_API_KEY", "MODEL_PROXY_EXPIRY_TIME", "LLM_DEFAULT"):
        monkeypatch.setenv(name, "")  # which init sets for this process
    met = threading.Barrier(len(methods), timeout=4)

    def answered_once_all_are_here(exchange):
        met.wait()
        exchange.answer(*exchange.process())

    for method in methods:
        server.inject(method, answered_once_all_are_here)
    command(session)
    assert not met.broken
    assert [len(server.calls(method)) for method in methods] == [1] * len(methods)


@pytest.mark.parametrize(
    ("command", "method"),
    [(log, "GetBenchmarkTaskRunLogs"), (results, "DownloadBenchmarkTaskRunOutput")],
    ids=["log", "results"],
)
def test_what_explains_an_error_is_asked_for_while_the_rest_comes(server, session, command, method):
    server.api.runs.clear()
    add_run(server.api, 12, state="ERRORED", errorMessage="ValueError: no")
    server.api.archives[12] = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_ERRORED"}')
    met = threading.Barrier(2, timeout=4)

    def answered_once_both_are_here(exchange):
        met.wait()
        exchange.answer(*exchange.process())

    server.inject(method, answered_once_both_are_here)
    server.inject("GetBenchmarkTask", answered_once_both_are_here)
    command(session, "quiz")
    assert not met.broken
    assert len(server.calls("GetBenchmarkTask")) == 1


def test_what_the_first_question_says_is_raised_at_once_whatever_the_second_does(server, session):
    server.inject("ListBenchmarkTaskRuns", faults.hang)
    with pytest.raises(NotFoundError, match="knows no task 'quizz'") as caught:
        status(session, "quizz")
    assert "%kbench status quiz" in str(caught.value.hint) or "quiz" in str(caught.value.hint)


def test_a_refused_list_of_runs_says_nothing_about_a_task_that_is_not_there_and_fails_one_that_is(
    server, session
):
    server.inject("ListBenchmarkTaskRuns", faults.envelope(403), faults.envelope(403))
    with pytest.raises(Exception, match="403"):
        standing(session)
    server.api.tasks.clear()
    assert standing(session).task is None


def test_ctrl_c_ends_the_waiting_for_both():
    asked = threading.Event()

    def interrupted():
        asked.wait(5)
        raise KeyboardInterrupt

    def never_answered():
        asked.set()
        threading.Event().wait(60)

    with pytest.raises(KeyboardInterrupt):
        both(interrupted, never_answered)


def test_the_seconds_error_is_raised_where_the_first_has_an_answer():
    def refused():
        raise NotFoundError("no runs")

    with pytest.raises(NotFoundError, match="no runs"):
        both(lambda: 1, refused)
    assert both(lambda: 1, lambda: "two") == (1, "two")
