"""What holds wherever jobs are carried out: on this machine, and on the workers of a Dask cluster."""

from __future__ import annotations

import io
import json
import sys
import zipfile

import psutil
import pytest
from local_server_process import FEW_PACKAGES, LOCAL, Server, plain, wait_for

pytestmark = pytest.mark.slow

LIMIT = 15
"""Seconds that a notebook gets here."""


@pytest.fixture(scope="module", params=["processes", "cluster"])
def server(request, tmp_path_factory):
    options = ["--run-timeout", str(LIMIT), "--workers", "2", "--memory-gb", "2"]
    clustered = request.param == "cluster"
    if clustered:
        pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
        options += ["--cluster", "new:2"]
    # On a worker jobs are forked here, where they can be; those of `test_local_cluster` are started.
    running = Server(
        tmp_path_factory.mktemp(request.param) / "home", *options, env=FEW_PACKAGES, ahead=clustered
    )
    running.clustered = clustered
    wait_for(lambda: running.call("GetStatus", {"brief": True}, LOCAL)["workers"] == 2, 60, "two slots")
    yield running
    running.stop()


def text_of(entries):
    return "".join(entry["data"] for entry in entries)


def quick_at_first(tmp_path, code):
    """Return code that is run from the second time on: the first is the creation."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    created = str(tmp_path / "created")
    return (
        f"import os, pathlib, time\nif os.path.exists({created!r}):\n{lines}pathlib.Path({created!r}).touch()"
    )


def test_a_runs_log_is_live_and_in_order_and_its_files_are_those_it_wrote(server, tmp_path):
    go = tmp_path / "go"
    code = f"""
for number in range(300):
    print("line", number)
print("half", flush=True)
while not os.path.exists({str(go)!r}):
    time.sleep(0.05)
pathlib.Path("big.bin").write_bytes(os.urandom(9_000_000))
print("whole")"""
    server.push("steady", plain("steady", quick_at_first(tmp_path, code)))
    assert server.creation("steady") == ("COMPLETED", "")
    run = server.schedule("steady")[0]["runId"]
    wait_for(lambda: server.run(run, "steady")["state"] == "RUNNING", 60, "the run to start")
    entries = []
    with server.post("GetBenchmarkTaskRunLogs", {"runId": run}, stream=True) as stream:
        for line in stream.iter_lines(decode_unicode=True):
            if line.startswith("data: {"):
                entries.append(json.loads(line.removeprefix("data: ")))
                if "half" in entries[-1]["data"]:
                    assert server.run(run, "steady")["state"] == "RUNNING", "it is told while it goes"
                    go.touch()
    assert text_of(entries) == "".join(f"line {n}\n" for n in range(300)) + "half\nwhole\n"
    assert server.run(run, "steady")["result"] == {"booleanResult": True}
    assert server.call("GetBenchmarkTaskRunLogs", {"runId": run}) == entries
    body = {"runId": run, "includeSource": True}
    packed = zipfile.ZipFile(io.BytesIO(server.post("DownloadBenchmarkTaskRunOutput", body).content))
    assert packed.testzip() is None
    assert packed.getinfo("big.bin").file_size == 9_000_000
    assert {"__notebook__.ipynb", "__notebook_source__.ipynb", "steady-run.run.json"} <= {*packed.namelist()}


def test_jobs_that_kill_their_kernel_or_their_runner_end_and_nothing_else_does(server):
    server.push("exits", plain("exits", "import os\nprint('last words', flush=True)\nos._exit(3)"))
    server.push("kills", plain("kills", "import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(60)"))
    state, error = server.creation("exits")
    assert (state, "kernel died" in error) == ("ERRORED", True)
    state, error = server.creation("kills")
    assert (state, "ended unexpectedly" in error) == ("ERRORED", True)
    server.push("after", plain("after"))
    assert server.creation("after") == ("COMPLETED", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not limited")
def test_a_task_that_takes_more_memory_than_it_may_is_refused_it_and_says_so(server):
    grab = "held = bytearray({}_000_000)\nprint('held', len(held))"
    server.push("modest", plain("modest", grab.format(900)))
    server.push("greedy", plain("greedy", grab.format(2_500)))
    assert server.creation("modest") == ("COMPLETED", "")
    state, error = server.creation("greedy")
    assert (state, "MemoryError" in error) == ("ERRORED", True)


def test_a_cancelled_run_ends_with_its_processes(server, tmp_path):
    code = "print('pid', os.getpid(), flush=True)\ntime.sleep(600)"
    server.push("long", plain("long", quick_at_first(tmp_path, code)))
    assert server.creation("long") == ("COMPLETED", "")
    run = server.schedule("long")[0]["runId"]
    log = server.home / "runs" / str(run) / "log.jsonl"
    wait_for(lambda: log.exists() and log.read_text(), 60, "its notebook to run")
    kernel = psutil.Process(int(text_of(map(json.loads, log.read_text().splitlines())).split()[1]))
    family = [kernel, kernel.parent()]
    assert server.cancel(run, active=True) == {"activeTerminatedCount": 1}
    assert not [process for process in family if process.is_running()], "gone when the answer comes"
    assert server.run(run, "long")["errorMessage"] == "Cancelled."


def test_output_without_end_is_stopped_by_the_time_out_and_its_log_is_bounded(server):
    # A flood of twice what is kept, then a trickle: more of it would only take all of two cores.
    code = "import time\nfor n in range(10**9):\n    print('x' * 20_000)\n    time.sleep(0.1 * (n > 2_000))"
    server.push("flood", plain("flood", code))
    state, error = server.creation("flood")
    assert (state, f"Stopped after {LIMIT} s" in error) == ("ERRORED", True)
    folder = server.home / "creations" / str(len(list((server.home / "creations").iterdir())))
    log = folder / "log.jsonl"
    assert 2**20 < log.stat().st_size < 40 * 2**20
    assert "too long" in log.read_text()


def test_after_kill_9_of_the_server_every_run_is_told_and_what_waited_goes_on(server, tmp_path):
    begun = {
        slug: tmp_path / slug / "begun" for slug in ("goes", "goes-too")
    }  # one for each of the two slots
    for slug, file in begun.items():
        file.parent.mkdir()
        code = f"""
pathlib.Path({str(file)!r}).open("a").write("x")
if len(pathlib.Path({str(file)!r}).read_text()) == 1:
    time.sleep(600)"""
        server.push(slug, plain(slug, quick_at_first(file.parent, code)))
    server.push("waits", plain("waits"))
    for slug in (*begun, "waits"):
        assert server.creation(slug) == ("COMPLETED", "")
    going = {slug: server.schedule(slug)[0]["runId"] for slug in begun}
    wait_for(lambda: all(file.exists() for file in begun.values()), 60, "both runs to begin")
    waiting = server.schedule("waits")[0]["runId"]
    server.kill()
    server.start()
    assert server.ended(waiting, "waits")["state"] == "COMPLETED"
    for slug, run in going.items():
        ended = server.ended(run, slug)
        if server.clustered:  # the cluster was the server's own, and went with it: the run was begun anew
            assert (ended["state"], begun[slug].read_text()) == ("COMPLETED", "xx")
        else:
            assert "schedule the run again" in ended["errorMessage"]
