"""Logs, errors and results without measure: what is kept of them, and that the cut is said."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_server_process import Server, plain
from test_local_executors import quick_at_first

from kbench_jupyter.local import logs

pytestmark = pytest.mark.slow

LONG = 'print("BEGINNING", end="")\nfor _ in range(30):\n    print("x" * 2**20, end="")\nprint("THE END", end="")\n'
# Fast until far more is there than is kept, then with pauses: to write all the time would only take all of two cores.
ENDLESS = """
import time
print("BEGINNING", end="")
n = 0
while True:
    n += 1
    print(f"<{n}>" + "y" * 100_000, end="")
    time.sleep(0.1 * (n > 400))
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("limits") / "home")
    yield running
    running.stop()


def said(path):
    return "".join(json.loads(line)["data"] for line in path.read_text().splitlines())


def test_a_log_of_one_line_without_end_keeps_its_beginning_and_its_end_and_says_what_is_missing(
    one, tmp_path
):
    one.push("long", plain("long", quick_at_first(tmp_path, LONG)))
    assert one.creation("long") == ("COMPLETED", "")
    [run] = [one.run_now("long")]
    assert run["state"] == "COMPLETED"
    text = said(one.home / "runs" / str(run["id"]) / "log.jsonl")
    assert text.startswith("BEGINNINGxxx")
    assert text.endswith("THE END")
    whole = len("BEGINNING" + "THE END") + 30 * 2**20
    cut = int(
        text.partition("The log is too long: ")[2]
        .partition(" characters are left out here.]")[0]
        .replace(",", "")
    )
    notes = sum(len(line) + 1 for line in text.splitlines() if line.startswith("["))
    assert whole - cut - 20 < len(text) - notes < whole - cut + 20
    assert len(text) < logs.MOST + logs.LAST + 2**18
    answer = one.post("DownloadBenchmarkTaskRunOutput", {"runId": run["id"], "includeSource": True})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        executed = file.read("__notebook__.ipynb").decode()
    assert len(executed) < 22 * 2**20
    assert "The notebook prints more than 20 MB; the rest is left out." in executed


def test_output_that_never_ends_is_stopped_with_its_task_and_its_last_words_are_there(make_server):
    one = make_server("--run-timeout", "15")
    one.push("endless", plain("endless", ENDLESS))
    state, error = one.creation("endless")
    assert state == "ERRORED"
    assert "Stopped after 15 s" in error
    text = said(one.home / "creations" / "1" / "log.jsonl")
    assert text.startswith("BEGINNING<1>yyy")
    before, _, after = text.partition("characters are left out here.]")
    first, last = (int(re.findall(r"<(\d+)>y", part)[-1]) for part in (before, after))
    assert last > first + 10


def test_an_error_without_measure_keeps_its_beginning_and_its_end(one):
    one.push("error", 'raise ValueError("BEGINNING" + "x" * 5_000_000 + "THE END")')
    state, error = one.creation("error")
    assert state == "ERRORED"
    assert "characters are left out here.]" in error
    assert error.startswith("Cell 1, line 1 failed:")
    assert error.endswith("THE END")
    assert len(error) < 60_000


def test_a_result_without_measure_stays_in_its_run_file(one):
    one.push("big", plain("big", result='{"booleanResult": True, "x": "x" * 2**21}'))
    assert one.creation("big") == ("COMPLETED", "")
    run = one.run_now("big")
    assert run["state"] == "COMPLETED"
    assert "only its run file has it" in run["errorMessage"]


@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=300)), max_size=60),
    st.integers(1, 200),
)
def test_what_is_written_is_a_beginning_and_an_end_of_what_was_said(pieces, most):
    file, kept = io.StringIO(), (logs.MOST, logs.LAST)
    logs.MOST, logs.LAST = most, most
    try:
        writer = logs.LogWriter(file)
        for stream, text in pieces:
            writer(stream, text)
        writer.end()
    finally:
        logs.MOST, logs.LAST = kept
    whole = "".join(text for _, text in pieces)
    entries = [json.loads(line) for line in file.getvalue().splitlines()]
    assert all(0 <= entry["time"] < 60 for entry in entries)
    texts = [entry["data"] for entry in entries]
    notes = [
        n for n, text in enumerate(texts) if "log keeps the last MB" in text or "are left out here" in text
    ]
    if not notes:
        assert "".join(texts) == whole
        return
    first, last = notes[0], notes[-1]
    beginning, end = "".join(texts[:first]), "".join(texts[last + 1 :])
    assert whole.startswith(beginning)
    assert whole.endswith(end)
    assert len(beginning) >= min(most, len(whole))
    if first != last:
        assert len(end) >= most
        assert f"{len(whole) - len(beginning) - len(end):,} characters" in texts[last]
    else:
        assert beginning + end == whole
