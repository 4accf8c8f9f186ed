"""What a push sends, and when it sends nothing, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.errors import TaskNotReadyError, ValidationError

STATE = "BENCHMARK_TASK_VERSION_CREATION_STATE_"
TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="{0}")
def {0}(llm):
    kbench.assertions.assert_true(True, expectation="Is there")


{0}.run(kbench.llm)
"""
QUIZ = TASK.format("quiz")
SEVERAL = QUIZ + "\n# %%\n" + TASK.format("sums") + "\n# %%\n" + TASK.format("words")


@pytest.fixture
def kbench(server: faults.FaultServer, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")

    def call(line: str, cell: str = QUIZ) -> Any:
        return shell.run_cell_magic("kbench", line, cell)

    return call


def sources(server: faults.FaultServer) -> list[list[str]]:
    """Return the cells of each notebook that was sent."""
    sent = [json.loads(seen.json["text"])["cells"] for seen in server.calls("CreateBenchmarkTask")]
    return [["".join(cell["source"]) for cell in cells] for cells in sent]


def test_what_is_there_already_is_not_sent_again_unless_the_server_could_not_create_it(
    server: faults.FaultServer, kbench: Any
) -> None:
    assert kbench("push").changed
    assert not kbench("push").changed
    server.api.tasks["quiz"][-1]["creationState"] = f"{STATE}ERRORED"
    assert kbench("push").changed
    assert server.api.pushes == 2


def test_a_push_that_went_well_has_nothing_to_remark(kbench: Any) -> None:
    pushed = kbench("push --wait")
    assert pushed.view().notes == []
    assert "it was never run here" in str(pushed), "a dry run costs nothing"


@pytest.mark.parametrize("name", ["quiz", "sums"])
def test_of_several_tasks_the_one_named_is_kept(name: str, server: faults.FaultServer, kbench: Any) -> None:
    for source, others in ((SEVERAL, 3), (SEVERAL[: SEVERAL.rindex("\n# %%\nimport")], 2)):
        pushed = kbench(f"push {name} --again", source)
        assert f"%choose {name} was added" in " ".join(pushed.notes)
        assert sources(server)[-1][-1] == f"%choose {name}", f"of {others} tasks"
    assert f"%%kbench push {name} --again" in str(kbench(f"push {name}", source))


def test_a_notebook_of_several_tasks_has_not_changed_since_one_of_them_was_pushed(
    kbench: Any,
    shell: InteractiveShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "several.py").write_text(SEVERAL, encoding="utf-8")
    monkeypatch.setenv("KBENCH_NOTEBOOK", "several.py")
    shell.run_line_magic("kbench", "push sums")
    shell.run_line_magic("kbench", "run sums -m quick-1")
    assert "has changed since" not in capsys.readouterr().out
    (tmp_path / "several.py").write_text(SEVERAL + "\n# %%\nprint('more')\n", encoding="utf-8")
    shell.run_line_magic("kbench", "run sums -m quick-1")
    assert "several.py has changed since version 1 was pushed" in capsys.readouterr().out


def test_a_single_task_is_sent_as_it_is_and_not_named_in_what_to_type(
    server: faults.FaultServer, kbench: Any
) -> None:
    kbench("push")
    assert not any("%choose" in cell for cell in sources(server)[-1])
    assert "%%kbench push --again" in str(kbench("push"))


def test_a_note_on_an_answer_that_was_lost_is_shown(server: faults.FaultServer, kbench: Any) -> None:
    server.inject("CreateBenchmarkTask", faults.reset_after)
    assert "The answer to the push was lost" in str(kbench("push"))


def test_a_version_that_is_still_being_created_is_waited_for_only_if_that_is_wanted(
    server: faults.FaultServer, kbench: Any
) -> None:
    server.api.add_task("quiz", creationState=f"{STATE}RUNNING")
    with pytest.raises(TaskNotReadyError, match="Version 1 of quiz is still being created") as caught:
        kbench("push")
    assert str(caught.value.hint) == "Wait for it, then push: %%kbench push --wait"
    assert server.api.pushes == 0


def test_a_task_that_is_named_must_be_there_also_where_none_is_needed(kbench: Any) -> None:
    with pytest.raises(ValidationError, match="stores no task 'other'"):
        kbench("show other")


def test_a_file_given_where_a_task_belongs_is_told_how_a_file_is_given(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "several.py").write_text(SEVERAL, encoding="utf-8")
    monkeypatch.setenv("KBENCH_NOTEBOOK", "several.py")
    for command in ("push", "validate", "show"):
        with pytest.raises(ValidationError) as caught:
            shell.run_line_magic("kbench", f"{command} 'my tasks/quiz.py'")
        assert caught.value.hint == "A file is named with -f: -f 'my tasks/quiz.py'"


def test_a_source_without_a_task_says_so_whatever_else_is_wrong_with_it(kbench: Any) -> None:
    with pytest.raises(ValidationError, match="stores no task"):
        kbench("push", "# %%\nimport kaggle_benchmarks as kbench\nkey = open('/home/me/key.txt').read()\n")
