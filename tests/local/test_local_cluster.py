"""Runs on a Dask cluster: what happens when workers, the scheduler or the server go, and who gets to know the keys."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import own_loop
import psutil
import pytest
import requests
from json_endpoint import listening
from local_server_process import FEW_PACKAGES, MODEL, Server, plain, wait_for
from test_local_executors import quick_at_first, text_of
from test_local_models import Endpoint

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.executors.address import Limit, check, prompt_limits
from kbench_jupyter.local.models import Model

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
from dask_cluster import DaskCluster, has_slots, status
from distributed import Client, Scheduler, Worker

from kbench_jupyter.local.executors.worker_proxy import _Limited as limited

pytestmark = pytest.mark.slow

KEY = "upstream-s3cret"

#: Ends the worker that it runs on, as often as a number in a file says.
KILLS = """
counter = pathlib.Path({counter!r})
left = int(counter.read_text())
print("left", left, flush=True)
pathlib.Path("half-done").write_text("x") if left else pathlib.Path("done").write_text("x")
if left:
    counter.write_text(str(left - 1))
    import psutil
    worker = next(p for p in psutil.Process().parents() if "worker" in p.cmdline())
    worker.kill()
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def endpoint():
    with listening(Endpoint) as running:
        running.seen = []
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = DaskCluster(tmp_path_factory.mktemp("cluster"))
    running.add(2)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def server(cluster, endpoint, tmp_path_factory):
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    env = {"KBENCH_UPSTREAM_URL": url, "KBENCH_UPSTREAM_API_KEY": KEY, "KBENCH_PROMPTS": "big-one-7b=1"}
    env["KBENCH_UPSTREAM_EFFORTS"] = "high"
    running = Server(tmp_path_factory.mktemp("server") / "home", "--cluster", cluster.address, env=env)
    has_slots(running, 2)
    yield running
    running.stop()


@pytest.fixture
def two(server, cluster):
    """The server, with two workers whatever a test before has done to them."""
    cluster.settle(2)
    has_slots(server, 2)
    return server


def pushed(server, slug, tmp_path, code):
    cell = plain(slug, quick_at_first(tmp_path, code), model="x")
    server.push(slug, cell.replace("'x'", "os.environ['LLM_DEFAULT']"))
    assert server.creation(slug) == ("COMPLETED", "")
    return server


def log_of(server, run):
    return text_of(server.call("GetBenchmarkTaskRunLogs", {"runId": run}))


def test_a_run_whose_worker_is_killed_goes_again_on_another_and_nothing_half_done_counts(
    two, cluster, tmp_path
):
    counter = tmp_path / "counter"
    pushed(two, "kills-once", tmp_path, KILLS.format(counter=str(counter)))
    counter.write_text("1")
    ended = two.run_now("kills-once")
    assert ended["state"] == "COMPLETED"
    log = log_of(two, ended["id"])
    assert ["was lost" in log, "attempt 2 of 3" in log, log.endswith("left 0\n")] == [True] * 3
    files = two.post("DownloadBenchmarkTaskRunOutput", {"runId": ended["id"]}).content
    assert (b"half-done" in files, b"done" in files) == (False, True)


def test_a_run_that_loses_its_worker_three_times_ends_and_says_so(two, cluster, tmp_path):
    counter = tmp_path / "counter"
    pushed(two, "kills", tmp_path, KILLS.format(counter=str(counter)))
    counter.write_text("9")
    cluster.add(2)
    has_slots(two, 4)
    ended = two.run_now("kills")
    assert (ended["state"], "lost 3 times" in ended["errorMessage"]) == ("ERRORED", True)
    assert counter.read_text() == "6", "three attempts, and no fourth"


