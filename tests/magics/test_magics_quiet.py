"""``-q`` and ``;``: nothing is shown, and the value is there all the same."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


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
