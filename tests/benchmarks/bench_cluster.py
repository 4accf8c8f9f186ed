"""Runs of a task that waits for its model, on more and more slots: two workers of a cluster, beside plain processes.

Ideal is a run that takes no longer than its model, so that each slot ends one whenever that has answered. A run also
takes some 0.9 s of a core, and on one machine many slots soon wait for cores instead. So the model takes so long
to answer that all slots together need no more than `MOST` of the cores; ``BENCH_WAIT=1`` has it answer after a second.
That is its mean: as models do, it answers now sooner and now later, or all slots would ask for the cores at once.
``BENCH_RUNS`` is how many runs each line takes, two for each slot at least; else three. The first is never counted.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from json_endpoint import JsonHandler, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from dask_cluster import DaskCluster
from local_server_process import LOCAL, Server, wait_for

SLOTS = (2, 4, 8, 16)
CORES = os.cpu_count() or 1
MOST = 0.6
"""How much of the cores the runs may take together."""
_A_RUN = 0.9
"""Seconds of a core that a run takes, about: from which the wait comes. What it really took is printed."""
WAIT = float(os.environ.get("BENCH_WAIT") or max(1, round(SLOTS[-1] * _A_RUN / (MOST * CORES))))
"""Seconds that the model takes to answer, on average: from half to one and a half times as many."""
_CHANCE = random.Random(1)
_AT_ONCE, _SLOW = "lab/at-once", "lab/slow"
_TASK = """
import os

import kaggle_benchmarks as kbench

print("It begins.", flush=True)

@kbench.task(name="waits")
def waits(llm) -> bool:
    if "lab" in os.environ["LLM_DEFAULT"]:
        print(llm.prompt("What is 1 + 1?"))
    return True