def test_after_kill_9_of_the_server_a_run_that_goes_is_found_and_none_is_begun_twice(two, cluster, tmp_path):
    begun, go = tmp_path / "begun", tmp_path / "go"
    code = f"""
print("first", flush=True)
with pathlib.Path({str(begun)!r}).open("a") as file:
    file.write("x")
while not os.path.exists({str(go)!r}):
    time.sleep(0.05)
print("last")"""
    pushed(two, "steady", tmp_path, code)
    going, also = (two.schedule("steady", name)[0]["runId"] for name in ("plain", "lab/Big-One:7b"))
    wait_for(lambda: begun.exists() and begun.read_text() == "xx", 60, "both to begin")
    two.kill()
    two.start()
    has_slots(two, 2)
    assert two.run(going, "steady")["state"] == "RUNNING"
    two.kill()
    go.touch()  # it ends while no server is there
    ticket = json.loads((two.home / "runs" / str(going) / "cluster.json").read_text())
    prefix = ticket["key"].partition("-run-")[0]
    with Client(cluster.address, set_as_default=False) as client:  # as of a server killed in between
        client.publish_dataset(None, name=f"{prefix}-run-{going}-00000000")
        client.publish_dataset(None, name="another's")
    two.start()
    for run in (going, also):
        assert two.ended(run, "steady")["state"] == "COMPLETED"
        assert log_of(two, run) == "first\nlast\n"
    with Client(cluster.address, set_as_default=False) as client:
        wait_for(
            lambda: client.list_datasets() == ("another's",), 20, "what nobody waits for to be forgotten"
        )
    assert begun.read_text() == "xx"


def test_without_its_scheduler_a_run_waits_and_goes_again_when_it_is_back(two, cluster, tmp_path):
    begun, go = tmp_path / "begun", tmp_path / "go"
    code = f"""
with pathlib.Path({str(begun)!r}).open("a") as file:
    file.write("x")
while not os.path.exists({str(go)!r}):
    time.sleep(0.05)"""
    pushed(two, "patient", tmp_path, code)
    run = two.schedule("patient")[0]["runId"]
    wait_for(begun.exists, 60, "the run to begin")
    cluster.kill(cluster.scheduler)
    wait_for(lambda: "lost" in status(two)["cluster"]["problem"], 60, "the loss to be seen")
    assert two.run(run, "patient")["state"] == "RUNNING"
    for worker in list(cluster.workers):
        cluster.kill(worker)
    go.touch()
    cluster.start()
    cluster.add(2)
    ended = two.ended(run, "patient")
    assert ended["state"] == "COMPLETED", ended
    assert begun.read_text() == "xx"


def test_workers_that_join_are_used_at_once_and_status_says_what_each_runs(two, cluster, tmp_path):
    go = tmp_path / "go"
    pushed(two, "fill", tmp_path, f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.05)")
    runs = [
        two.schedule("fill", name)[0]["runId"]
        for name in ("plain", "lab/Big-One:7b", "smollm2-135m-instruct")
    ]
    wait_for(lambda: status(two)["going"] == 2, 60, "two to begin")
    cluster.add()

    def shown():
        return sorted(job for worker in status(two)["cluster"]["workers"] for job in worker["jobs"])

    expected = ["fill on big-one-7b", "fill on plain", "fill on smollm2-135m-instruct"]
    wait_for(lambda: shown() == expected, 60, "the third on the new worker")
    go.touch()
    assert [two.ended(run, "fill")["state"] for run in runs] == ["COMPLETED"] * 3


