"""Small runs on the embedded server: forked off a template, and in processes started for them.

How many go a minute, two at a time, on models that answer at once; what one run costs; and how long it is from a click
to the first line of the log.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from json_endpoint import JsonHandler, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from local_server_process import PROXY, Server, wait_for

FORKED, STARTED = 10, 1
"""Tasks of each kind, each run on every model: those that are started take too long for as many."""
CLICKS = 3
# Few: in a started run the task SDK's client of each model there is reads certificates, 15 to 35 ms each.
_MODELS = [f"lab/quick-{number}" for number in range(10)]
# What it is created with is the small model, which takes its time.
_CLICKED = "clicked"
_TASK = """
import os

import kaggle_benchmarks as kbench

print("It begins.", flush=True)

@kbench.task(name="{name}")
def sums(llm) -> bool:
    return "quick" not in os.environ["LLM_DEFAULT"] or "2" in llm.prompt("What is 1 + 1?")

sums.run(kbench.llm)
"""


class _Model(JsonHandler):
    def do_GET(self) -> None:
        self.answer({"data": [{"id": model} for model in _MODELS]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": "1 + 1 is 2."}
        usage = {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        about = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        self.answer({**about, "choices": [choice], "usage": usage})


@contextmanager
def _server(endpoint: str, tasks: int, *options: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home", *options, env={"KBENCH_UPSTREAM_URL": endpoint}, ahead=True)
        try:
            server.call("CreateDefaultModelProxyToken", {}, PROXY)
            wait_for(lambda: _idle(server), 120, "all to be imported")
            start = time.perf_counter()
            for name in (_CLICKED, *_tasks(tasks)):
                server.push(name, _TASK.replace("{name}", name))
                assert server.creation(name) == ("COMPLETED", "")
            took = (time.perf_counter() - start) / (tasks + 1)
            print(f"  {_named(options)}: created in {took:.2f} s each", flush=True)
            yield server
        finally:
            server.stop()


def _tasks(count: int) -> list[str]:
    return [f"sums-{number}" for number in range(count)]


def _named(options: tuple[str, ...]) -> str:
    return "started" if options else "forked"


def _idle(server: Server) -> bool:
    """Whether what waits has nothing left to import."""
    family = server.family()
    before = _used(family)
    time.sleep(0.5)  # what is measured here is that nothing happens
    return before > 2 and _used(family) - before < 0.05


def _used(family: list[psutil.Process]) -> float:
    used = 0.0
    for process in family:
        try:
            used += sum(process.cpu_times()[:2])
        except psutil.Error:
            return 0.0
    return used


def _busy() -> float:
    """Return the seconds that all cores have been busy, other processes' among them."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def _minute(server: Server, tasks: int) -> dict[str, float]:
    """Return runs a minute, seconds of a core for each, and the most memory that all of the server's processes took."""
    start, used, memory, count = time.perf_counter(), _busy(), 0, tasks * len(_MODELS)
    for name in _tasks(tasks):
        asked = server.schedule(name, *(model.partition("/")[2] for model in _MODELS))
        assert all(one["runScheduled"] for one in asked)

    looks = itertools.count()

    def all_ended() -> list[Any]:
        nonlocal memory
        # Looking takes a core's time, too: memory most of all.
        if next(looks) % 20 == 10:
            memory = max(memory, sum(map(_memory, server.family())))
        time.sleep(0.5)
        runs = [run for name in _tasks(tasks) for run in server.runs(name, pageSize=1000)]
        return [] if [run for run in runs if run["state"].endswith(("QUEUED", "RUNNING"))] else runs

    runs = wait_for(all_ended, 600, "all runs to end")
    took, used = time.perf_counter() - start, _busy() - used
    assert {run["state"] for run in runs} == {"BENCHMARK_TASK_RUN_STATE_COMPLETED"}
    return {"rate": 60 * count / took, "cores": used / count, "memory": memory / 2**20}


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _click(server: Server, model: str) -> tuple[float, float]:
    """Return the seconds from a click to the first line of the log, and to the run's end."""
    start = time.perf_counter()
    server.schedule(_CLICKED, model.partition("/")[2])
    run = max(server.runs(_CLICKED, pageSize=1000), key=lambda one: one["id"])["id"]
    wait_for(lambda: not server.run(run, _CLICKED)["state"].startswith("QUEUED"), 60, "the run to begin")
    with server.post("GetBenchmarkTaskRunLogs", {"runId": run}, stream=True) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith(b"data: {") and b"It begins" in line)
        next(lines)
        first = time.perf_counter() - start
        for _ in answer.iter_lines():
            pass
    return first, time.perf_counter() - start


def main() -> None:
    """Print the ratio first, then what each way takes."""
    with (
        serving(_Model) as endpoint,
        _server(endpoint, FORKED) as forked,
        _server(endpoint, STARTED, "--no-fork") as started,
    ):
        sides = {"forked": forked, "started": started}
        clicks: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for number in range(CLICKS):
            for name, server in sides.items():
                wait_for(lambda one=server: _idle(one), 120, "it to be idle")
                clicks[name].append(_click(server, _MODELS[number]))
        done = {"started": _minute(started, STARTED), "forked": _minute(forked, FORKED)}
    ratio = done["forked"]["rate"] / done["started"]["rate"]
    print(f"  runs a minute, two at a time: {ratio:.1f} x  ({os.cpu_count()} cores)")
    for name, found in done.items():
        first, whole = (statistics.median(column) for column in zip(*clicks[name], strict=True))
        print(
            f"  {name:<10} {found['rate']:6.1f} a minute, {found['cores']:5.2f} s of a core a run, "
            f"{found['memory']:5.0f} MB (PSS) with the server; one alone: first line after {first:.2f} s, "
            f"its end after {whole:.2f} s"
        )


if __name__ == "__main__":
    main()
