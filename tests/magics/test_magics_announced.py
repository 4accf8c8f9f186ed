"""What a command says before it does something: one line, to or from where, into which file; nothing with -q."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from loopback_session import add_run, zipped

from kbench_jupyter.errors import KBenchError, NotFoundError

TASK = """\
# %%
import kaggle_benchmarks as kbench


@kbench.task(name="{name}")
def ask(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="says anything")


ask.run(kbench.llm)
"""


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer() as running:
        yield running


class Told:
    """Types a command, and keeps what was said before its result."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str], place: str) -> None:
        self.shell = shell
        self.capsys = capsys
        self.place = place
        self.result: Any = None

    def __call__(self, line: str) -> list[str]:
        self.capsys.readouterr()
        self.result = self.shell.run_line_magic("kbench", line)
        return self.capsys.readouterr().out.splitlines()

    def refused(self, line: str) -> KBenchError:
        with pytest.raises(KBenchError) as caught:
            self(line)
        return caught.value


@pytest.fixture
def told(
    shell: InteractiveShell,
    server: faults.FaultServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Told:
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    server.api.models = [{"version": {"slug": "m1", "modelProxySlug": "org/m1", "allowModelProxy": True}}]
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
    Path("task.py").write_text(TASK.format(name="Quiz"))
    return Told(shell, capsys, server.url.removeprefix("http://"))


def test_init_and_auth_say_from_where_into_which_file_and_what_else_is_written(told: Told) -> None:
    [line] = told("init")
    assert line == (
        f"Fetching model proxy credentials from {told.place} into .env, choosing models where none are chosen "
        "yet, writing example_task.py and kaggle_benchmarks_reference.md."
    )
    [line] = told("init --env-file other.env --reset-models")
    assert line == f"Fetching model proxy credentials from {told.place} into other.env, choosing models anew."
    assert told("auth") == [f"Fetching model proxy credentials from {told.place} into .env."]


def test_export_and_pull_say_what_goes_into_which_file(told: Told, server: faults.FaultServer) -> None:
    assert told("export out.py -f task.py") == ["Exporting 1 cell of task.py to out.py."]
    assert told("export out.py -f task.py --force") == [
        "Exporting 1 cell of task.py to out.py, overwriting it."
    ]
    add_run(server.api, 7)
    source = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    server.api.archives[7] = _archive(nbformat.writes(source))
    assert told("pull quiz") == [f"Fetching the source of quiz from {told.place} (run 7) into quiz.ipynb."]
    [line] = told("pull quiz -o quiz.ipynb --force")
    assert line.endswith("into quiz.ipynb, overwriting it.")


def _archive(notebook: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__notebook_source__.ipynb", notebook)
    return stream.getvalue()


def test_what_is_refused_is_not_announced(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("export task.py -f task.py", "pull nothing-like-this", "init --example-file none/such.py"):
        told.refused(line)
        assert capsys.readouterr().out == ""
    assert "exists and was left as it is" in str(told.refused("export task.py -f task.py"))


@pytest.mark.parametrize("line", ["init", "auth", "export out.py -f task.py"])
def test_a_quiet_command_says_nothing(told: Told, line: str) -> None:
    assert told(f"{line} -q") == []


def test_after_init_where_there_is_no_notebook_the_example_is_what_to_try(told: Told) -> None:
    told("init --example-file 'my task.py'")
    assert "%kbench validate -f 'my task.py'" in str(told.result)
    told("init --no-example")
    assert "%kbench validate -f FILE" in str(told.result)


def test_after_init_in_a_notebook_the_notebook_is_what_to_try(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_a_notebook(monkeypatch, "Quiz")
    told("init")
    assert "%kbench validate  " in str(told.result)


@pytest.mark.parametrize(
    "command", ["run quiz -m m1", "run -m m1", "status quiz", "log quiz", "download quiz"]
)
def test_a_task_that_waits_in_the_notebook_is_to_be_pushed_and_not_another_one_meant(
    told: Told, server: faults.FaultServer, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    server.api.add_task("quiz-2")
    _in_a_notebook(monkeypatch, "Quiz")
    error = told.refused(command)
    assert isinstance(error, NotFoundError)
    assert str(error) == f"quiz is in task.ipynb, but has not been pushed to {told.place} yet."
    assert error.hint == "Push it first: %kbench push --wait"


def test_a_task_that_is_not_in_the_notebook_either_is_answered_with_the_nearest(
    told: Told, server: faults.FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.api.add_task("quiz-2")
    _in_a_notebook(monkeypatch, "Other", "Another")
    assert "Did you mean quiz-2?" in (told.refused("status quiz").hint or "")
    assert "%kbench push another --wait" in (told.refused("status another").hint or "")


def test_show_counts_one_cell_as_one(told: Told) -> None:
    told("show -f task.py")
    assert "task.py: 1 cell makes the task source" in str(told.result)
    Path("two.py").write_text("# %%\nx = 1\n\n" + TASK.format(name="Quiz"))
    told("show -f two.py")
    assert "two.py: 2 cells make the task source" in str(told.result)


def test_a_run_that_called_no_model_has_no_latency(told: Told, server: faults.FaultServer) -> None:
    run = {
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "startTime": "2026-01-01T00:00:00Z",
        "endTime": "2026-01-01T00:01:00Z",
    }
    metrics = {"inputTokens": 3, "outputTokens": 4}
    called = run | {"conversations": [{"id": "c", "metrics": metrics}]}
    for number, (model, said) in enumerate({"none": run, "untold": called}.items(), 1):
        add_run(server.api, number, model=model)
        server.api.archives[number] = zipped(r_run_json=json.dumps(said))
    told("results quiz")
    latency = {group.model: group.latency for group in told.result.groups}
    assert latency == {"none": None, "untold": 60.0}


def _in_a_notebook(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    cells = [nbformat.v4.new_code_cell(TASK.format(name=name).replace("# %%\n", "")) for name in names]
    path = Path("task.ipynb").absolute()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(path))


def test_a_command_that_waits_for_a_server_says_what_went_wrong_meanwhile(
    told: Told, server: faults.FaultServer
) -> None:
    server.inject("ListBenchmarkModels", faults.status(503))
    *_, line = told("models")
    assert "answer 503" in line
    assert line.rstrip().endswith("trying again.")
    assert [model.slug for model in told.result.models] == ["m1"]
