"""Several commands in one cell: the result of each is shown, not the last one's only."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shown(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]):
    """Run a cell, and return which of two rules were explained in its output, in order."""

    def run(cell: str) -> list[str]:
        capsys.readouterr()
        shell.run_cell(cell, store_history=True).raise_error()
        out = capsys.readouterr().out
        found = [(out.find(title), code) for code, title in TITLES.items() if title in out]
        assert all(out.count(TITLES[code]) == 1 for _, code in found), out
        return [code for _, code in sorted(found)]

    return run


TITLES = {"KB103": "is never run", "KB501": "brings it"}


@pytest.fixture(autouse=True)
def _titles(shell: InteractiveShell) -> None:
    for code in TITLES:
        rule = shell.run_line_magic("kbench", f"rule {code} -q")
        TITLES[code] = str(rule).splitlines()[0]


def test_each_line_of_a_cell_shows_what_it_came_to_in_order(shown) -> None:
    assert shown("%kbench rule KB103\n%kbench rule KB501") == ["KB103", "KB501"]
    assert shown("%kbench rule KB103\nx = 1\n# done") == ["KB103"]
    assert shown("%kbench rule KB501\nprint('then')\n%kbench rule KB103") == ["KB501", "KB103"]


def test_what_is_kept_quiet_or_given_a_name_is_not_shown(shown) -> None:
    assert shown("%kbench rule KB103 -q\n%kbench rule KB501;\nx = 1") == []
    assert shown("kept = %kbench rule KB103\nx = 1") == []


def test_a_shell_that_shows_all_values_or_none_goes_on_doing_so(shell: InteractiveShell, shown) -> None:
    cell = "%kbench rule KB103\n%kbench rule KB501"
    shell.ast_node_interactivity = "all"
    assert shown(cell) == ["KB103", "KB501"]
    shell.ast_node_interactivity = "none"
    assert shown(cell) == []


def test_other_magics_and_the_users_own_lines_are_left_alone(shown, capsys) -> None:
    assert shown("1 + 1\n%pwd\nx = 1") == []
    assert "2" not in capsys.readouterr().out


def test_unloading_takes_it_away(shell: InteractiveShell) -> None:
    before = len(shell.ast_transformers)
    shell.run_line_magic("reload_ext", "kbench_jupyter")
    assert len(shell.ast_transformers) == before
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    assert len(shell.ast_transformers) == before - 1
    shell.run_line_magic("load_ext", "kbench_jupyter")
