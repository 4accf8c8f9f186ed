"""One model bare, at an effort and in an agent: three candidates everywhere, with the scores that each came to."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell
from json_endpoint import JsonHandler, serving

from kbench_jupyter.display.view import Table, forms
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import task_watch
from kbench_jupyter.results.chart import MIME_TYPE
from kbench_jupyter.session import local_server
from kbench_jupyter.session.session import Session

pytestmark = pytest.mark.slow
TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="Number")
def number(llm) -> float:
    answer = llm.prompt("Say a number.")
    return float(answer) if answer[:1].isdigit() else 0.0


number.run(kbench.llm)
"""
#: What the endpoint's models say, by their name there and the effort of the prompt.
ANSWERS = {
    ("lab/calc-7b", None): "0.84312",
    ("lab/calc-7b", "high"): "0.84347",
    ("lab/helper", None): "9999999",
}
SCORES = {"calc-7b": "0.84312", "calc-7b-high": "0.84347", "helper": "9999999"}


class Numbers(JsonHandler):
    """An endpoint whose models say one number each."""

    def do_GET(self) -> None:
        self.answer({"data": [{"id": name} for name in ("lab/calc-7b", "lab/helper")]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = ANSWERS[asked["model"], asked.get("reasoning_effort")]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": said},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        about = {"id": "x", "object": "chat.completion", "created": 0, "model": asked["model"]}
        self.answer({**about, "usage": usage, "choices": [choice]})


@pytest.fixture
def own(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door to a server of this test's own, which knows the endpoint, its efforts and its agent."""
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KBENCH_TARGET", "local")
    monkeypatch.setenv("KBENCH_UPSTREAM_EFFORTS", "low,high")
    monkeypatch.setenv("KBENCH_UPSTREAM_AGENTS", "lab/helper=lab/calc-7b")
    with serving(Numbers) as url:
        door = Door(shell)
        door(f"local start --upstream {url}")
        yield door
        local_server.stop(tmp_path / "home")


def column(shown: Any, name: str, who: str = "candidate") -> dict[str, str]:
    """Return what the first table's column says, by candidate, as text."""
    table = next(part for part in shown.view().parts if isinstance(part, Table))
    heads = [head.removesuffix(">") for head in table.columns]
    texts = [[getattr(cell, "text", cell) for cell in row] for row in table.rows]
    return {row[heads.index(who)]: row[heads.index(name)] for row in texts}


def test_candidates_of_one_model_are_rows_of_their_own_and_scores_read_as_what_they_are(own: Door) -> None:
    listed = {one["model"]: one["effort"] for one in own("models").records()}
    assert listed["calc-7b"] == "low, high"
    assert "helper" not in listed, "an agent is no model"
    own("push --wait", TASK)
    refused_before_anything_is_sent(own)
    own("run number -m calc-7b")
    high = own("run number -m calc-7b --reasoning-effort high")
    assert [run.candidate for run in high.runs] == ["calc-7b-high"]
    assert [run.candidate for run in own("run number --agent helper --wait").runs] == ["helper"]
    own("log number")  # to the end of all of them

    status, found = own("status number"), own("results number -o kept")
    assert {row["candidate"] for row in status.records() if row["model"] == "calc-7b"} == set(SCORES)
    numbers = {name: float(text) for name, text in SCORES.items()}
    for shown in (status, found):
        assert {row["candidate"]: row["score"] for row in shown.records()} == numbers
        assert column(shown, "score") == SCORES
        html = forms(shown.view())["text/html"]
        assert all(re.search(rf">{re.escape(text)}<", html) for text in SCORES.values())
    assert {path.name for path in Path("kept/number/1").iterdir()} == set(SCORES)
    panels_and_chart_say_the_same(own, found)
    a_leaderboard_says_the_same(own)
    own("status number -o runs.csv")
    with Path("runs.csv").open(newline="") as stream:
        assert {row["candidate"]: row["score"] for row in csv.DictReader(stream)} == SCORES
    assert [run.candidate for run in own("status number -m helper").runs] == ["helper"]
    assert len(own("status number -m calc-7b").runs) == 3, "the model's name means all its candidates"


def refused_before_anything_is_sent(own: Door) -> None:
    slip = own.refused("run number -m calc-7b --reasoning-effort hihg")
    assert "'hihg' for calc-7b: it has low, high" in str(slip)
    assert "--reasoning-effort high" in str(slip.hint)
    assert "smollm2-135m-instruct: it has none" in str(
        own.refused("run number -m smollm2-135m-instruct --reasoning-effort high")
    )
    unknown = own.refused("run number --agent helpr")
    assert "no agent helpr" in str(unknown)
    assert "There are: helper" in str(unknown)
    assert own("status number").runs == ()


def panels_and_chart_say_the_same(own: Door, found: Any) -> None:
    session = Session(own.shell)
    panel = ResultsPart(session, found)
    assert {group["model"]: group["valueText"] for group in panel.get("groups")} == SCORES
    assert {row["model"]: row["word"] for row in panel.rows} == SCORES
    chart = found.chart._repr_mimebundle_()
    assert {bar["candidate"]: bar["text"] for bar in chart[MIME_TYPE]["data"]["values"]} == SCORES
    watch = task_watch(session, "number")
    watch.refresh()
    assert {row["model"] for row in RunStatusPart(session, watch).rows} == set(SCORES)
    session.close()


def a_leaderboard_says_the_same(own: Door) -> None:
    assert "Added 1 task to local/board" in str(own("benchmark add local/board number"))
    assert [one["task"] for one in own("benchmark show local/board").records()] == ["local/number"]
    board = own("leaderboard local/board")
    names = {
        "lab/calc-7b": "calc-7b",
        "lab/calc-7b, high reasoning effort": "calc-7b-high",
        "lab/helper": "helper",
    }
    assert {names[who]: text for who, text in column(board, "number").items()} == SCORES
    assert {row["model"] for row in board.records()} == {"lab/calc-7b"}
    assert "Removed 1 task from local/board" in str(own("benchmark remove local/board number"))
    assert own("benchmark show local/board").records() == []
