"""The main job through the typed door: real shell, real SDK, real embedded server, real small model."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import psutil
import pytest
from door import Door
from kernel_template import SOCKET

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]

MODEL = "smollm2-135m-instruct"
TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="Say something")
def say_something(llm):
    print("asking")
    answer = llm.prompt("Reply with one word.")
    kbench.assertions.assert_not_empty(answer, expectation="Says anything at all")


say_something.run(kbench.llm)
"""
WITHOUT_RUN = TASK.replace("say_something.run(kbench.llm)\n", "")
FAILS = TASK.replace('    answer = llm.prompt("Reply with one word.")', "    answer = undefined_name")


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "task.py"
    path.write_text(TASK)
    return path


@pytest.fixture
def pushed(door: Door, task_file: Path) -> None:
    """Leave a task on the server, whichever test comes first."""
    if not door("list --name-regex ^say-something$").tasks:
        door("push -f task.py --wait")


def test_a_task_goes_all_the_way_from_init_to_a_table_of_results(
    door: Door, task_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = door("init")
    assert ready.default_model.endswith(MODEL)
    assert (Path(".env").stat().st_mode & 0o777) == 0o600
    assert Path("example_task.py").exists()
    assert "no Kaggle credentials found" in str(ready)

    valid = door("validate -f task.py")
    assert [run.task for run in valid.runs] == ["Say something"]
    assert valid.passed
    assert valid.runs[0].usage.output_tokens > 0
    assert valid.runs[0].usage.latency is not None

    pushed = door("push -f task.py --wait")
    assert (pushed.task.slug.task, pushed.task.creation_state) == ("say-something", "COMPLETED")
    assert "it was never run here" not in str(pushed)
    assert not door("push say-something -f task.py").changed
    again = door("push say-something -f task.py --again --wait 120")
    assert again.task.version == pushed.task.version + 1

    assert "say-something" in str(door("list"))
    assert MODEL in [row["model"] for row in door("models").records()]

    ran = door("run say-something -m 'smol*' --wait")
    assert ran.ended
    assert [run.state for run in ran.runs] == ["COMPLETED"]
    assert "completed" in str(door("status say-something"))

    capsys.readouterr()
    door("log say-something")
    assert "asking" in capsys.readouterr().out

    door("download say-something -o out")
    [run_file] = Path("out").rglob("*.run.json")
    version, model, run_id = run_file.parent.relative_to("out/say-something").parts
    assert (version, model, run_id) == (str(again.task.version), MODEL, str(ran.run_ids[0]))
    assert not list(Path("out").rglob("__notebook*"))
    door("download say-something -o out -s")
    assert len(list(Path("out").rglob("__notebook*.ipynb"))) == 2

    table = door("results say-something -o out")
    assert [row.result.passed for row in table.rows] == [True]
    assert "Says anything at all" in str(table)
    json.dumps(table._repr_mimebundle_())


def test_a_cell_is_a_task_file_too(door: Door) -> None:
    door("init --no-example")
    ran = door(f"run -m {MODEL} --wait", TASK.replace('Say something")', 'From a cell")'))
    assert [run.state for run in ran.runs] == ["COMPLETED"]


def test_a_task_without_a_run_call_is_stopped_before_it_is_pushed(door: Door, tmp_path: Path) -> None:
    (tmp_path / "silent.py").write_text(WITHOUT_RUN)
    error = door.refused("push -f silent.py")
    assert ".run(kbench.llm)" in "\n".join(error.lines())


def test_a_forced_push_without_a_run_call_says_what_became_of_it(door: Door, tmp_path: Path) -> None:
    text = WITHOUT_RUN.replace("Say something", "Silent")
    (tmp_path / "silent.py").write_text(text)
    error = door.refused("push -f silent.py --force --wait")
    assert "recorded no run" in str(error)


def test_a_rehearsal_that_fails_names_the_cell_and_the_line(door: Door, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    door("init --no-example")
    error = door.refused("validate -f fails.py")
    assert "undefined_name" in "\n".join(error.lines())


@pytest.mark.parametrize("first", ["as the task was written", "for the rehearsal"])
def test_a_task_is_rehearsed_in_the_kernel_that_waited_for_it_and_so_is_a_mended_one(
    door: Door,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(SOCKET, raising=False)  # one that is forked reads its environment when it is told it
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", "on")
    monkeypatch.setattr("kbench_jupyter.actions.expecting._attended", lambda _shell: True)
    monkeypatch.setattr("kbench_jupyter.execution.ahead.ROOM", 0)
    door("init --no-example")
    file = tmp_path / "task.py"
    # One that waited was not started with the key that its rehearsal has.
    tell = "import os, psutil\nprint('waited', 'MODEL_PROXY_API_KEY' not in psutil.Process().environ())\n"
    file.write_text(TASK.replace("# %%\n", f"# %%\n{tell}1 / 0\n", 1))
    if first == "as the task was written":
        door.shell.run_cell("if False:\n    import kaggle_benchmarks")
        for thread in threading.enumerate():
            if thread.name == "kbench-expect":
                thread.join()
    door.refused("validate -f task.py")
    assert f"waited {first == 'as the task was written'}" in capsys.readouterr().out
    file.write_text(file.read_text().replace("1 / 0\n", ""))
    assert door("validate -f task.py").passed
    assert "waited True" in capsys.readouterr().out
    door.shell.run_line_magic("unload_ext", "kbench_jupyter")
    assert not [p for p in psutil.Process().children() if "ipykernel_launcher" in " ".join(p.cmdline())]


@pytest.mark.usefixtures("pushed")
def test_an_unknown_model_is_named_with_the_nearest_one(door: Door) -> None:
    error = door.refused("run say-something -m smollm2-135m")
    assert "smollm2-135m" in str(error)
    assert MODEL in (error.hint or "")


@pytest.mark.usefixtures("pushed")
def test_an_unknown_task_is_named_with_the_nearest_one(door: Door) -> None:
    error = door.refused("status say-somthing")
    assert "say-something" in (error.hint or "")


@pytest.mark.usefixtures("pushed")
def test_publishing_asks_first_and_with_no_one_to_ask_says_how_to_agree(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "-y" in (door.refused("publish say-something").hint or "")
    assert not door("status say-something").task.is_public
    assert door("publish say-something -y").changed
    assert door("status say-something").task.is_public
    assert not door("publish say-something").changed


def test_delete_says_the_truth(door: Door) -> None:
    assert "cannot delete" in str(door.refused("delete say-something"))


@pytest.mark.usefixtures("pushed")
def test_quota_and_leaderboard_are_shown(door: Door) -> None:
    assert "benchmark runs" in str(door("quota"))
    assert "leaderboard OWNER/BENCHMARK" in "\n".join(door.refused("leaderboard").lines())
    assert "local/say-something" in str(door("leaderboard local/say-something"))


def test_no_task_named_and_no_notebook_to_tell_is_one_clear_error(door: Door) -> None:
    assert "Which task?" in str(door.refused("status"))


def test_a_kernel_without_the_task_sdk_is_told_what_to_install(door: Door, tmp_path: Path) -> None:
    (tmp_path / "kaggle_benchmarks.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'kaggle_benchmarks'\")"
    )
    (tmp_path / "task.py").write_text(f"# %%\nimport sys; sys.path.insert(0, {str(tmp_path)!r})\n" + TASK)
    door("init --no-example")
    assert "%pip install kaggle_benchmarks" in (door.refused("validate -f task.py").hint or "")


def test_nothing_shown_or_written_but_env_holds_the_key(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = str(door("init")) + repr(door("auth")) + str(door("target")) + repr(door("target"))
    key = next(
        line for line in Path(".env").read_text().splitlines() if line.startswith("MODEL_PROXY_API_KEY=")
    )
    secret = key.partition("=")[2]
    token = Path(os.environ["KBENCH_HOME"], "token").read_text().strip()
    out = capsys.readouterr()
    for value in (secret, token):
        assert len(value) > 16
        assert value not in shown + out.out + out.err
    assert [p.name for p in tmp_path.iterdir() if p.is_file() and secret in p.read_text()] == [".env"]
