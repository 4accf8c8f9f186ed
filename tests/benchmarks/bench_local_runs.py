"""A task on the embedded server, with a runner that waits for it and with one that is started for it.

Each round starts two servers of its own: a job after the first may find the next runner half ready.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sides import in_turns, report

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from local_server_process import PROXY, Server, wait_for

ROUNDS = 5
_TASK = """
import kaggle_benchmarks as kbench

@kbench.task(name="Sums")
def sums(llm) -> bool:
    return 1 + 1 == 2

sums.run(kbench.llm)
"""
_KERNEL = "ipykernel_launcher"


def _kernel_is_idle(server: Any) -> bool:
    """Whether a kernel waits that has nothing left to import."""
    for process in server.family():
        if _KERNEL in " ".join(process.cmdline()):
            before = sum(process.cpu_times()[:2])
            time.sleep(0.5)  # what is measured here is that it does nothing
            return sum(process.cpu_times()[:2]) - before < 0.05
    return False


def _created(*, ahead: bool) -> Callable[[], float]:
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder) / "home", ahead=ahead)
            try:
                if ahead:
                    server.call("CreateDefaultModelProxyToken", {}, PROXY)
                    wait_for(lambda: _kernel_is_idle(server), 120, "a kernel that waits")
                start = time.perf_counter()
                server.push("sums", _TASK)
                assert server.creation("sums")[0] == "COMPLETED"
                return time.perf_counter() - start
            finally:
                server.stop()

    return run


def main() -> None:
    """Print medians, from the push to a version that is created."""
    report(
        in_turns(
            {"a runner waits": _created(ahead=True), "a runner is started": _created(ahead=False)}, ROUNDS
        )
    )
