"""Tasks from push to download with the real SDK, a real kernel and the real model."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import pytest
import requests
from local_server_process import ENDLESS, MODEL, PROXY_MODEL, Server, plain, wait_for

from kbench_jupyter.local.store import Store

pytestmark = pytest.mark.slow

IMPORT = "import kaggle_benchmarks as kbench"
CAPITAL = """
@kbench.task(name="Capital")
def capital(llm) -> float:
    answer = llm.prompt("What is the capital of France? One word.")
    print("it says:", answer)
    kbench.assertions.assert_true("Atlantis" in answer, expectation="a wrong answer")
    return 0.5

capital.run(kbench.llm)
"""
TWO = """
@kbench.task(name="Helper One")
def helper(llm) -> bool:
    return True

@kbench.task(name="The Chosen")
def chosen(llm) -> bool:
    return True

helper.run(kbench.llm)
chosen.run(kbench.llm)
"""
RAISING = """
@kbench.task(name="Raising")
def raising(llm) -> bool:
    raise ValueError("too hard for me")

raising.run(kbench.llm)
print("and on")
"""
UNRUN = '@kbench.task(name="Unrun")\ndef unrun(llm) -> bool:\n    return True'
OTHER_MODEL = """
@kbench.task(name="Other Model")
def other(llm) -> bool:
    return True

