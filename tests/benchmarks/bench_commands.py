"""Whole commands beside the official client's, against one server with 50 ms of latency.

The first command of a session, imports and all, beside importing requests alone. status, also of many runs; models, the
logs of 40 runs of 5,000 lines (into a file: what a notebook would be given is capped), the download of 40 runs of
0.5 MB. Beside each stands what the wire alone takes: bare sockets that wait for the same round trips and read the same
bytes, as many at a time as ours, and one for each run. The official client's output goes to a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from official_client import OfficialClient
from prepared_server import LATENCY, LINES, MANY, MODELS, OUTPUT, PAGE, RUNS, serving
from sides import Call, in_turns, report, warm_kernel, warm_official, whole_commands, wire_at_once, wire_limit

from kbench_jupyter.actions.download import WORKERS
from kbench_jupyter.actions.log import WORKERS as LOG_WORKERS

#: What is measured: a title, our command, the official one, rounds.
CASES = (
    ("status of a task with 40 runs", "status quiz", "b t status quiz", 9),
    (f"status of a task with {MANY} runs, {PAGE} a page", "status long", "b t status long", 5),
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
PAGES: list[Call] = [
    ("ListBenchmarkTaskRuns", {"taskSlug": {"taskSlug": "long"}, "skip": skip})
    for skip in range(0, MANY, PAGE)
]
LOGS: list[Call] = [("GetBenchmarkTaskRunLogs", {"runId": run}) for run in range(1, RUNS + 1)]
OUTPUTS: list[Call] = [("DownloadBenchmarkTaskRunOutput", {"runId": run}) for run in range(1, RUNS + 1)]


def limits(url: str, magic: str) -> dict[str, Callable[[], float]]:
    """Return the sides that say what the wire alone takes: round trips one after the other, and all the bytes."""
    if magic == "status long":
        return {
            "  the wire alone, a page and then the others at once": lambda: wire_limit(
                url, PAGES[0], PAGES[1:], 7
            )
        }
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


#: A session's first command, once its shell is there, drawn in both forms; and what requests costs alone.
_FIRST = """\
import contextlib, io, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter()
shell.run_line_magic("load_ext", "kbench_jupyter")
with contextlib.redirect_stdout(io.StringIO()):
    shell.run_line_magic("kbench", "status quiz")._repr_mimebundle_()
print(time.perf_counter() - start)
"""
_REQUESTS = "import time; start = time.perf_counter(); import requests; print(time.perf_counter() - start)"


def first_commands(url: str, home: Path) -> dict[str, Callable[[], float]]:
    """Return the sides that run code in a new process each time."""
    home.mkdir()
    env = {
        # Python's own files are compiled, and an installed package's: ours are then, too, by the first round.
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "HOME": str(home),
        "KBENCH_API_URL": url,
        "KBENCH_HOME": str(home / "state"),
        "KAGGLE_API_TOKEN": "good",
    }

    def run(code: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=home, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    return {
        "%load_ext and %kbench status quiz": lambda: run(_FIRST),
        "  import requests, without IPython": lambda: run(_REQUESTS),
    }


def main() -> None:
    """Print each case's medians and ratios."""
    print(f"Each request is answered after {LATENCY * 1000:.0f} ms; ratios to ours.")
    with tempfile.TemporaryDirectory(prefix="kbench-bench-") as folder, serving() as url:
        print("\nthe first command of a session (medians of 9, in turns)")
        report(in_turns(first_commands(url, Path(folder, "first")), 9))
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
