"""Each known way to fail silently with the command line, named after what the user is saved from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from door import Door
from faults import FakeApi, FaultServer
from IPython.core.interactiveshell import InteractiveShell

TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="My task")
def my_task(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="Answers")


my_task.run(kbench.llm)
"""


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def recorded(
    shell: InteractiveShell, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    """A door to a server that records what it is sent and runs nothing."""
    (tmp_path / "task.py").write_text(TASK)
    with FaultServer(api) as server:
        monkeypatch.setenv("KBENCH_API_URL", server.url)
        monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
        monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
        yield Door(shell)


def model(slug: str, *, proxy: str | None = None) -> dict[str, object]:
    version = {"slug": slug, "allowModelProxy": True, "modelProxySlug": proxy or f"maker/{slug}"}
    return {"id": 1, "displayName": slug.title(), "slug": slug, "version": version}


def test_saved_from_a_silent_no_op(recorded: Door, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "silent.py").write_text(TASK.replace("my_task.run(kbench.llm)\n", ""))
    error = recorded.refused("push -f silent.py")
    assert "line 7 (cell 2)" in f"{error} {error.detail}", "an editor counts the file's lines"
    assert api.pushes == 0


def test_saved_from_a_slug_that_is_not_the_tasks(recorded: Door, api: FakeApi) -> None:
    error = recorded.refused("push other-task -f task.py")
    assert "my-task" in (error.hint or "")
    assert api.pushes == 0
    assert recorded("push my_task -f task.py").task.slug.task == "my-task"


def test_saved_from_no_task_where_a_syntax_error_is_the_matter(recorded: Door, api: FakeApi) -> None:
    error = recorded.refused("push", TASK.replace('name="My task")', 'name="My task"'))
    assert "stores no task" not in str(error)
    assert "cell 2" in (error.hint or "")
    assert api.pushes == 0


def test_saved_from_a_bare_decorator_that_makes_no_task(recorded: Door, api: FakeApi) -> None:
    error = recorded.refused("push", TASK.replace('@kbench.task(name="My task")', "@kbench.task"))
    assert "parentheses" in f"{error} {error.detail}"
    assert "cell 2" in (error.hint or "")
    assert api.pushes == 0


def test_saved_from_running_a_version_that_is_no_longer_what_is_on_the_screen(
    recorded: Door, api: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBENCH_NOTEBOOK", "task.py")
    api.models = [model("calc-7b")]
    recorded("push")
    recorded("run -m calc-7b")
    said = capsys.readouterr().out
    assert "has changed" not in said
    assert "Scheduling my-task (version 1) on calc-7b" in said
    Path("task.py").write_text(TASK.replace("Hi", "Hello"))
    recorded("run -m calc-7b")
    said = capsys.readouterr().out
    assert "! task.py has changed since version 1 was pushed, which is what runs" in said
    assert "%kbench push --wait" in said
    recorded("push")
    recorded("run -m calc-7b")
    assert "has changed" not in capsys.readouterr().out


def test_saved_from_naming_the_task_again_in_a_terminal_that_has_no_notebook(
    recorded: Door, api: FakeApi
) -> None:
    api.models = [model("calc-7b")]
    assert "Which task?" in str(recorded.refused("run -m calc-7b"))
    recorded("push -f task.py")
    assert recorded("run -m calc-7b").task.slug.task == "my-task"


def test_saved_from_detached_datasets(recorded: Door, api: FakeApi, tmp_path: Path) -> None:
    recorded("push -f task.py -d me/one -d me/two")
    (tmp_path / "task.py").write_text(TASK.replace("Hi", "Hello"))
    again = recorded("push -f task.py")
    assert again.task.datasets == ("me/one", "me/two")
    assert any("--detach-datasets" in note for note in again.notes)
    assert recorded("push -f task.py --detach-datasets").task.datasets == ()
    assert api.pushes == 3


def test_saved_from_datasets_that_do_not_exist(recorded: Door, api: FakeApi) -> None:
    api.datasets = {"me/one"}
    assert "me/tow" in str(recorded.refused("push -f task.py -d me/one -d me/tow"))


def test_saved_from_a_version_made_for_a_slip_of_the_pen(recorded: Door, api: FakeApi) -> None:
    api.models = [model("a-model")]
    cell = TASK.replace("My task", "From a cell")
    assert "OWNER/NAME" in str(recorded.refused("push -f task.py -d badname").hint)
    assert "-m a-model" in str(recorded.refused("run -m a-modle", cell).hint)
    assert "Which models" in str(recorded.refused("run", cell))
    assert "-m a-model" in str(recorded.refused("up -f task.py -m a-modle -y").hint)
    assert "is a file" in str(recorded.refused("up -f task.py -m a-model -o task.py -y"))
    assert api.pushes == 0
    assert not api.schedules


def test_saved_from_a_typo_that_looks_like_an_empty_account(recorded: Door, api: FakeApi) -> None:
    assert "--status errored" in str(recorded.refused("list --status eror").hint)
    assert "no regular expression" in str(recorded.refused("list --name-regex [").message)
    assert "No task fits." in str(recorded("list --status errored"))


def test_saved_from_a_cell_that_is_dropped_silently(recorded: Door) -> None:
    assert "%%kbench validate" in str(recorded.refused("", TASK).hint)
    assert "whole number" in str(recorded.refused("leaderboard me/board --version 1.5"))


def test_saved_from_a_hint_that_means_another_source(recorded: Door, tmp_path: Path) -> None:
    (tmp_path / "my task.py").write_text(TASK)
    recorded("export out.py -f 'my task.py'")
    assert "%kbench export out.py --force -f 'my task.py'" in str(
        recorded.refused("export out.py -f 'my task.py'").hint
    )
    assert "%kbench push -f 'my task.py'" in str(recorded("show -f 'my task.py'")).replace("validate", "push")
    assert "%%kbench validate" in str(recorded("show", TASK))


def test_saved_from_pushing_the_same_again(recorded: Door, api: FakeApi) -> None:
    assert recorded("push -f task.py").changed
    again = recorded("push -f task.py")
    assert not again.changed
    assert "--again" in str(again)
    assert api.pushes == 1
    assert recorded("push -f task.py --again").changed


def test_saved_from_provider_prefixes_and_at_signs(recorded: Door, api: FakeApi) -> None:
    recorded("push -f task.py")
    ran = recorded("run my-task -m google/gemini-3.5-flash -m anthropic/claude-haiku-4-5@20251001")
    assert [run.model for run in ran.runs] == ["gemini-3.5-flash", "claude-haiku-4-5-20251001"]
    assert set(api.schedules) == {"gemini-3.5-flash", "claude-haiku-4-5-20251001"}


def test_saved_from_a_log_that_overwrites_a_file(recorded: Door, api: FakeApi, tmp_path: Path) -> None:
    recorded("push -f task.py")
    recorded("run my-task -m a-model")
    before = (tmp_path / "task.py").read_text()
    for line in ("log my-task -o task.py", "log no-such-task -o task.py", "log no-such-task -o new.txt"):
        recorded.refused(line)
    assert (tmp_path / "task.py").read_text() == before
    assert "folder that is there" in str(recorded.refused("log my-task -o nowhere/log.txt").hint)
    assert [path.name for path in tmp_path.iterdir() if "txt" in path.name] == []


def test_saved_from_running_a_model_twice_for_two_spellings(recorded: Door, api: FakeApi) -> None:
    recorded("push -f task.py")
    recorded("run my-task -m google/gemini -m gemini")
    assert api.schedules == {"gemini": 1}


def test_saved_from_flags_that_are_not_repeated(recorded: Door, api: FakeApi) -> None:
    error = recorded.refused("run my-task -m a b")
    assert "Repeat -m for several" in (error.hint or "")
    assert not api.schedules


def test_saved_from_a_pattern_that_fits_no_model(recorded: Door, api: FakeApi) -> None:
    api.models = [model("gemini-3.5-flash"), model("claude-haiku-4-5")]
    recorded("push -f task.py")
    recorded.refused("run my-task -m 'gpt*'")
    assert not api.schedules
    recorded("run my-task -m 'gemini*'")
    assert set(api.schedules) == {"gemini-3.5-flash"}


def test_saved_from_runs_that_errored_before_counting_as_mine(recorded: Door, api: FakeApi) -> None:
    recorded("push -f task.py")
    recorded("run my-task -m a")
    api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_ERRORED"
    again = recorded("run my-task --retry-errored")
    assert [run.model for run in again.runs] == ["a"]
    assert again.run_ids != (api.runs[0]["id"],)


def test_saved_from_an_import_that_fails_after_auth(recorded: Door, api: FakeApi) -> None:
    api.models = [model("gemini-3.5-flash", proxy="google/gemini-3.5-flash")]
    recorded("auth")
    assert "LLM_DEFAULT=google/gemini-3.5-flash" in Path(".env").read_text()


def test_saved_from_losing_the_models_chosen_by_hand(recorded: Door, api: FakeApi) -> None:
    api.models = [model("gemini-3.5-flash")]
    Path(".env").write_text("# mine\nLLM_DEFAULT=my/model\n")
    ready = recorded("init --no-example")
    assert ready.default_model == "my/model"
    assert any("--reset-models" in note for note in ready.notes)
    assert recorded("init --no-example --reset-models").default_model == "maker/gemini-3.5-flash"
    assert Path(".env").read_text().startswith("# mine\n")


def test_saved_from_duplicate_lines_in_the_env_file(recorded: Door, api: FakeApi) -> None:
    api.models = [model("gemini-3.5-flash")]
    for _ in range(3):
        recorded("auth")
    assert Path(".env").read_text().count("MODEL_PROXY_API_KEY=") == 1


def test_saved_from_an_expired_key_in_a_kernel_that_has_imported_the_sdk(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "os.environ.update(MODEL_PROXY_URL='http://127.0.0.1:9/openapi', MODEL_PROXY_API_KEY='old',\n"
        "                  LLM_DEFAULT='m', LLMS_AVAILABLE='m,n')\n"
        "import kaggle_benchmarks as kbench\n"
        "mine = kbench.llm\n"
        "os.environ.update(MODEL_PROXY_URL='http://127.0.0.1:10', MODEL_PROXY_API_KEY='new')\n"
        "from kbench_jupyter.actions.auth import refresh_sdk\n"
        "refresh_sdk()\n"
        "models = [mine, kbench.judge_llm, *kbench.llms.values()]\n"
        "print({m.client.api_key for m in models}, {str(m.client.base_url) for m in models}, mine is kbench.llm)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=dict(os.environ),
    )
    assert done.stdout.split() == ["{'new'}", "{'http://127.0.0.1:10/openapi/'}", "True"]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_saved_from_an_expired_key_before_a_rehearsal(door: Door, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK.replace("Hi", "Reply with one word."))
    door("init --no-example")
    fresh = Path(".env").read_text()
    lines = [
        "MODEL_PROXY_API_KEY=stale" if line.startswith("MODEL_PROXY_API_KEY") else line
        for line in fresh.splitlines()
        if not line.startswith("MODEL_PROXY_EXPIRY_TIME")
    ]
    Path(".env").write_text("\n".join([*lines, "MODEL_PROXY_EXPIRY_TIME=2020-01-01T00:00:00Z"]) + "\n")
    assert door("validate -f task.py").passed
    assert "stale" not in Path(".env").read_text()


@pytest.mark.slow
def test_saved_from_waiting_for_a_server_that_was_killed(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("KBENCH_HOME", str(home))
    flag = tmp_path / "the run has begun"
    once_pushed = f"import pathlib, time\nif pathlib.Path({str(tmp_path / 'pushed')!r}).exists():\n"
    slow = once_pushed + f"    pathlib.Path({str(flag)!r}).touch(); time.sleep(600)\n"
    (tmp_path / "task.py").write_text(TASK.replace("Hi", "Reply with one word.") + "\n# %%\n" + slow)
    try:
        door("push -f task.py --wait")
        (tmp_path / "pushed").touch()
        killer = threading.Thread(target=kill_server_when, args=(flag, home))
        killer.start()
        error = door.refused("run my-task -m smollm2-135m-instruct --wait")
        killer.join()
        assert "The embedded server ended while this run was going" in (error.detail or "")
        assert len(door("list").tasks) == 1
    finally:
        door("local stop")


def kill_server_when(flag: Path, home: Path) -> None:
    end = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