other.run(kbench.kaggle.load_model("somebody/else"))
"""


@pytest.fixture(scope="module", params=["started", "forked"])
def server(request, tmp_path_factory):
    """A server whose runs are started anew, and one whose runs are forked."""
    running = Server(tmp_path_factory.mktemp("runs") / "home", ahead=request.param == "forked")
    running.forks = request.param == "forked"
    yield running
    running.stop()


# For what is judged by files and messages that a notebook has left, however its kernel came to be: to import the SDK
# in a process of its own takes each of these jobs 3 s of a core.
forked = pytest.mark.parametrize("server", ["forked"], indirect=True)


@pytest.fixture(scope="module")
def pushed(server):
    """All tasks at once, so that their creations share the workers."""
    server.push("capital", IMPORT, CAPITAL)
    if not server.forks:
        return server
    server.push("the-chosen", IMPORT, TWO, "%choose chosen")
    server.push("too-many", IMPORT, TWO)
    server.push("raising", IMPORT, RAISING)
    server.push("unrun", IMPORT, UNRUN)
    server.push("other-model", IMPORT, OTHER_MODEL)
    return server


@pytest.fixture(scope="module")
def capital_run(pushed):
    assert pushed.creation("capital") == ("COMPLETED", "")
    assert pushed.runs("capital") == [], "the creation's own run is not listed"
    assert pushed.schedule("capital")[0]["runScheduled"]
    run_id = pushed.runs("capital")[0]["id"]
    wait_for(lambda: pushed.run(run_id, "capital")["state"] != "QUEUED", 60, "the run to start")
    with pushed.post("GetBenchmarkTaskRunLogs", {"runId": run_id}, stream=True) as answer:
        kind = answer.headers["content-type"]
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line and line[0] != ":"]
    return run_id, kind, lines, pushed.run(run_id, "capital")


def output(server, run_id, **body):
    answer = server.post("DownloadBenchmarkTaskRunOutput", {"runId": run_id, **body})
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_a_log_streams_while_the_run_goes_and_its_end_means_that_the_state_is_final(capital_run):
    _run_id, kind, lines, run = capital_run
    assert kind.startswith("text/event-stream")
    assert lines[-1] == "data: END_OF_LOG"
    entries = [json.loads(line.removeprefix("data: ")) for line in lines[:-1] if line.startswith("data: ")]
    assert any(e["data"].startswith("it says:") and e["stream_name"] == "stdout" for e in entries)
    assert all(isinstance(e["time"], float) for e in entries)
    assert run["state"] == "COMPLETED", "a failed assertion is a completed run"
    assert "errorMessage" not in run


def test_the_log_is_kept_after_the_run(pushed, capital_run):
    run_id, _kind, lines, _run = capital_run
    kept = pushed.call("GetBenchmarkTaskRunLogs", {"runId": run_id})
    assert kept == [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_the_output_holds_run_and_task_files_and_on_demand_the_notebooks(pushed, capital_run):
    run_id = capital_run[0]
    small, full = output(pushed, run_id), output(pushed, run_id, includeSource=True)
    assert sorted(name.rsplit(".", 2)[1] for name in small.namelist()) == ["run", "task"]
    added = set(full.namelist()) - set(small.namelist())
    assert added == {"__notebook__.ipynb", "__notebook_source__.ipynb"}
    source = json.loads(full.read("__notebook_source__.ipynb"))
    assert ["".join(cell["source"]) for cell in source["cells"]] == [IMPORT, CAPITAL]
    assert not any(cell["outputs"] for cell in source["cells"])
    executed = json.loads(full.read("__notebook__.ipynb"))
    assert "it says:" in json.dumps(executed["cells"][1]["outputs"])
    (name,) = [n for n in small.namelist() if n.endswith(".run.json")]
    run = json.loads(small.read(name))
    assert run["modelVersion"]["slug"] == PROXY_MODEL
    assert run["assertions"][0]["status"].endswith("FAILED")
    metrics = run["conversations"][0]["metrics"]
    assert metrics["outputTokens"] > 0
    assert metrics["inputTokensCostNanodollars"] == "0"
    assert int(metrics["totalBackendLatencyMs"]) > 0


def test_a_download_goes_on_where_it_broke_off(pushed, capital_run):
    body = {"runId": capital_run[0], "includeSource": True}
    whole = pushed.post("DownloadBenchmarkTaskRunOutput", body)
    headers = {
        "Authorization": f"Bearer {pushed.token}",
        "Range": "bytes=100-",
        "If-Range": whole.headers["etag"],
    }
    rest = pushed.post("DownloadBenchmarkTaskRunOutput", body, headers=headers)
    assert rest.status_code == 206
    assert whole.content[:100] + rest.content == whole.content


@forked
def test_choosing_the_last_task_leaves_its_files_only(pushed):
    assert pushed.creation("the-chosen") == ("COMPLETED", "")
    archive = pushed.home / "creations" / str(pushed_id(pushed, "the-chosen")) / "output.zip"
    with zipfile.ZipFile(archive) as made:
        names = [name for name in made.namelist() if not name.startswith("__")]
        assert len(names) == 2
        assert all(name.startswith("The_Chosen") for name in names)
        assert "_found" not in made.read("__notebook__.ipynb").decode(), "our own last cell is not shown"


def pushed_id(server, slug):
    store = Store(server.home / "server.sqlite3")
    try:
        return store.version(slug).id
    finally:
        store.close()


@forked
def test_several_tasks_without_a_choice_are_told(pushed):
    state, message = pushed.creation("too-many")
    assert state == "VALIDATION_FAILED"
    assert "Helper One" in message
    assert "%choose" in message


@forked
def test_a_task_that_raises_is_created_with_a_note_and_its_run_is_errored(pushed):
    state, message = pushed.creation("raising")
    assert state == "COMPLETED"
    assert "can be run all the same" in message
    assert "too hard for me" in message
    run = pushed.run_now("raising")
    assert run["state"] == "ERRORED"
    assert run["errorMessage"].strip().splitlines()[-1] == "ValueError: too hard for me"
    assert "and on" in json.dumps(pushed.call("GetBenchmarkTaskRunLogs", {"runId": run["id"]}))


@forked
def test_a_task_that_is_never_run_is_told(pushed):
    state, message = pushed.creation("unrun")
    assert state == "KERNEL_WITHOUT_RUN"
    assert ".run(kbench.llm)" in message


@forked
def test_a_hard_coded_model_is_refused(pushed):
    state, message = pushed.creation("other-model")
    assert state == "VALIDATION_FAILED"
    assert "somebody/else" in message
    assert "kbench.llm" in message


def test_a_failing_cell_is_named_with_its_line(server):
    server.push("failing", "x = 1", "y = 2\nprint('before')\nz = nothing")
    state, message = server.creation("failing")
    assert state == "ERRORED"
    assert message.startswith("Cell 2, line 3 failed:")
    assert "NameError: name 'nothing' is not defined" in message


def test_another_task_than_the_one_that_was_named_is_told(server):
    server.push("expected", plain("Something Else"))
    assert server.creation("expected") == (
        "VALIDATION_FAILED",
        "The notebook's task is 'something-else', not 'expected'.",
    )


def test_a_notebook_without_any_task_is_told(server):
    server.push("nothing", "print('hello')")
    state, message = server.creation("nothing")
    assert state == "VALIDATION_FAILED"
    assert "@kbench.task" in message


def test_no_secret_of_the_user_reaches_a_task(make_server):
    secrets = {"KAGGLE_KEY": "s3cret-1", "HF_TOKEN": "s3cret-2", "OPENAI_API_KEY": "s3cret-3", "PLAIN": "x"}
    one = make_server(
        env={**secrets, "KBENCH_PASS_ENV": "PLAIN", "HTTP_PROXY": "http://me:s3cret-4@127.0.0.1:1"}
    )
    code = "import os\nprint(dict(os.environ))\nassert os.environ['PLAIN'] == 'x'"
    one.push("curious", plain("curious", code))
    assert one.creation("curious") == ("COMPLETED", "")
    log = next(one.home.glob("creations/*/log.jsonl")).read_text()
    assert "MODEL_PROXY_API_KEY" in log
    assert "s3cret" not in log
    assert one.token not in log


def test_a_notebook_that_takes_too_long_is_stopped_and_told_where(make_server):
    one = make_server("--run-timeout", "12")  # seconds in which a busy machine gets to its second cell
    one.push("endless", plain("endless"), "import time\ntime.sleep(600)")
    state, message = one.creation("endless")
    assert state == "ERRORED"
    assert "Stopped after 12 s" in message
    assert "in cell 2, line 2" in message


def test_a_run_can_be_cancelled_while_it_goes_and_while_it_waits(make_server):
    one = make_server("--workers", "1")
    one.push("long", plain("long", ENDLESS))
    assert one.creation("long") == ("COMPLETED", "")
    one.push("next", plain("next"))
    one.created("next")
    one.schedule("long")
    one.schedule("next")
    going, waiting = one.runs("long")[0]["id"], one.runs("next")[0]["id"]
    wait_for(lambda: one.run(going, "long")["state"] == "RUNNING", 60, "the run to start")
    assert one.post("GetBenchmarkTaskRunLogs", {"runId": waiting}).status_code == 404
    assert one.post("DownloadBenchmarkTaskRunOutput", {"runId": going}).status_code == 404
    assert one.cancel(going, waiting) == {"queuedCancelledCount": 1}, (
        "what goes is left alone unless asked for"
    )
    follower = []
    with one.post("GetBenchmarkTaskRunLogs", {"runId": going}, stream=True) as stream:
        lines = (line for line in stream.iter_lines(decode_unicode=True) if line)
        assert "up" in next(lines)
        threading.Thread(target=follower.extend, args=(lines,)).start()
        assert one.cancel(going, active=True) == {"activeTerminatedCount": 1}
        ended = one.ended(going, "long")
        wait_for(lambda: follower[-1:] == ["data: END_OF_LOG"], 10, "the follower to be told")
    assert (ended["state"], ended["errorMessage"]) == ("ERRORED", "Cancelled.")
    assert one.ended(waiting, "next")["errorMessage"] == "Cancelled."
    assert one.cancel(going, waiting, active=True) == {}
    assert one.run_now("next")["state"] == "COMPLETED", "the worker is free again"


def test_a_runs_token_ends_with_it(server):
    asks = """
