"""What is said where the embedded server was started with other settings than the environment has now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from json_endpoint import JsonHandler, serving

from kbench_jupyter.actions import local
from kbench_jupyter.actions.config import settings
from kbench_jupyter.actions.init import init
from kbench_jupyter.actions.models import list_models
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.validate import validate
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import local_server
from kbench_jupyter.session.layers import Layers
from kbench_jupyter.session.server_settings import model_notes, with_model_notes
from kbench_jupyter.session.session import Session

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]

RESTART = "%kbench local stop, then %kbench local start"
MODEL = "smollm2-135m-instruct"
TASK = """
import kaggle_benchmarks as kbench

@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_in("4", llm.prompt("2 + 2?"), expectation="Says four")

quiz.run(kbench.llm)
"""


class Endpoint(JsonHandler):
    """Lists one model."""

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "lab/calc-7b"}]})


@pytest.fixture
def endpoint() -> Iterator[str]:
    with serving(Endpoint) as url:
        yield url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name in ("URL", "API_KEY", "EXPIRY_TIME"):  # what init sets is unset afterwards
        monkeypatch.setenv(f"MODEL_PROXY_{name}", "")
    for name in ("LLM_DEFAULT", "LLM_DEFAULT_EVAL", "LLMS_AVAILABLE"):
        monkeypatch.setenv(name, "")
    folder = tmp_path / "home"
    yield folder
    local_server.stop(folder)


def session(home: Path, **environ: str) -> Session:
    return Session(environ={"KBENCH_TARGET": "local", "KBENCH_HOME": str(home), **environ})


def rows(mine: Session) -> dict[str, tuple[str, str]]:
    return {name: (value, source) for name, value, source, _ in settings(mine).rows}


def test_an_endpoint_named_while_the_server_runs_is_said_not_to_be_in_force_everywhere(home: Path) -> None:
    local_server.ensure_running(home)
    mine = session(home, KBENCH_UPSTREAM_URL="http://ada:hush@127.0.0.1:9/v1", KBENCH_WORKERS="3")
    upstream = (
        "KBENCH_UPSTREAM_URL=http://127.0.0.1:9/v1 is not in force. "
        f"The embedded server was started without it: {RESTART}"
    )
    workers = f"KBENCH_WORKERS=3 is not in force. The embedded server was started with 2: {RESTART}"
    assert list_models(mine).notes == (upstream,)
    assert settings(mine).notes == local.command(mine, "status").notes == (upstream, workers)
    value, source = rows(mine)["upstream_url"]
    assert (value, source[-12:]) == ("http://127.0.0.1:9/v1", "not in force")
    assert upstream in str(list_models(mine)).replace("\n  ", " ")
    assert "hush" not in str(settings(mine)) + str(local.command(mine, "status"))
    mine.close()


def test_settings_the_server_was_started_with_are_in_force_and_its_dead_endpoint_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", "http://127.0.0.1:9/v1/")
    monkeypatch.setenv("KBENCH_RUN_TIMEOUT", "90.0")
    local_server.ensure_running(home)
    same = session(home, KBENCH_UPSTREAM_URL="http://127.0.0.1:9/v1", KBENCH_RUN_TIMEOUT="90")
    problem = "The model endpoint at http://127.0.0.1:9/v1 does not list its models: connection failed."
    assert settings(same).notes == ()
    assert list_models(same).notes == (problem,)
    shown = local.command(same, "status")
    assert (shown.facts["model endpoint"], shown.notes) == ("http://127.0.0.1:9/v1", (problem,))
    error = with_model_notes(same, same.target(), UsageError("No model.", hint="The list"))
    assert error.hint == f"The list\n{problem}"
    same.close()

    other = session(home)  # another kernel, that names none
    assert rows(other)["upstream_url"] == ("http://127.0.0.1:9/v1", "the running embedded server")
    assert rows(other)["run_timeout"] == ("90", "the running embedded server")
    assert settings(session(home, KBENCH_UPSTREAM_URL="")).notes
    other.close()


def test_where_no_server_runs_there_is_nothing_to_compare_with(home: Path) -> None:
    mine = session(home, KBENCH_UPSTREAM_URL="http://127.0.0.1:9/v1")
    assert settings(mine).notes == ()
    assert rows(mine)["upstream_url"][1] == "environment variable KBENCH_UPSTREAM_URL"


def test_another_target_has_no_notes_of_the_embedded_server() -> None:
    mine = Session(environ={"KAGGLE_API_TOKEN": "t"})
    assert model_notes(mine, mine.target()) == ()


def test_a_setting_of_the_servers_in_the_env_file_is_said_not_to_be_read(home: Path) -> None:
    Path(".env").write_text("KBENCH_UPSTREAM_URL=http://127.0.0.1:9/v1\n")
    mine = Session(environ=Layers({}, {"KBENCH_TARGET": "local", "KBENCH_HOME": str(home)}))
    [note] = settings(mine).notes
    assert note.startswith("KBENCH_UPSTREAM_URL in .env is not read")
    assert rows(mine)["upstream_url"] == ("none", "default")


def test_models_that_came_later_are_offered_where_the_env_file_keeps_its_older_choice(
    home: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = session(home)
    assert init(first, example_file=None).more == 0
    first.close()
    local_server.stop(home)
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", endpoint)
    mine = session(home, KBENCH_UPSTREAM_URL=endpoint)
    ready = init(mine, example_file=None)
    assert (ready.available, ready.more, ready.notes) == (1, 1, ())
    assert "1 more model can be had now: %kbench init --reset-models" in str(ready)
    anew = init(mine, example_file=None, reset_models=True)
    assert (anew.available, anew.more) == (2, 0)

    Path("task.py").write_text(TASK)
    with pytest.raises(UsageError, match="no model 'calc-7' to rehearse with") as caught:
        validate(mine, chosen=choose_task(mine, file="task.py"), model="calc-7")
    assert "Did you mean -m calc-7b?" in str(caught.value.hint)
    mine.close()
