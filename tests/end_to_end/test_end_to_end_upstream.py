"""An endpoint of one's own by `%kbench local start --upstream`: its models answer, its key is nowhere to be seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell
from json_endpoint import JsonHandler, serving

from kbench_jupyter import start_local
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import local_server

pytestmark = pytest.mark.slow
KEY = "hunter2-team-vllm"
TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="Sums")
def sums(llm):
    kbench.assertions.assert_equal("2", llm.prompt("1 + 1?"), expectation="Adds")


sums.run(kbench.llm)
"""


class Locked(JsonHandler):
    """Answers those who know the key."""

    answered = 0

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "lab/calc-7b"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Locked.answered += self.headers["Authorization"] == f"Bearer {KEY}"
        message = {"role": "assistant", "content": "2"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self.answer({"id": "x", "object": "chat.completion", "created": 0, "model": "lab/calc-7b", "usage": usage,
                     "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})  # fmt: skip

    def answer(self, body: object, status: int = 200) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {KEY}"
        super().answer(body if allowed else {"error": {"message": "no"}}, 200 if allowed else 401)


@pytest.fixture
def endpoint() -> Iterator[str]:
    with serving(Locked) as url:
        yield url


@pytest.fixture
def own(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door to a server of this test's own, in a folder whose .env holds the key."""
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KBENCH_TARGET", "local")
    (tmp_path / ".env").write_text(f"LAB_KEY={KEY}\n")
    yield Door(shell)
    local_server.stop(tmp_path / "home")


def test_a_task_runs_on_a_model_behind_a_key_that_is_nowhere_to_be_read(
    own: Door, endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"local start --upstream {endpoint} --key-from LAB_KEY"
    shown = own(line)
    assert (shown.facts["model endpoint"], shown.facts["its key from"]) == (endpoint, "LAB_KEY")
    assert shown.notes == ()
    said = capsys.readouterr().out
    assert f"the models of {endpoint}, its key from LAB_KEY" in " ".join(said.split())
    assert "was running already" in str(own(line)), "Run All does it again"
    assert "calc-7b" in str(own("models"))
    own("push --wait", TASK)
    runs = own("run sums -m calc-7b --wait")
    assert [run.state for run in runs.runs] == ["COMPLETED"]
    assert Locked.answered, "the endpoint was asked, with the key"
    seen = [said, capsys.readouterr().out, str(own("local")), str(own("config")), repr(shown), str(runs)]
    assert KEY not in "".join(seen)
    server = psutil.Process(shown.facts["process"].value)
    for process in (server, *server.children(recursive=True)):
        assert KEY not in " ".join(process.cmdline()) + str(process.environ())
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_server_that_runs_otherwise_is_never_taken_for_the_one_that_was_asked_for(
    own: Door, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own("local start")
    error = own.refused(f"local start --upstream {endpoint} --key-from LAB_KEY")
    assert f"started without a model endpoint: {endpoint} was not taken" in str(error)
    assert f"%kbench local stop\n%kbench local start --upstream {endpoint} --key-from LAB_KEY" in str(
        error.hint
    )
    own("local stop")
    own(f"local start --upstream {endpoint} --key-from LAB_KEY")
    assert f"started with {endpoint}: http://127.0.0.1:9/v1" in str(
        own.refused("local start --upstream http://127.0.0.1:9/v1")
    )
    monkeypatch.setenv("LAB_KEY", "another")
    assert "and with another key" in str(own.refused(f"local start --upstream {endpoint} --key-from LAB_KEY"))
    assert "and with another key" in str(own.refused(f"local start --upstream {endpoint}"))
    with pytest.raises(UsageError, match="another key"):
        start_local(endpoint)


def test_a_wrong_or_missing_key_is_said_with_the_variable_that_holds_it(
    own: Door, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "wrong-one")
    [note] = own(f"local start --upstream {endpoint}/ --key-from LAB_KEY").notes
    assert "is LAB_KEY right?" in note
    own("local stop")
    [note] = own(f"local start --upstream {endpoint}").notes
    assert "--key-from VARIABLE" in note


def test_the_key_of_the_environment_is_not_sent_to_an_endpoint_that_it_was_not_named_for(
    own: Door, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_UPSTREAM_API_KEY", KEY)
    assert "HTTP 401" in own(f"local start --upstream {endpoint}").notes[0]


@pytest.mark.parametrize("words", [f"--key-from {KEY}", "--key-from NOT_SET", "--key-from EMPTY"])
def test_what_should_be_a_variable_and_may_be_the_key_itself_is_refused_and_not_repeated(
    own: Door, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("EMPTY", " ")
    error = own.refused(f"local start --upstream http://127.0.0.1:9/v1 {words}")
    assert "--key-from names holds nothing, neither in this kernel's environment nor in .env" in str(error)
    assert KEY not in "".join(error.lines())
    assert local_server.find(os.environ["KBENCH_HOME"]) is None


def test_an_endpoint_is_for_a_start_only_and_a_key_for_an_endpoint(own: Door) -> None:
    assert "only start does" in str(own.refused("local stop --upstream http://127.0.0.1:9/v1"))
    assert "--upstream is missing" in str(own.refused("local start --key-from LAB_KEY"))
    error = own.refused("local start --upstream ftp://ada:hush@127.0.0.1/v1")
    assert "--upstream is no web address" in str(error)
    assert "hush" not in "".join(error.lines())
