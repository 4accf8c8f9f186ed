"""The same actions as functions, for scripts: no shell, no notebook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kbench_jupyter
from kbench_jupyter import scripts
from kbench_jupyter.errors import UsageError

TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="My task")
def my_task(llm) -> float:
    llm.prompt("Reply with one word.")
    return 0.5


my_task.run(kbench.llm)
"""


@pytest.mark.slow
def test_the_script_in_the_docstring_pushes_runs_and_compares(tmp_path: Path, server_home: Path) -> None:
    assert scripts.__doc__ is not None
    lines = re.findall(r"^    (.*)$", scripts.__doc__, re.MULTILINE)
    assert lines[0] == "from kbench_jupyter import compare, push, run"
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "script.py").write_text(
        "\n".join(lines).replace("gemini-2.5-flash", "smollm2*") + "\n"
        "from kbench_jupyter import list_tasks, status\n"
        "print(status('my-task').runs[0].state, len(list_tasks(regex='my-task').tasks))\n"
        "frame = compare('my-task', output='results').to_dataframe()\n"
        "print(frame.score.tolist(), frame.passed.tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KBENCH_HOME": str(server_home)},
    )
    assert "my-task: 1 run compared" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-2:] == ["COMPLETED 1", "[0.5] [True]"], done.stderr
    assert done.returncode == 0


def test_every_name_the_package_promises_is_there() -> None:
    for name in kbench_jupyter.__all__:
        assert getattr(kbench_jupyter, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = kbench_jupyter.nothing


def test_a_script_that_asks_for_a_missing_file_gets_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(kbench_jupyter.KBenchError, match=r"no-such\.py"):
        kbench_jupyter.check(tmp_path / "no-such.py")


def test_what_the_package_offers_is_listed() -> None:
    assert set(kbench_jupyter.__all__) <= set(dir(kbench_jupyter))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Calls of the actions that came through, with what they were given."""
    # Downloads have their folders by target: without one, the embedded server would be started, and stay.
    monkeypatch.setenv("KBENCH_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "not-a-real-token")
    from kbench_jupyter.actions import cancel, download, push, results, run, sources, status

    calls: list[tuple[str, dict[str, Any]]] = []

    def stand_in(name: str) -> Any:
        return lambda *words, **given: calls.append((name, {"words": words, **given}))

    stood_in = ((push, "push"), (run, "run"), (status, "status"), (download, "download"), (cancel, "cancel"))
    for module, name in stood_in:
        monkeypatch.setattr(module, name, stand_in(name))
    monkeypatch.setattr(results, "results", stand_in("results"))
    monkeypatch.setattr(sources, "choose_task", lambda *_, **__: None)
    return calls


@pytest.mark.parametrize(
    ("wait", "seconds"), [(None, None), (False, None), (True, 0.0), (0, 0.0), (5, 5.0), (0.5, 0.5)]
)
def test_wait_false_waits_not_at_all_and_true_as_long_as_it_takes(
    sent: list[tuple[str, dict[str, Any]]], wait: float | bool | None, seconds: float | None
) -> None:
    scripts.push("task.py", wait=wait)
    scripts.run("my-task", ["gemini"], wait=wait)
    assert [given["wait"] for _, given in sent] == [seconds, seconds]
    assert [type(given["wait"]) for _, given in sent] == [type(seconds)] * 2


@pytest.mark.parametrize("wait", [-1, "abc", "5", float("nan"), float("inf"), []])
def test_a_wait_that_is_no_time_is_refused_before_anything_is_sent(
    sent: list[tuple[str, dict[str, Any]]], wait: Any
) -> None:
    for call in (lambda: scripts.push("task.py", wait=wait), lambda: scripts.run("t", "m", wait=wait)):
        with pytest.raises(UsageError, match="wait takes a number of seconds") as caught:
            call()
        assert "wait=True" in (caught.value.hint or "")
    assert not sent


def test_one_text_is_one_name_wherever_several_may_be_given(sent: list[tuple[str, dict[str, Any]]]) -> None:
    scripts.push("task.py", datasets="owner/name")
    scripts.run("my-task", "gemini*")
    for function in (scripts.status, scripts.download, scripts.compare, scripts.cancel):
        function("my-task", models="gemini-2.5-flash")
    assert sent[0][1]["datasets"] == ("owner/name",)
    assert sent[1][1]["words"][2] == ("gemini*",)
    assert [given["models"] for _, given in sent[2:]] == [("gemini-2.5-flash",)] * 4
    scripts.run("my-task", effort="high", agents="helper")
    assert (sent[-1][1]["effort"], sent[-1][1]["agents"]) == ("high", ("helper",))


def test_the_session_of_scripts_can_be_had_whatever_was_imported_before() -> None:
    lines = (
        "from kbench_jupyter import session\nfirst = session()\nimport kbench_jupyter.session.settings\n"
        "from kbench_jupyter import session\nassert session() is first\nimport kbench_jupyter\n"
        "assert kbench_jupyter.session() is first"
    )
    subprocess.run([sys.executable, "-c", lines], check=True)
