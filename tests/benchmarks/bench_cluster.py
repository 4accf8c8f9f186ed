"""Runs of a task that waits a second, on more and more slots: a cluster on this machine beside plain processes.

``BENCH_RUNS`` is how many runs each line is measured with. A run takes seconds of a processor to start its kernel, so
on one machine the ideal is what its processors allow, not its slots.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from local_server_process import LOCAL, MODEL, Server, plain, wait_for

RUNS = int(os.environ.get("BENCH_RUNS", "40"))
SLOTS = (2, 4, 8, 16)
_BODY = {
    "taskSlugs": [{"taskSlug": "waits"}],
    "modelVersionSlugs": [MODEL],
    "enqueue": True,
    "skipPolicy": "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL",
}


def _measured(slots: int, *options: str) -> tuple[float, float, float, float]:
    """Return runs a minute, seconds to the first log line, and the server's own CPU seconds a run and MB."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home", *options)
        try:
            wait_for(
                lambda: server.call("GetStatus", {"brief": True}, LOCAL)["workers"] == slots, 120, "slots"
            )
            server.push("waits", plain("waits", "print('begun', flush=True)\nimport time\ntime.sleep(1)"))
            assert server.creation("waits")[0] == "COMPLETED"
            own = psutil.Process(server.process.pid)
            before, start = sum(own.cpu_times()[:2]), time.perf_counter()
            runs = [_schedule(server) for _ in range(RUNS)]
            log = server.home / "runs" / str(runs[0]) / "log.jsonl"
            wait_for(lambda: log.exists() and log.read_text(), 120, "the first line")
            first = time.perf_counter() - start
            for run in runs:
                assert server.ended(run, "waits", timeout=1200)["state"] == "COMPLETED"
            minutes = (time.perf_counter() - start) / 60
            cpu = sum(own.cpu_times()[:2]) - before
            return RUNS / minutes, first, cpu / RUNS, own.memory_info().rss / 2**20
        finally:
            server.stop()


def _schedule(server: Server) -> int:
    return int(server.call("BatchScheduleBenchmarkTaskRuns", _BODY)["results"][0]["runId"])


def main() -> None:
    """Print a line for each number of slots and each executor."""
    print(f"{RUNS} runs each, {os.cpu_count()} processors")
    print(
        f"{'slots':>5}  {'where':<10} {'runs/min':>8} {'first line':>10} {'server CPU/run':>14} {'server':>8}"
    )
    for slots in SLOTS:
        for where, options in (
            ("processes", ["--workers", str(slots)]),
            ("cluster", ["--cluster", f"new:{slots}"]),
        ):
            rate, first, cpu, memory = _measured(slots, *options)
            print(
                f"{slots:>5}  {where:<10} {rate:>8.0f} {first:>8.1f} s {cpu:>12.3f} s {memory:>5.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
