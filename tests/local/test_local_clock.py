"""The wall clock is set while a server, its runs and a client are at work: nothing ends early, late or wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime

import pytest
from local_server_process import plain, wait_for
from set_clock import SetClock

pytestmark = pytest.mark.slow

#: Quick when it is created. When it is run it asks the model proxy, waits until it may go on, and asks again.
ASKS_TWICE = """
import os, pathlib, time, urllib.request
home = pathlib.Path(os.environ["HOME"]).parents[2]  # the server's own
def ask():
    key = {"Authorization": "Bearer " + os.environ["MODEL_PROXY_API_KEY"]}
    url = os.environ["MODEL_PROXY_URL"] + "/openapi/models"
    with urllib.request.urlopen(urllib.request.Request(url, headers=key)) as answer:
        print("asked:", answer.status, flush=True)
ask()
if (home / "created").exists():
    while not (home / "go-on").exists():
        time.sleep(0.02)
    ask()
(home / "created").touch()
"""

#: A client that starts a run and follows it to its end, looks again, and says what it saw.
CLIENT = """
import json
from kbench_jupyter import download, run, status
run("asks", "smollm2-135m-instruct", wait=True)
print(json.dumps([str(one.state) for one in status("asks").runs]), flush=True)
print(json.dumps(len(download("asks", output="out").runs)), flush=True)
"""


@pytest.fixture
def clock(tmp_path):
    return SetClock(tmp_path / "clock")


def going(server):
    """Return a run that has asked once and waits."""
    run_id = server.runs("asks")[0]["id"]

    def asked():
        answer = server.post("GetBenchmarkTaskRunLogs", {"runId": run_id}, stream=True)
        with answer:
            return answer.ok and any("asked: 200" in line for line in answer.iter_lines(decode_unicode=True))

    wait_for(asked, 60, "the run to ask for the first time")
    return run_id


@pytest.mark.parametrize("hours", [1, -1])
def test_a_run_and_its_client_go_on_whatever_the_clock_is_set_to(make_server, clock, tmp_path, hours):
    server = make_server("--run-timeout", "300", env=clock.env)
    server.push("asks", plain("asks", ASKS_TWICE))
    assert server.creation("asks") == ("COMPLETED", "")
    env = {
        **server.env,
        "HOME": str(tmp_path),
        "KBENCH_API_URL": server.url,
        "KAGGLE_API_TOKEN": server.token,
        "KBENCH_HOME": str(tmp_path / "state"),
    }
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: client.poll() is not None or server.runs("asks"), 60, "the client to start the run")
        run_id = going(server)
        clock.set(hours)
        (server.home / "go-on").touch()
        run = server.ended(run_id, "asks")
        assert (run["state"], run.get("errorMessage")) == ("COMPLETED", None)
        out, _ = client.communicate(timeout=120)
    finally:
        client.kill()
    assert client.returncode == 0
    assert [json.loads(line) for line in out.splitlines()[-2:]] == [["COMPLETED"], 1]
    # The server tells times of the clock as it is now, and works on: also once it was started again.
    began = datetime.fromisoformat(server.runs("asks")[0]["endTime"]).timestamp()
    assert abs(began - (time.time() + hours * 3600)) < 120
    assert server.run_now("asks")["state"] == "COMPLETED"
    server.stop()
    clock.set(0)
    server.start()
    assert server.run_now("asks")["state"] == "COMPLETED"
    assert len(server.runs("asks")) == 3


def test_a_run_is_stopped_after_its_time_also_when_the_clock_was_set_back(make_server, clock):
    server = make_server("--run-timeout", "8", env=clock.env)
    server.push("asks", plain("asks", ASKS_TWICE))
    assert server.creation("asks") == ("COMPLETED", "")
    server.schedule("asks")
    run_id = going(server)
    clock.set(-1)
    run = server.ended(run_id, "asks", timeout=90)
    assert run["state"] == "ERRORED"
    assert "8 s" in run["errorMessage"]
