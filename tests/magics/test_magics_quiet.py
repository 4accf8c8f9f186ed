"""``-q`` and ``;``: nothing is shown, and the value is there all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.magics.magic import hushed
from kbench_jupyter.session.interrupted import Interrupted


@pytest.mark.parametrize(
    "line", ["%kbench rule KB103 -q", "%kbench rule KB103 --quiet", "%kbench rule KB103;"]
)
def test_nothing_is_shown_and_the_value_can_be_had(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    shell.run_cell(line, store_history=True)
    assert "KB103" not in capsys.readouterr().out
    shell.run_cell(f"found = {line}")
    assert "KB103" not in capsys.readouterr().out
    assert "KB103" in str(shell.user_ns["found"])


def test_a_value_that_was_given_a_name_shows_itself_later(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("found = %kbench rule KB103 -q")
    capsys.readouterr()
    shell.run_cell("found", store_history=True)
    assert "KB103" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "left", "silent"),
    [
        ("push\t-q", "push", "all"),
        ("list --regex 'a -q  b'", "list --regex 'a -q  b'", ""),
        ('list --regex "a -q b" -q', 'list --regex "a -q b"', "all"),
        ("list --regex 'a  b' ;", "list --regex 'a  b' ", "result"),
        ("list -q ;", "list", "all"),
        ("list it's -q", "list it's", "all"),
    ],
)
def test_what_is_quoted_is_nobodys_flag(line: str, left: str, silent: str) -> None:
    assert hushed(line) == (left, silent)


@given(st.text())
def test_nothing_of_a_line_without_a_flag_is_lost(line: str) -> None:
    left, silent = hushed(line)
    assert silent or left == line


def test_where_the_task_stands_is_hushed_stopped_and_told_as_any_command_is(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run_cell("found = %kbench -q")
    assert capsys.readouterr().out == ""
    assert "Next:" in str(shell.user_ns["found"])

    def stopped(_session: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kbench_jupyter.magics.task_commands.where", stopped)
    with pytest.raises(Interrupted, match="What the server does goes on"):
        shell.run_line_magic("kbench", "")
