"""Whole commands beside the official client's, against one server with 50 ms of latency.

status, models, the logs of 40 runs of 5,000 lines (into a file: what a notebook would be given is capped), the
download of 40 runs of 0.5 MB, beside what the wire takes for them: bare sockets, as many at a time as ours, and
one for each. The official client's output goes to a pipe.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from official_client import OfficialClient
from prepared_server import LATENCY, LINES, MODELS, OUTPUT, RUNS, serving
from sides import Call, in_turns, report, warm_kernel, warm_official, whole_commands, wire_limit

from kbench_jupyter.actions.download import WORKERS

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

#: The calls of our status and download, for `wire_limit`.
TASK: Call = ("GetBenchmarkTask", {"slug": {"taskSlug": "quiz"}})
LIST: Call = ("ListBenchmarkTaskRuns", {"taskSlug": {"taskSlug": "quiz"}})
OUTPUTS: list[Call] = [("DownloadBenchmarkTaskRunOutput", {"runId": run}) for run in range(1, RUNS + 1)]


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
                if magic.startswith("status"):
                    sides["  two bare calls, one after the other"] = lambda: wire_limit(url, TASK, [LIST], 1)
                if magic.startswith("download"):
                    for together in (WORKERS, RUNS):
                        sides[f"  the wire alone, {together} at a time"] = lambda together=together: (
                            wire_limit(url, LIST, OUTPUTS, together)
                        )
                print(f"\n{title} (medians of {rounds}, in turns)")
                report(in_turns(sides, rounds))
