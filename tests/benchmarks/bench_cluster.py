"""Runs of a task that waits a second, on more and more slots: a cluster on this machine beside plain processes.

A run takes more than a second of a core to start its kernel, so that on one machine the cores are the limit long before
the slots are. So beside the ideal (each slot ends a run a second) stands what the cores allow, and what does not hang
on them: the time that server and scheduler need for a run. ``BENCH_RUNS`` is how many runs each line takes.
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

RUNS = int(os.environ.get("BENCH_RUNS", "32"))
SLOTS = (2, 4, 8, 16)
_BODY = {
    "taskSlugs": [{"taskSlug": "waits"}],
    "modelVersionSlugs": [MODEL],
    "enqueue": True,
    "skipPolicy": "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL",
}


def _measured(slots: int, *options: str) -> dict[str, float]:
    """Return runs a minute, seconds to the first log line, and a core's for each run: in all, and of which process."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home", *options, ahead=True)
        try:
            wait_for(
                lambda: server.call("GetStatus", {"brief": True}, LOCAL)["workers"] == slots, 120, "slots"
            )
            server.push("waits", plain("waits", "print('begun', flush=True)\nimport time\ntime.sleep(1)"))
            assert server.creation("waits")[0] == "COMPLETED"
            own = psutil.Process(server.process.pid)
            heads = [one for one in server.family() if "new_cluster" in " ".join(one.cmdline())][:1]
            before = [_used(own), sum(map(_used, heads)), _busy()]
            start = time.perf_counter()
            runs = [_schedule(server) for _ in range(RUNS)]
            log = server.home / "runs" / str(runs[0]) / "log.jsonl"
            wait_for(lambda: log.exists() and log.read_text(), 120, "the first line")
            first = time.perf_counter() - start
            for run in runs:
                assert server.ended(run, "waits", timeout=1200)["state"] == "COMPLETED"
            took = time.perf_counter() - start
            now = [_used(own), sum(map(_used, heads)), _busy()]
            server_cpu, head_cpu, cpu = ((b - a) / RUNS for a, b in zip(before, now, strict=True))
            memory = own.memory_info().rss / 2**20
            return {
                "rate": 60 * RUNS / took, "first": first, "cpu": cpu, "server": server_cpu, "head": head_cpu,
                "memory": memory,
            }  # fmt: skip
        finally:
            server.stop()


def _used(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _busy() -> float:
    """Return the seconds that all cores have been busy, whoever with."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def _schedule(server: Server) -> int:
    return int(server.call("BatchScheduleBenchmarkTaskRuns", _BODY)["results"][0]["runId"])


def main() -> None:
    """Print a line for each number of slots and each executor."""
    cores = os.cpu_count() or 1
    print(
        f"{RUNS} runs each, {cores} cores; a minute: what was measured, what the slots and what the cores allow"
    )
    print("slots  where       runs  slots  cores  first line  core a run  server's  scheduler's    server")
    for slots in SLOTS:
        for where, options in (
            ("processes", ["--workers", str(slots)]),
            ("cluster", ["--cluster", f"new:{slots}"]),
        ):
            found = _measured(slots, *options)
            print(
                f"{slots:>5}  {where:<10} {found['rate']:>5.0f} {60 * slots:>6} {60 * cores / found['cpu']:>6.0f}"
                f"  {found['first']:>8.1f} s  {found['cpu']:>8.2f} s  {found['server']:>6.3f} s"
                f"  {found['head']:>9.3f} s  {found['memory']:>5.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
