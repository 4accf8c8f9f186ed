"""Samples and transcripts of run files that the task SDK itself writes, on the stand-in model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from kbench_jupyter.results.samples import (
    Filter,
    Media,
    Reasoning,
    SampleIndex,
    Structured,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
)
from kbench_jupyter.validation.rehearsal.endpoint import StandIn

pytestmark = pytest.mark.slow

TASKS = '''
import kaggle_benchmarks as kbench, numpy, pandas as pd, threading
from kaggle_benchmarks.content_types import images

ROWS = pd.DataFrame({"n": range(12)}, index=[f"label {n}" for n in range(12)])
last = threading.Event()

def asked(llm, n):
    if n == 0:
        last.wait(20)  # the first row ends last
    answer = llm.prompt(f"Is {n} even? Answer yes or no.")
    kbench.assertions.assert_in("e", answer, expectation="Has an e")
    if n == 11:
        last.set()
    if n == 5:
        raise RuntimeError("the sixth row")
    return n % 2 == 0

@kbench.task(name="Kept row", store_task=False)
def kept(llm, n) -> bool:
    return asked(llm, n)

@kbench.task(name="Row", store_task=False, store_run=False)
def row(llm, n) -> bool:
    return asked(llm, n)

def over(task, llm):
    last.clear()
    return len(task.evaluate(llm=[llm], evaluation_data=ROWS, n_jobs=3, on_failure="continue").completed_runs) / 12

@kbench.task(name="Over kept rows")
def over_kept(llm) -> float:
    return over(kept, llm)  # where its source says nothing of rows, their files do

@kbench.task(name="Over rows")
def over_rows(llm) -> float:
    runs = row.evaluate(llm=[llm], evaluation_data=ROWS, n_jobs=3, on_failure="continue")
    return len(runs.completed_runs) / 12

def half(x: int) -> float:
    """Halve a number."""
    return x / 2

@kbench.task(name="All sorts")
def all_sorts(llm):
    kbench.system.send("You are terse.")
    llm.prompt("Halve a number.", tools=[half])
    llm.prompt("A number?", schema=int)
    llm.prompt("What is this?", image=images.from_array(numpy.zeros((8, 8, 3), dtype=numpy.uint8)))
    llm.prompt("Think.", reasoning="low")
    with kbench.chats.new("Aside"):
        llm.prompt("Quite another matter.")

@kbench.task(name="A room")
def a_room(llm):
    room = kbench.ChatRoom("A debate.", name="Host")
    tea, coffee = (room.add_participant(llm, name=name) for name in ("Tea", "Coffee"))
    with room:
        room.post("Which?")
        tea.reply(), coffee.reply()

over_kept.run(kbench.llm)
last.clear()
over_rows.run(kbench.llm)
all_sorts.run(kbench.llm)
a_room.run(kbench.llm)
'''


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the tasks once, and lay their files out as downloads: run 1 over kept rows, 2 over rows, 3 and 4."""
    work = tmp_path_factory.mktemp("work")
    (work / "tasks.py").write_text(TASKS)
    with StandIn() as stand_in:
        env = {"PATH": os.environ["PATH"], "HOME": str(work), **stand_in.environment()}
        done = subprocess.run([sys.executable, "tasks.py"], cwd=work, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    placed = work / "out"
    for run_id, starts in enumerate((("Over_kept", "Kept"), ("Over_rows",), ("All",), ("A_room",)), start=1):
        folder = placed / f"t/1/m{run_id}/{run_id}"
        folder.mkdir(parents=True)
        for file in work.glob("*.run.json"):
            if file.name.startswith(starts):
                shutil.copy(file, folder)
    return placed


def opened(output: Path, run_id: int) -> Transcript:
    return SampleIndex.open(output, "t").transcript(f"1/m{run_id}/{run_id}/")


def test_rows_stored_by_themselves_are_known_by_their_labels(output: Path) -> None:
    rows = list(SampleIndex.open(output, "t").samples(Filter(candidates=("m1",))))
    assert {one.key: one.input for one in rows} == {
        f"Kept row#label_{n}": f"Is {n} even? Answer yes or no." for n in range(12)
    }
    assert rows[-1].id != "1/m1/1/11", "they ended in another order"


def test_rows_that_no_file_names_stand_in_their_order_though_they_ended_in_another(output: Path) -> None:
    index = SampleIndex.open(output, "t")
    rows = list(index.samples(Filter(candidates=("m2",))))
    assert [one.row for one in rows] == list(range(12))
    assert sorted(one.input for one in rows) == sorted(f"Is {n} even? Answer yes or no." for n in range(12))
    assert "0" in {one.input.split()[1] for one in rows[:3]}, (
        "it ended last, and was among the first to begin"
    )
    [errored] = index.samples(Filter(errored=True, candidates=("m2",)))
    assert (errored.error, errored.answer, errored.held) == ("RuntimeError: the sixth row", "Yes", 1)
    assert "Traceback" in index.transcript(errored.id).error
    assert all(index.transcript(one.id).sample == one for one in rows)


@pytest.mark.skipif(
    tuple(map(int, version("kaggle_benchmarks").split(".")[:3])) < (0, 6, 2),
    reason="the SDK 0.6.1 records no reasoning, and tools' calls in a chat of their own",
)
def test_a_transcript_shows_each_thing_as_what_it_is(output: Path) -> None:
    main, aside = opened(output, 3).chats
    parts = [(one.role, part) for one in main.messages for part in one.parts]
    assert (main.title, aside.title) == ("All sorts", "Aside")
    assert parts[0] == ("system", Text("You are terse."))
    [call] = [part for role, part in parts if isinstance(part, ToolCall) and role == "assistant"]
    [result] = [part for role, part in parts if isinstance(part, ToolResult) and role == "tool"]
    assert (call.name, call.id, result.name) == ("half", result.id, "half")
    assert float(result.text) * 2 == int(call.arguments.partition(":")[2].strip(" }"))
    [structured] = [part for _, part in parts if isinstance(part, Structured)]
    assert structured.json.startswith('{"value": ')
    [picture] = [part for _, part in parts if isinstance(part, Media)]
    assert (picture.kind, picture.uri, bool(picture.data)) == ("image", "", True)
    thoughts = [one.parts for one in main.messages if any(isinstance(part, Reasoning) for part in one.parts)]
    assert [len(parts) for parts in thoughts] == [2], "before the answer that they led to"
    sample = opened(output, 3).sample
    assert sample.input == "Halve a number."
    assert sample.answer.startswith("This is stand-in-"), "of the task's own chat, not of the aside"


def test_a_room_names_its_participants(output: Path) -> None:
    [room] = opened(output, 4).chats
    assert room.title == "Host"
    assert [(one.role, one.sender) for one in room.messages] == [
        ("user", "Host"),
        ("assistant", "Tea"),
        ("assistant", "Coffee"),
    ]