waits.run(kbench.llm)
"""


class _Model(JsonHandler):
    def do_GET(self) -> None:
        self.answer({"data": [{"id": model} for model in (_AT_ONCE, _SLOW)]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seconds = WAIT * _CHANCE.uniform(0.5, 1.5) if asked["model"] == _SLOW else 0
        time.sleep(seconds)  # what is measured is how much more a run takes
        message = {"role": "assistant", "content": f"1 + 1 is 2, after {seconds:.3f} s."}
        usage = {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        about = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        self.answer({**about, "choices": [choice], "usage": usage})


@contextmanager
def _server(where: str, slots: int, endpoint: str) -> Iterator[tuple[Server, dict[str, psutil.Process]]]:
    """Provide a server, and the processes whose time is of interest."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        options, others = ["--workers", str(slots)], {}
        if where == "cluster":
            cluster = DaskCluster(Path(folder))
            stack.callback(cluster.stop)
            cluster.add(2, "--nthreads", str(slots // 2))
            options = ["--cluster", cluster.address]
            others = {f"worker {n}": psutil.Process(one.pid) for n, one in enumerate(cluster.workers)}
            others["scheduler"] = psutil.Process(cluster.scheduler.pid)
        server = Server(Path(folder) / "home", *options, env={"KBENCH_UPSTREAM_URL": endpoint}, ahead=True)
        stack.callback(server.stop)
        wait_for(lambda: _status(server)["workers"] == slots, 120, "slots")
        server.push("waits", _TASK)
        assert server.creation("waits")[0] == "COMPLETED"
        # One on each worker: what they are forked off is there now.
        for run in [_schedule(server, _AT_ONCE) for _ in range(2)]:
            assert server.ended(run, "waits")["state"] == "COMPLETED"
        yield server, {"server": psutil.Process(server.process.pid), **others}


def _measured(where: str, slots: int, endpoint: str) -> dict[str, float]:
    """Return runs a minute, seconds to the first line of a log, and seconds of a core that each run took, of whom."""
    count = max(2 * slots, int(os.environ.get("BENCH_RUNS") or 3 * slots))
    with _server(where, slots, endpoint) as (server, processes):
        start = time.perf_counter()
        runs = [_schedule(server, _SLOW)]
        log = server.home / "runs" / str(runs[0]) / "log.jsonl"
        while not (log.exists() and log.read_text()):
            time.sleep(0.01)
        first = time.perf_counter() - start
        runs += [_schedule(server, _SLOW) for _ in range(count - 1)]
        _until_left(server, count - slots)
        began, before = time.perf_counter(), _used(processes)
        _until_left(server, 0)
        took, now = time.perf_counter() - began, _used(processes)
        ended = {run["id"]: run for run in server.runs("waits", pageSize=100_000)}
        assert {ended[run]["state"] for run in runs} == {"BENCHMARK_TASK_RUN_STATE_COMPLETED"}
        waited, slot_time = _slot_time([_Span.of(server, ended[run]) for run in runs], slots)
        a_run = {name: (now[name] - before[name]) / (count - slots) for name in now}
        return {
            "efficiency": waited / slot_time, "rate": 60 * slots * (count - slots) / slot_time,
            "ideal": 60 * slots * (count - slots) / waited, "first": first,
            "busy": (now["all"] - before["all"]) / took / CORES, "core": a_run["all"],
            "server": a_run["server"], "scheduler": a_run.get("scheduler", 0),
            "workers": sum(used for name, used in a_run.items() if name.startswith("worker")),
            "memory": processes["server"].memory_info().rss / 2**20,
        }  # fmt: skip


class _Span(NamedTuple):
    """When a run began and ended, and how many seconds of that it waited for its model."""

    begun: float
    ended: float
    waited: float

    @classmethod
    def of(cls, server: Server, run: dict[str, Any]) -> _Span:
        log = (server.home / "runs" / str(run["id"]) / "log.jsonl").read_text()
        answer = re.search(r"after ([\d.]+) s", log)
        assert answer is not None, log
        begun, ended = (datetime.fromisoformat(run[name]).timestamp() for name in ("startTime", "endTime"))
        return cls(begun, ended, float(answer[1]))


def _slot_time(spans: list[_Span], slots: int) -> tuple[float, float]:
    """Return how long all runs but each slot's first waited for a model, and had a slot: since its last run."""
    counted = sorted(spans)[slots:]
    freed = sorted(span.ended for span in spans)[: len(counted)]
    return sum(span.waited for span in counted), sum(span.ended for span in counted) - sum(freed)


def _status(server: Server) -> dict[str, Any]:
    return dict(server.call("GetStatus", {"brief": True}, LOCAL))


def _until_left(server: Server, runs: int) -> None:
    while (about := _status(server))["going"] + about["waiting"] > runs:
        time.sleep(0.25)  # each look takes the server some milliseconds


def _used(processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Return the seconds of a core that each process has used, without its children, and all of the machine."""
    times = psutil.cpu_times()
    used = {name: float(sum(process.cpu_times()[:2])) for name, process in processes.items()}
    return {**used, "all": float(times.user + times.nice + times.system)}


def _schedule(server: Server, model: str) -> int:
    body = {
        "taskSlugs": [{"taskSlug": "waits"}],
        "modelVersionSlugs": [model.partition("/")[2]],
        "enqueue": True,
        "skipPolicy": "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL",
    }
    return int(server.call("BatchScheduleBenchmarkTaskRuns", body)["results"][0]["runId"])


def main() -> None:
    """Print a line for each number of slots and each executor."""
    print(
        f"  {CORES} cores; the model answers after {WAIT:g} s. Runs a minute: measured, and of slots that only wait;"
    )
    print(
        "  of the cores: how much all was busy, and seconds of one a run: in all, the server's, scheduler's, workers'"
    )
    print(
        "  slots  where       runs   ideal  efficiency  first line  busy  a run  server  scheduler  workers  server"
    )
    with serving(_Model) as endpoint:
        for slots in SLOTS:
            for where in ("processes", "cluster"):
                found = _measured(where, slots, endpoint)
                print(f"  {slots:>5}  {where:<9}{_line(found)}", flush=True)


def _line(found: dict[str, float]) -> str:
    return (
        f" {found['rate']:>7.1f} {found['ideal']:>7.1f} {found['efficiency']:>11.0%}  {found['first']:>8.2f} s "
        f" {found['busy']:>4.0%}  {found['core']:>5.2f}  {found['server']:>6.3f}  {found['scheduler']:>9.3f} "
        f" {found['workers']:>7.3f}  {found['memory']:>3.0f} MB"
    )


if __name__ == "__main__":
    main()
