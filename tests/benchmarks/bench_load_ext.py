"""How long loading takes in a fresh shell: the extension, and later what reads notebooks; beside plain imports."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 15

_SHELL = """\
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter()
{work}
print((time.perf_counter() - start) * 1000)
"""

GROUPS = (
    {
        "%load_ext kbench_jupyter": "shell.run_line_magic('load_ext', 'kbench_jupyter')",
        "import requests, jupytext, ipywidgets": "import requests, jupytext, ipywidgets",
        "import pandas": "import pandas",
    },
    {
        "nbformat and jupytext, as we import them": (
            "from kbench_jupyter.quick_import import load; load('nbformat'); load('jupytext')"
        ),
        "import nbformat, jupytext": "import nbformat, jupytext",
    },
)


def once(work: str) -> float:
    """Return milliseconds that `work` takes in a new process with a shell."""
    done = subprocess.run(
        [sys.executable, "-c", _SHELL.format(work=work)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Print the median of each case and its ratio to ours, the first of its group."""
    for group in GROUPS:
        report_ms(group)


def report_ms(cases: dict[str, str]) -> None:
    """Measure cases in turns."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(ROUNDS + 1):
        for name, work in cases.items():
            if (took := once(work)) and round_:  # the first round only warms the disk cache
                times[name].append(took)
    ours = statistics.median(next(iter(times.values())))
    for name, taken in times.items():
        median = statistics.median(taken)
        print(
            f"{name:<40} {median:8.1f} ms  (min {min(taken):.1f}, max {max(taken):.1f})  {median / ours:6.1f} x"
        )