def test_workers_that_say_how_much_memory_they_have_take_no_more_runs_than_that_is_enough_for(tmp_path):
    (tmp_path / "cluster").mkdir()
    cluster = DaskCluster(tmp_path / "cluster", env=FEW_PACKAGES)
    cluster.add(1, "--resources", "memory=2e9")
    server = Server(tmp_path / "home", "--cluster", cluster.address, "--memory-gb", "2", ahead=True)
    try:
        has_slots(server, 1)
        server.push("waits", plain("waits"))
        said = "KBENCH_MEMORY_GB=2 is memory=2147483648, and the largest was started with memory=2000000000"
        wait_for(lambda: said in status(server)["cluster"]["problem"], 60, "what it waits for to be said")
        wait_for(
            lambda: any(said in log.read_text() for log in server.home.rglob("log.jsonl")), 60, "its log"
        )
        cluster.add(2, "--resources", "memory=3e9")
        cluster.add(1, "--nthreads", "4", "--resources", "memory=5e9")
        assert server.creation("waits") == ("COMPLETED", "")
        assert status(server)["cluster"]["problem"] == ""
        has_slots(server, 7)
        begun, go = tmp_path / "begun", tmp_path / "go"
        code = f"""
with pathlib.Path({str(begun)!r}).open("a") as file:
    file.write("x")
while not os.path.exists({str(go)!r}):
    time.sleep(0.05)"""
        pushed(server, "large", tmp_path, code)
        body = {"taskSlugs": [{"taskSlug": "large"}], "modelVersionSlugs": [MODEL], "enqueue": True}
        body["skipPolicy"] = "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL"
        runs = [server.call("BatchScheduleBenchmarkTaskRuns", body)["results"][0]["runId"] for _ in range(6)]
        wait_for(lambda: begun.exists() and begun.read_text() == "xxxx", 90, "as many as there is memory for")
        about = status(server)
        assert about["going"] == 6, "the others are with the scheduler"
        assert sorted(len(worker["jobs"]) for worker in about["cluster"]["workers"]) == [0, 1, 1, 2]
        go.touch()
        assert [server.ended(run, "large")["state"] for run in runs] == ["COMPLETED"] * 6
    finally:
        server.stop()
        cluster.stop()


LOOK = """
import psutil, urllib.request
found = []
for process in psutil.process_iter():
    try:
        if b"upstream-" + b"s3cret" in open(f"/proc/{process.pid}/environ", "rb").read():
            found.append(process.cmdline())
    except OSError:
        pass
print("FOUND", [line for line in found if "pytest" not in str(line)])
asked = {"model": os.environ["LLM_DEFAULT"], "messages": [{"role": "user", "content": "from a worker"}]}
request = urllib.request.Request(
    os.environ["MODEL_PROXY_URL"] + "/openapi/chat/completions", json.dumps(asked).encode(),
    {"Authorization": "Bearer " + os.environ["MODEL_PROXY_API_KEY"]},
)
print("ANSWER", urllib.request.urlopen(request).read().decode())
print("ASKED", request.full_url, request.headers["Authorization"])
"""


def test_a_job_asks_the_endpoint_by_a_proxy_beside_it_and_no_environment_has_the_key(two, endpoint, tmp_path):
    pushed(two, "asks", tmp_path, LOOK)
    body = {
        "taskSlugs": [{"taskSlug": "asks"}],
        "modelVersionSlugs": ["lab/Big-One:7b"],
        "reasoningEffort": "high",
    }
    run = two.call("BatchScheduleBenchmarkTaskRuns", body)["results"][0]["runId"]
    assert two.ended(run, "asks")["state"] == "COMPLETED", log_of(two, run)
    log = log_of(two, run)
    assert "FOUND []" in log
    reply = json.loads(log.partition("ANSWER ")[2].splitlines()[0])
    assert reply["usage"]["cost"]["output_tokens_cost_nanodollars"] == 2_000_000
    path, headers, body = endpoint.seen[-1]
    assert (path, body["model"]) == ("/v1/chat/completions", "lab/Big-One:7b")
    assert body["reasoning_effort"] == "high"
    assert headers["Authorization"] == f"Bearer {KEY}"
    texts = [path.read_bytes() for path in two.home.parent.rglob("*") if path.is_file()]
    assert not [text for text in texts if KEY.encode() in text]
    url, token = log.partition("ASKED ")[2].splitlines()[0].split(" ", 1)

    def refused():
        return requests.post(url, json=body, headers={"Authorization": token}, timeout=10).status_code == 401

    wait_for(refused, 20, "the job's token to end with it")