import os, requests
key = os.environ["MODEL_PROXY_API_KEY"]
url = os.environ["MODEL_PROXY_URL"] + "/openapi/models"
with open("token.txt", "w") as file:
    status = requests.get(url, headers={"Authorization": "Bearer " + key}, timeout=10).status_code
    print(status, key[::-1], file=file)
"""
    server.push("keeps", plain("keeps", asks))
    assert server.creation("keeps") == ("COMPLETED", "")
    run = server.run_now("keeps")
    assert run["state"] == "COMPLETED"
    status, key = output(server, run["id"]).read("token.txt").decode().split()
    assert status == "200"
    headers = {"Authorization": f"Bearer {key[::-1]}"}
    assert requests.get(f"{server.url}/openapi/models", headers=headers, timeout=10).status_code == 401


def test_a_large_output_and_long_lines_come_through(server):
    server.push(
        "large", plain("large", "print('x' * 300_000)\nopen('big.bin', 'wb').write(bytes(5_000_000))")
    )
    assert server.creation("large") == ("COMPLETED", "")
    run = server.run_now("large")
    entries = server.call("GetBenchmarkTaskRunLogs", {"runId": run["id"]})
    assert "".join(e["data"] for e in entries) == "x" * 300_000 + "\n"
    assert len(output(server, run["id"]).read("big.bin")) == 5_000_000


def test_models_missing_or_given_are_what_the_task_sees(server):
    code = (
        "import os\n"
        f"assert os.environ['LLM_DEFAULT'] == {PROXY_MODEL!r}\n"
        f"assert {PROXY_MODEL!r} in os.environ['LLMS_AVAILABLE'].split(',')\n"
        "assert os.environ['CONTINUE_WITH_EXCEPTIONS'] == 'True'"
    )
    server.push("sees", plain("sees", code))
    assert server.creation("sees") == ("COMPLETED", "")
    assert MODEL in server.call("ListBenchmarkModels", {}, "benchmarks.BenchmarksApiService")[
        "benchmarkModels"
    ][0]["slug"]  # fmt: skip


def test_a_task_with_many_runs_holds_no_other_one_up(make_server):
    one = make_server("--workers", "1")
    for slug in ("many", "few"):
        one.push(slug, plain(slug))
        assert one.creation(slug) == ("COMPLETED", "")
    again = {"enqueue": True, "skipPolicy": "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL", "modelVersionSlugs": [MODEL]}
    asked = [(slug, {**again, "taskSlugs": [{"taskSlug": slug}]}) for slug in ("many", "many", "many", "few")]
    runs = [
        (one.call("BatchScheduleBenchmarkTaskRuns", body)["results"][0]["runId"], slug)
        for slug, body in asked
    ]
    begun = sorted((one.ended(run, slug)["startTime"], slug, run) for run, slug in runs)
    assert [slug for _, slug, _ in begun][1:] == ["few", "many", "many"]
    many = [run for _, slug, run in begun if slug == "many"]
    assert many == sorted(many), "its own go in the order they were asked for"
