"""A rehearsal with the real task SDK says what is true of the task: what it recorded, what it raised, and where."""

from __future__ import annotations

import json

import faults
import nbformat
import pytest
from loopback_session import LoopbackSession

from kbench_jupyter.actions.dry_run import dry_run
from kbench_jupyter.actions.pushes import source_digest
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.validate import validate
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.validation.rehearsal.endpoint import StandIn

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]

IMPORT = "# %%\nimport kaggle_benchmarks as kbench\n\n"
ONLY_A_HELPER_RECORDS = """\
# %%
@kbench.task(name="one", store_task=False)
def one(llm, word: str) -> bool:
    return word in llm.prompt("Say yes or no")

# %%
@kbench.task(name="Whole quiz")
def whole(llm) -> float:
    table = one.evaluate(llm=[llm], word=["yes", "no"]).as_dataframe()
    return getattr(table, "result")

whole.run(kbench.llm)
"""
A_LIST_FOR_AN_INT = """\
# %%
import json

@kbench.task(name="counted")
def counted(llm) -> int:
    llm.prompt("Count")
    return json.loads("[1, 2]")

counted.run(kbench.llm);
"""
A_NUMBER_FOR_A_PAIR = """\
# %%

# %% [markdown]
# Why

# %%
@kbench.task(name="measured")
def measured(llm) -> tuple[float, float]:
    return float(len(llm.prompt("Hello")))

measured.run(kbench.llm)
# %%
"""
SWAPPED = """\
# %%
@kbench.task(name="greets")
def greets(llm):
    kbench.assertions.assert_true("says hello", "hello" in llm.prompt("Say hello"))

greets.run(kbench.llm)
"""
LOOKS_UP = """\
# %%
import os

# %%
@kbench.task(name="looks")
def looks(llm):
    seen = sorted(os.environ)
    llm.prompt("Hello", schema=str)
    kbench.assertions.assert_true(os.environ["TEAM_SETTING"] == "north", expectation="has " + " ".join(seen))

looks.run(kbench.llm)
"""


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KBENCH_PASS_ENV", raising=False)
    with faults.FaultServer() as server, StandIn() as stand_in:
        # By this name it is no embedded server's, whose credentials would be renewed.
        env = {
            name: value.replace("127.0.0.1", "localhost") for name, value in stand_in.environment().items()
        }
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
        made = LoopbackSession(server)
        yield made
        made.close()


def chosen_from(session, folder, text):
    (folder / "task.py").write_text(text)
    return choose_task(session, file="task.py", required=False)


def refused(session, folder, text, **how):
    chosen = chosen_from(session, folder, text)
    with pytest.raises(ValidationError) as caught:
        validate(session, chosen=chosen, **how)
    assert source_digest(chosen.source) not in session.validated
    assert "NoneType: None" not in "\n".join(caught.value.lines())
    return caught.value


def test_runs_of_a_helper_do_not_make_a_task_valid_and_the_sdks_reason_is_the_headline(session, tmp_path):
    error = refused(session, tmp_path, IMPORT + ONLY_A_HELPER_RECORDS)
    assert str(error).startswith("All cells ran, but the task whole-quiz (cell 3) recorded no run.")
    assert "Result type cannot be serialized" in str(error)
    assert "Series" in str(error)
    assert "Recorded: 2 runs of one: a helper task" in error.detail


def test_a_result_of_another_type_than_annotated_is_told_as_the_sdk_tells_it(session, tmp_path):
    error = refused(session, tmp_path, IMPORT + A_LIST_FOR_AN_INT)
    assert "the task counted (cell 2) recorded no run" in str(error)
    assert "<class 'list'>" in str(error)
    assert ".run(" not in error.hint, "it was called"


def test_a_run_that_cannot_be_shown_names_its_line_and_that_it_was_recorded(session, tmp_path):
    text = IMPORT + A_NUMBER_FOR_A_PAIR
    error = refused(session, tmp_path, text)
    [line] = [n for n, line in enumerate(text.splitlines(), 1) if line == "measured.run(kbench.llm)"]
    assert f"in line {line} (cell " in str(error)
    assert "while it showed the run: TypeError: 'float' object is not subscriptable" in str(error)
    assert "The run was recorded all the same" in error.hint
    assert "Wrong return type <class 'float'>" in error.hint


def test_arguments_that_were_swapped_are_told_by_what_showing_them_raised(session, tmp_path):
    error = refused(session, tmp_path, IMPORT + SWAPPED)
    assert "while it showed the run: TypeError: unsupported operand" in str(error)
    assert "The run was recorded all the same" in error.hint


def test_an_error_is_told_with_what_raised_it_and_what_called_that_whatever_cells_stand_between(
    session, tmp_path
):
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell("import kaggle_benchmarks as kbench"),
        nbformat.v4.new_code_cell(""),
        nbformat.v4.new_code_cell("%kbench status\n\ndef number(answer):\n    return {}[answer]"),
        nbformat.v4.new_raw_cell("raw"),
        nbformat.v4.new_raw_cell(""),
        nbformat.v4.new_code_cell(
            '@kbench.task(name="numbers")\ndef numbers(llm) -> float:\n    return number(llm.prompt("A number"))'
        ),
        nbformat.v4.new_code_cell("\n\nnumbers.run(kbench.llm)"),
        nbformat.v4.new_code_cell(""),
    ]
    (tmp_path / "task.ipynb").write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))
    chosen = choose_task(session, file="task.ipynb")
    with pytest.raises(ValidationError) as caught:
        validate(session, chosen=chosen)
    error = caught.value
    assert str(error).startswith(
        "The rehearsal failed in cell 8, line 3, raised in cell 4, line 4: KeyError: "
    )
    assert "Cell 7, line 3" in error.detail
    assert "in kaggle_benchmarks left out" in error.detail


def test_a_task_has_the_variables_of_the_server_and_those_that_were_named(session, tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_SETTING", "north")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token-of-mine")
    error = refused(session, tmp_path, IMPORT + LOOKS_UP)
    assert "KeyError: 'TEAM_SETTING'" in str(error)
    assert "%kbench validate -f task.py --pass-env TEAM_SETTING" in error.hint
    assert "not be there on the server" in error.hint

    chosen = chosen_from(session, tmp_path, IMPORT + LOOKS_UP)
    valid = validate(session, chosen=chosen, pass_env=["TEAM_SETTING", "NOT_SET"])
    [run] = valid.runs
    assert run.passed
    names = set(run.assertions[0].expectation.split()[1:])
    assert {"TEAM_SETTING", "PATH", "HOME", "MODEL_PROXY_URL"} <= names
    assert not names & {"KAGGLE_API_TOKEN", "NOT_SET"}
    notes = " ".join(valid.view().notes)
    assert "TEAM_SETTING" in notes
    assert "not set: NOT_SET" in notes
    assert "a-token-of-mine" not in str(valid)

    # A dry run gives the same, and says how runs are drawn.
    tried = dry_run(session, chosen=chosen, pass_env=["TEAM_SETTING"])
    assert set(tried.runs[0].assertions[0].expectation.split()[1:]) == names | {"RENDER_SUBRUNS"}
