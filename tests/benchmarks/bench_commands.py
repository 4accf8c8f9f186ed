"""Whole commands beside the official client's, against one server with 50 ms of latency.

status, models, the logs of 40 runs of 5,000 lines (into a file: what a notebook would be given is capped), the
download of 40 runs of 0.5 MB. Beside each stands what the wire alone takes: bare sockets that wait for the same round
trips and read the same bytes, as many at a time as ours, and one for each run. The official client's
output goes to a pipe.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from official_client import OfficialClient
from prepared_server import LATENCY, LINES, MODELS, OUTPUT, RUNS, serving
from sides import Call, in_turns, report, warm_kernel, warm_official, whole_commands, wire_at_once, wire_limit

from kbench_jupyter.actions.download import WORKERS
from kbench_jupyter.actions.log import WORKERS as LOG_WORKERS

#: What is measured: a title, our command, the official one, rounds.
CASES = (
    ("status of a task with 40 runs", "status quiz", "b t status quiz", 9),
    (f"models, {MODELS} of them", "models", "b t models", 9),
    (f"logs of {RUNS} runs of {LINES:,} lines", "log quiz -o log.txt --force", "b t log quiz", 5),
    (
        f"download of {RUNS} runs of {OUTPUT / 1e6:g} MB",
        "download quiz -o out -f",
        "b t download quiz -o out -f",
        5,
    ),
)

#: The calls of our commands, for `wire_limit`.
TASK: Call = ("GetBenchmarkTask", {"slug": {"taskSlug": "quiz"}})
LIST: Call = ("ListBenchmarkTaskRuns", {"taskSlug": {"taskSlug": "quiz"}})
LOGS: list[Call] = [("GetBenchmarkTaskRunLogs", {"runId": run}) for run in range(1, RUNS + 1)]
OUTPUTS: list[Call] = [("DownloadBenchmarkTaskRunOutput", {"runId": run}) for run in range(1, RUNS + 1)]


def limits(url: str, magic: str) -> dict[str, Callable[[], float]]:
    """Return the sides that say what the wire alone takes: round trips one after the other, and all the bytes."""
    if magic.startswith("status"):
        return {
            "  the wire alone, two calls at once": lambda: wire_at_once(url, [TASK, LIST]),
            "  one after the other": lambda: wire_limit(url, TASK, [LIST], 1),
        }
    calls, ours = (LOGS, LOG_WORKERS) if magic.startswith("log") else (OUTPUTS, WORKERS)
    if magic.startswith("models"):
        return {}
    return {
        f"  the wire alone, {together} at a time": lambda together=together: wire_limit(
            url, LIST, calls, together
        )
        for together in (ours, RUNS)
    }


def main() -> None:
    """Print each case's medians and ratios."""
    print(f"Each request is answered after {LATENCY * 1000:.0f} ms; ratios to ours.")
    with tempfile.TemporaryDirectory(prefix="kbench-bench-") as folder, serving() as url:
        official = OfficialClient(url, "good", Path(folder, "official"))
        cold = whole_commands(official)
        with warm_kernel(url, Path(folder, "ours")) as ours, warm_official(official) as warm:
            for title, magic, command, rounds in CASES:
                sides = {
                    f"%kbench {magic}": lambda magic=magic: ours(magic),
                    f"kaggle {command}": lambda command=command: cold(command),
                    "  the same without process start": lambda command=command: warm(command),
                }
                sides |= limits(url, magic)
                print(f"\n{title} (medians of {rounds}, in turns)")
                report(in_turns(sides, rounds))
