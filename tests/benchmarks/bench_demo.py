"""`make demo`, installed: the quickstart from nothing to a table of results, beside what it may take on two cores."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROUNDS = 3
GOAL = 15.0
_SCRIPT = Path(__file__).parents[2] / "notebooks" / "execute.py"
_STEP = re.compile(r"✓ \[ *\d+/\d+\] (.+?) +([\d.]+) s")


def main() -> None:
    """Print medians of the whole and of each step."""
    whole: list[float] = []
    steps: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as output:
            start = time.perf_counter()
            command = [sys.executable, str(_SCRIPT), "quickstart.ipynb", "--output", output]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            whole.append(time.perf_counter() - start)
        for name, seconds in _STEP.findall(done.stdout):
            steps[name].append(float(seconds))
    print(f"  {statistics.median(whole):5.1f} s  the whole (goal: {GOAL:g} s on two cores, otherwise idle)")
    for name, taken in steps.items():
        print(f"  {statistics.median(taken):5.1f} s  {name}")