def test_ended_and_cancelled_jobs_leave_nothing_on_the_workers(two, cluster, tmp_path):
    pushed(two, "tidy", tmp_path, "print('x')\ntime.sleep(600)")
    run = two.schedule("tidy")[0]["runId"]
    wait_for(lambda: two.run(run, "tidy")["state"] == "RUNNING", 60, "it to begin")
    assert two.cancel(run, active=True) == {"activeTerminatedCount": 1}
    places = list(cluster.folder.glob("worker-*/dask/**/kbench"))

    def left():
        alive = [psutil.Process(worker.pid).children(recursive=True) for worker in cluster.workers]
        jobs = [
            folder for place in places for folder in place.iterdir() if not folder.name.startswith("proxy-")
        ]
        lost = [f for f in jobs if not any(w.poll() is None for w in cluster.workers)]
        return lost or [p for family in alive for p in family if "runner" in " ".join(p.cmdline())]

    wait_for(lambda: not left(), 20, "everything to be tidied up")


#: As `sitecustomize`: an interpreter without this package.
WITHOUT_US = """
import sys

class Nowhere:
    def find_spec(name, path=None, target=None):
        if name == "kbench_jupyter":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nowhere)
"""


def test_a_worker_without_this_package_stays_for_others_and_the_run_says_what_to_install(
    server, cluster, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_US)
    cluster.settle(0)
    cluster.env = {"PYTHONPATH": str(tmp_path)}
    cluster.add()
    cluster.env = {}
    has_slots(server, 1)
    server.push("homeless", plain("homeless"))
    state, error = server.creation("homeless")
    assert (state, "has no kbench_jupyter" in error) == ("ERRORED", True)
    assert cluster.workers[0].poll() is None


@pytest.mark.parametrize(
    "wrong", ["10.0.0.5", "http://10.0.0.5:8786", "new:", "new:0", "tcp://host", "tcp://a b:1"]
)
def test_an_address_that_can_be_none_is_told(wrong):
    with pytest.raises(LocalServerError, match="address of a Dask scheduler") as raised:
        check(wrong)
    assert "--cluster" in "\n".join(raised.value.lines())


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalServerError) as raised:
        check("new:2")
    assert "pip install 'kbench-jupyter[cluster]'" in "\n".join(raised.value.lines())


def test_limits_to_prompts_are_read_and_what_cannot_be_is_told(monkeypatch):
    monkeypatch.setenv("KBENCH_PROMPTS", "gpt-5=8, gpt-4=4+60/min, *=600/min")
    assert prompt_limits() == {"gpt-5": Limit(8), "gpt-4": Limit(4, 60), "*": Limit(0, 600)}
    for wrong in ("gpt-5=none", "gpt-5", "gpt-5=60/min+8", "gpt-5=0"):
        monkeypatch.setenv("KBENCH_PROMPTS", wrong)
        with pytest.raises(LocalServerError, match="KBENCH_PROMPTS"):
            prompt_limits()


def test_prompts_keep_to_the_limits_whatever_worker_they_come_from(tmp_path):
    seen = Counter()

    class Quick:
        async def models(self, *, now=False):
            return [Model("quick", "quick", "quick", "lab")]

        async def chat(self, model, body):
            seen["going"] += 1
            seen["most"] = max(seen["most"], seen["going"])
            await asyncio.sleep(0.01)
            seen["going"] -= 1
            return {}

    async def asked(limit, prompts):
        async with (
            Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as head,
            Worker(head.address, host="127.0.0.1", local_directory=str(tmp_path)) as one,
            Worker(head.address, host="127.0.0.1", local_directory=str(tmp_path)) as other,
        ):
            both = [limited([Quick()], {"*": limit}, worker) for worker in (one, other)]
            [model] = await Quick().models()
            start = time.monotonic()
            await asyncio.gather(*(both[n % 2].answer(model, Quick(), {}) for n in range(prompts)))
            return time.monotonic() - start

    own_loop.run(asked(Limit(2), 12))
    assert seen["most"] == 2
    # Two at once and 120 a minute are two each second.
    assert own_loop.run(asked(Limit(2, 120), 6)) >= 2
    assert own_loop.run(asked(Limit(0, 600), 6)) < 60, "within the minute's number nothing is held up"
