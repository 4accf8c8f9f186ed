"""`%kbench run` where no picker is drawn: a person at a terminal is asked which models, nobody else is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pexpect
import pytest
from candidates import model
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.errors import UsageError

NAMES = ("gemini-a", "gemini-b", "gpt-c", "claude-d")


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer() as running:
        running.api.models = [model(name, number) for number, name in enumerate(NAMES, 1)]
        running.api.models.append(model("old-e", 5))
        running.api.models[-1]["version"]["allowModelProxy"] = False
        running.api.add_task("quiz")
        yield running


@pytest.fixture
def answers(shell: InteractiveShell, server: faults.FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types `%kbench run quiz` at a terminal and answers the question; returns the models scheduled."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

    def answer(text: str) -> list[str]:
        monkeypatch.setattr("builtins.input", lambda _question: text)
        shell.run_line_magic("kbench", "run quiz")
        return [run["modelVersionSlug"] for run in server.api.runs]

    return answer


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("1", ["gemini-a"]),
        ("2-3, claude-d", ["gemini-b", "gpt-c", "claude-d"]),
        ("gemini*", ["gemini-a", "gemini-b"]),
    ],
)
def test_models_are_chosen_by_number_range_name_or_pattern(
    answers: Any, text: str, models: list[str]
) -> None:
    assert sorted(answers(text)) == sorted(models)


def test_no_answer_means_what_the_task_was_last_run_on_as_in_the_panel(answers: Any) -> None:
    answers("gpt-c gemini-b")
    assert answers("") == ["gpt-c", "gemini-b", "gpt-c", "gemini-b"]


@pytest.mark.parametrize(
    ("text", "said"), [("5", "from 1 to 4"), ("3-1", "from 1 to 4"), ("x*", "x"), ("", "Which")]
)
def test_an_answer_that_names_nothing_runs_nothing(
    answers: Any, server: faults.FaultServer, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        answers(text)
    assert server.api.runs == []


def test_a_person_at_a_terminal_sees_the_list_and_is_asked(
    server: faults.FaultServer, tmp_path: Path
) -> None:
    environ = os.environ | {
        "KBENCH_API_URL": server.url,
        "KAGGLE_API_TOKEN": "t",
        "IPYTHONDIR": str(tmp_path),
    }
    arguments = ["-m", "IPython", "--simple-prompt", "--no-banner", "--ext", "kbench_jupyter"]
    terminal = pexpect.spawn(
        sys.executable, arguments, env=environ, cwd=str(tmp_path), encoding="utf-8", timeout=60
    )
    terminal.expect_exact("In [1]:")
    terminal.sendline("%kbench run quiz")
    terminal.expect_exact("4  claude-d")
    terminal.expect_exact("Which models?")
    terminal.sendline("4")
    terminal.expect_exact("In [2]:")
    terminal.close(force=True)
    assert [run["modelVersionSlug"] for run in server.api.runs] == ["claude-d"]
