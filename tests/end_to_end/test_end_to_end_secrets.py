"""Settings and secrets that stand in cells: not in the task, not on the screen, and said where they go into a file."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell

TASK = """\
@kbench.task(name="tiny")
def tiny(llm):
    kbench.assertions.assert_true(bool(llm.prompt("Hello")), expectation="answers")


tiny.run(kbench.llm)"""
SETTINGS = """\
%env KBENCH_UPSTREAM_URL=http://127.0.0.1:11434/v1
%env KBENCH_UPSTREAM_API_KEY=hunter2-team-vllm"""
SECRET = 'client = dict(base="x", api_key="hunter2-team-vllm")'


@pytest.fixture
def door(shell: InteractiveShell) -> Door:
    return Door(shell)


def notebook(*cells: str) -> str:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(made, "nb.ipynb")
    return "nb.ipynb"


@pytest.mark.parametrize("suffix", ["ipynb", "py"])
def test_lines_with_settings_of_this_package_are_not_part_of_the_task_and_their_key_is_not_shown(
    door: Door, tmp_path: Path, suffix: str
) -> None:
    path = notebook("import kaggle_benchmarks as kbench", SETTINGS, TASK)
    if suffix == "py":
        path = "task.py"
        Path(path).write_text(
            f"# %%\nimport kaggle_benchmarks as kbench\n\n# %%\n{SETTINGS}\n\n# %%\n{TASK}\n"
        )
    shown = str(door(f"show -f {path}"))
    assert "%env KBENCH_UPSTREAM_API_KEY=***" in shown
    assert shown.count("a setting of") == 2
    assert "A push sends it" not in shown
    exported = door(f"export out.py -f {path}")
    assert exported.notes == ()
    assert "KBENCH_" not in Path("out.py").read_text()
    assert "hunter2" not in shown + str(exported) + str(door(f"validate --static -f {path}"))


def test_a_secret_in_the_task_is_hidden_on_the_screen_and_said_where_it_goes_into_a_file(door: Door) -> None:
    path = notebook("import kaggle_benchmarks as kbench", SECRET, TASK)
    shown = door(f"show -f {path}")
    assert 'api_key="***"' in str(shown)
    assert "A push sends it as it stands in the cell" in " ".join(str(shown).split())
    exported = door(f"export out.py -f {path}")
    assert SECRET in Path("out.py").read_text(), "it is what is pushed"
    assert "line 5 of its .py form" in " ".join(str(exported).split())
    checked = str(door(f"validate --static -f {path}"))
    assert "KB503" in checked
    everything = str(shown) + str(shown._repr_mimebundle_()) + str(exported) + checked
    assert "hunter2" not in everything


def test_a_fix_is_shown_without_the_secret_and_placed_with_it(door: Door) -> None:
    path = notebook(f"import kaggle_benchmarks as kbench\n{SECRET}\n{TASK.rpartition('tiny.run')[0]}")
    fixes = door(f"validate --fix -f {path}")
    assert 'api_key="***"' in str(fixes)
    assert "hunter2" not in str(fixes)
    assert SECRET in fixes.fixes[0].new_text
