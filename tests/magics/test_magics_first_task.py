"""The kernel that is made ready for the first rehearsal: when it is, and when it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook

from kbench_jupyter.execution import NextKernel

# Seen before it runs, and it takes no seconds.
IMPORTS = "if False:\n    import kaggle_benchmarks as kbench"


@pytest.fixture
def expected(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return the environments of the kernels that would have been started."""
    envs: list[dict[str, str]] = []
    monkeypatch.setattr(NextKernel, "expect", lambda _self, env: envs.append(env))
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", "on")
    return envs


@pytest.fixture
def run(shell: InteractiveShell) -> Callable[[str], None]:
    def run_cell(code: str) -> None:
        shell.run_cell(code)
        for thread in threading.enumerate():
            if thread.name == "kbench-expect":
                thread.join()

    return run_cell


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kbench_jupyter.actions.expecting._attended", lambda _shell: True)


@pytest.mark.usefixtures("attended")
def test_the_first_cell_that_imports_the_sdk_has_a_kernel_made_ready_once(
    run: Callable[[str], None], expected: list[dict[str, str]]
) -> None:
    run("a = 1  # import kaggle_benchmarks")
    assert expected == []
    run(IMPORTS)
    [env] = expected
    assert "PATH" in env
    assert "KBENCH_KERNEL_AHEAD" not in env, "it is a task's environment, not the user's"
    run(IMPORTS)
    assert len(expected) == 1


@pytest.mark.usefixtures("attended")
@pytest.mark.parametrize("setting", ["off", "nonsense"])
def test_none_is_made_ready_where_the_setting_does_not_say_so(
    run: Callable[[str], None],
    expected: list[dict[str, str]],
    setting: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", setting)
    run(IMPORTS)
    assert expected == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("attended")
def test_a_cell_that_is_rehearsed_itself_waits_for_no_other_kernel(
    run: Callable[[str], None], expected: list[dict[str, str]]
) -> None:
    run("%%kbench show\nimport kaggle_benchmarks")
    assert expected == []


@pytest.mark.usefixtures("attended")
def test_none_is_made_ready_once_the_extension_is_unloaded(
    shell: InteractiveShell, run: Callable[[str], None], expected: list[dict[str, str]]
) -> None:
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    run(IMPORTS)
    shell.run_line_magic("load_ext", "kbench_jupyter")
    assert expected == []


@pytest.mark.parametrize(
    ("line", "times"),
    [("%kbench validate", 1), ("%kbench up -y", 1), ("%kbench push", 0), ("x = '%kbench validate'", 0)],
)
def test_where_nobody_sits_at_it_the_notebook_must_say_that_it_rehearses(
    run: Callable[[str], None],
    expected: list[dict[str, str]],
    line: str,
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells: list[Any] = [new_code_cell(IMPORTS), new_code_cell(f"# %%\n{line}")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "headless.ipynb")
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "headless.ipynb"))
    run(IMPORTS)
    assert len(expected) == times


def test_where_nobody_sits_at_it_and_no_notebook_is_found_none_is_made_ready(
    run: Callable[[str], None], expected: list[dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    run(IMPORTS)
    assert expected == []
    assert capfd.readouterr() == ("", "")
