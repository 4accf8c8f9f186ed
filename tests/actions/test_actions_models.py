"""What `%kbench models` tells of a model, and how many of them `%kbench init` lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faults
import nbformat
import pytest
from candidates import CandidateApi, model

from kbench_jupyter.session import envfile

TASK = """import kaggle_benchmarks as kbench

@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="says anything")

quiz.run(kbench.llm)"""


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        yield running


def test_a_model_comes_with_its_efforts_its_release_and_its_end(
    server: faults.FaultServer, kbench: Any
) -> None:
    server.api.models[0]["version"] |= {
        "releaseDate": "2026-03-04T00:00:00Z",
        "deprecationTime": "2099-01-02T00:00:00Z",
    }
    shown = kbench("models")
    quick, plain = shown.records()
    assert quick["effort"] == "high, low"
    assert quick["released"] == datetime(2026, 3, 4, tzinfo=UTC)
    assert plain["effort"] == "none"
    assert plain["released"] is None
    assert "2026-03-04" in str(shown)
    assert "until 2099-01-02" in str(shown)


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_server_without_a_list_of_efforts_lists_its_models_all_the_same(
    server: faults.FaultServer, kbench: Any, code: int
) -> None:
    server.api.refusing["ListBenchmarkModelVersionConfigs"] = code
    assert [(one["model"], one["effort"]) for one in kbench("models").records()] == [
        ("quick-1", None),
        ("plain-1", "none"),
    ]


def test_init_says_how_many_of_how_many_models_it_listed_and_why(
    server: faults.FaultServer, kbench: Any
) -> None:
    server.api.models = [model(f"m-{number}", number) for number in range(1, 31)]
    for one in server.api.models[25:]:
        one["version"]["allowModelProxy"] = False
    said = " ".join(str(kbench("init --no-example -y")).split())
    assert (
        "20 of 30 in LLMS_AVAILABLE (5 cannot run; 20 at most, since the SDK makes an object of each on import"
        in said
    )
    assert "%kbench init --all-models" in said
    assert len(envfile.read(Path(".env"))["LLMS_AVAILABLE"].split(",")) == 20
    said = " ".join(str(kbench("init --no-example --all-models -y")).split())
    assert "25 of 30 in LLMS_AVAILABLE (5 cannot run)" in said
    assert len(envfile.read(Path(".env"))["LLMS_AVAILABLE"].split(",")) == 25


@pytest.mark.parametrize(("cell", "is_new"), [("x = 1", True), (TASK, False)])
def test_after_init_a_notebook_without_a_task_is_told_how_to_begin_one(
    server: faults.FaultServer,
    kbench: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cell: str,
    is_new: bool,
) -> None:
    server.api.models = [model("m-1", 1)]
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(tmp_path / "mine.ipynb"))
    made = kbench("init --no-example -y")
    assert (made.view().next[0][0] == "%kbench new") is is_new
