"""The ``%choose`` line that a push adds, given to the task SDK's own magic in a real shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.actions.show import SourceShown
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.notebook.pushed import push_notebook
from kbench_jupyter.session.session import Session

pytestmark = pytest.mark.slow

TASK = """\
@kbench.task(name={name!r})
def {function}(llm):
    kbench.assertions.assert_true(True, expectation="Is there")


{function}.run(kbench.llm)
"""
NAMES = ("second-one", "Second one", "What is 2 + 2?", "Why?", "a {b} c", "costs $5", "Straße 5", "(odd) ;")


def source_of(*names: str, choose: str = "") -> str:
    tasks = [TASK.format(name=name, function=f"task_{number}") for number, name in enumerate(names)]
    last = [f"%choose {choose}\n"] if choose else []
    return "\n# %%\n".join(["# %%\nimport kaggle_benchmarks as kbench\n", *tasks, *last])


def last_cell(text: str) -> str:
    return "".join(json.loads(text)["cells"][-1]["source"])


@pytest.mark.parametrize("name", NAMES)
def test_what_the_pushed_task_recorded_is_kept_and_all_else_is_deleted(
    name: str, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kaggle_benchmarks.ui import ipython_magics

    class Task:
        def __init__(self, name: str) -> None:
            self.name = name

    names: Any = ("First one", name)
    chosen = choose_task(Session(shell), name, cell=source_of(*names))
    for number, each in enumerate(names):
        shell.user_ns[f"task_{number}"] = Task(each)
        run = {"taskVersion": {"name": each}}
        (tmp_path / f"{number}.run.json").write_text(json.dumps(run), encoding="utf-8")
    shell.user_ns["b"] = "expanded"
    monkeypatch.setattr(ipython_magics, "WORKING_DIR", tmp_path)
    shell.register_magic_function(ipython_magics.choose, "line")
    line = last_cell(push_notebook(chosen.source, choose=chosen.choice))
    shell.run_cell(line).raise_error()
    assert [path.name for path in tmp_path.glob("*.run.json")] == ["1.run.json"]


def test_a_notebook_that_chooses_by_itself_is_pushed_as_it_is(shell: InteractiveShell) -> None:
    cell = source_of("First one", "Second one", choose="Second one")
    for task in (None, "second-one"):
        chosen = choose_task(Session(shell), task, cell=cell)
        assert (chosen.slug, chosen.choice) == ("second-one", None)


def test_a_task_whose_files_the_notebooks_own_choose_deletes_is_refused(shell: InteractiveShell) -> None:
    cell = source_of("First one", "Second one", choose="task_1")
    with pytest.raises(ValidationError, match="keeps second-one and deletes what first-one records"):
        choose_task(Session(shell), "first-one", cell=cell)


OTHER = """\
@kbench.task(name="Second one")
def other(llm): ...


other.run(kbench.llm)
"""
FACTORY = """\
def make():
    @kbench.task(name="Made?")
    def inner(llm): ...
    return inner


{0}make().run(kbench.llm)
"""
METHOD = """\
class Suite:
    @staticmethod
    @kbench.task(name="Made?")
    def inner(llm): ...


Suite.inner.run(kbench.llm)
"""


def test_a_variable_of_another_task_goes_before_the_name(shell: InteractiveShell) -> None:
    cell = source_of("First one") + "\n# %%\n" + OTHER + "\n# %%\n" + TASK.format(name="other", function="qq")
    assert choose_task(Session(shell), "other", cell=cell).choice == "qq"
    kept = choose_task(Session(shell), None, cell=cell + "\n# %%\n%choose other\n")
    assert (kept.slug, kept.choice) == ("second-one", None)


@pytest.mark.parametrize("made", [FACTORY.format(""), METHOD])
def test_a_task_that_choose_has_no_sure_name_for_is_refused(made: str, shell: InteractiveShell) -> None:
    chosen = choose_task(Session(shell), "made", cell=source_of("First one") + "\n# %%\n" + made)
    with pytest.raises(ValidationError, match="no sure name for made") as caught:
        _ = chosen.choice
    assert "Assign the task to a variable" in str(caught.value.hint)
    assert "no sure name for made" in str(SourceShown(chosen).view())


def test_a_newer_copy_of_the_same_task_is_the_same_to_choose(shell: InteractiveShell) -> None:
    twice = TASK.format(name="qq", function="qq") + "\n# %%\n" + TASK.format(name="qq", function="qq")
    assert choose_task(Session(shell), "qq", cell=source_of("First one") + "\n# %%\n" + twice).choice == "qq"


def test_a_variable_that_a_factory_fills_is_chosen(shell: InteractiveShell) -> None:
    cell = source_of("First one") + "\n# %%\n" + FACTORY.format("made = ").replace(".run(", "\nmade.run(")
    assert choose_task(Session(shell), "made", cell=cell).choice == "made"
