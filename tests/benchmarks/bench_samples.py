"""What 100,000 samples take: reading them once, listing, filtering, paging, opening; beside `json` on the same files.

The runs are made of one that the task SDK wrote here, on the stand-in: ten of 10,000 rows, about 50 MB each.
"""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kbench_jupyter.validation.rehearsal.endpoint import StandIn

RUNS, ROWS = 10, 10_000
SAID = (
    3_700  # characters of an answer, at the most: a sample then has about 5 kB of JSON, as the SDK indents it
)

_TASK = """\
import kaggle_benchmarks as kbench, pandas as pd

@kbench.task(name="One row", store_task=False, store_run=False)
def one(llm, question) -> bool:
    answer = llm.prompt(question)
    kbench.assertions.assert_in("stand", answer, expectation="Says who it is")
    kbench.assertions.assert_not_in("never", answer, expectation="Does not say never")
    return len(answer) > 3

@kbench.task(name="Many rows")
def many(llm) -> tuple[float, float]:
    runs = one.evaluate(llm=[llm], evaluation_data=pd.DataFrame({"question": ["What are you?"] * 2}))
    return sum(bool(run.result) for run in runs) / len(runs), 0.1

many.run(kbench.llm)
"""

# Each step in a process of its own, because a process's peak never goes down.
_MEASURE = """\
import json, re, sys, time
from pathlib import Path

def peak():
    try:
        return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

{prepare}
start, worked = time.perf_counter(), time.process_time()
{step}
print(json.dumps([time.perf_counter() - start, time.process_time() - worked, peak() / 1e6]))
"""
_OPEN = """\
from kbench_jupyter.results.samples import Filter, SampleIndex
index = SampleIndex.open(Path({out!r}), "many")
"""
_WARM = (
    _OPEN
    + "index.keys(Filter(), '', 0, 50); index.transcript(index.keys(limit=1)[0].cells[index.columns()[0]].ids[0])\n"
)
_JSON = "import json\nfiles = sorted(Path({out!r}).rglob('*.run.json'))\n"
_PLAIN = """\
for file in files:
    found = json.loads(file.read_bytes())
    del found
"""

#: What is measured, how it is prepared, and what it does.
STEPS = (
    ("json.load of each file, one after the other", _JSON, _PLAIN),
    ("json.load of all files, kept", _JSON, "kept = [json.loads(file.read_bytes()) for file in files]"),
    (
        "index built",
        "from kbench_jupyter.results.samples import SampleIndex",
        "SampleIndex.open(Path({out!r}), 'many')",
    ),
    (
        "opened again, nothing changed",
        "from kbench_jupyter.results.samples import SampleIndex",
        "SampleIndex.open(Path({out!r}), 'many')",
    ),
    ("listed: all 100,000", _OPEN, "assert sum(1 for _ in index.samples()) == {total}"),
    ("filtered: failed", _OPEN, "assert index.count(Filter(failed=True)) > 0"),
    ("filtered: text", _OPEN, "assert index.count(Filter(text='ROW 77 ')) > 0"),
    ("filtered: differing", _OPEN, "assert index.count_keys(Filter(differing=True)) > 0"),
    ("grid: first page of 50 rows", _OPEN, "index.keys(limit=50)"),
    ("grid: another page of 50 rows", _WARM, "index.keys(offset=5000, limit=50)"),
    ("a transcript opened", _WARM, "index.transcript('1/model-4/5/7321')"),
    ("json.load of its file, for the same", _JSON, "json.loads(files[4].read_bytes())['subruns'][7321]"),
    ("all of %kbench results' rows", _OPEN, "index.rows()"),
)


def main() -> None:
    """Print how long each step took, how much of that this machine worked for it, and the peak of memory."""
    with tempfile.TemporaryDirectory(prefix="kbench-bench-") as folder:
        out = Path(folder, "out")
        size = write_runs(out, template(Path(folder)), RUNS, ROWS)
        print(f"{RUNS * ROWS:,} samples in {RUNS} runs, {size / 1e6:.0f} MB of run files")
        for name, prepare, step in STEPS:
            code = _MEASURE.format(prepare=prepare, step=step.rstrip()).replace("{out!r}", repr(str(out)))
            done = subprocess.run(
                [sys.executable, "-c", code.replace("{total}", str(RUNS * ROWS))],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(done.stderr)
            seconds, worked, peak = json.loads(done.stdout.splitlines()[-1])
            print(
                f"  {name:<44} {seconds * 1000:10,.1f} ms, {worked * 1000:9,.1f} of it at work   peak {peak:4.0f} MB"
            )
        print(f"  the index takes {(out / 'many/.kbench-samples.sqlite').stat().st_size / 1e6:.0f} MB")


def template(folder: Path) -> dict[str, Any]:
    """Return a run of two rows as the task SDK writes it."""
    work = folder / "template"
    work.mkdir()
    (work / "task.py").write_text(_TASK)
    with StandIn() as stand_in:
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **stand_in.environment()}
        subprocess.run([sys.executable, "task.py"], cwd=work, env=env, check=True, capture_output=True)
    [file] = work.glob("Many_rows-*.run.json")
    run: dict[str, Any] = json.loads(file.read_text())
    return run


def write_runs(out: Path, run: dict[str, Any], runs: int, rows: int) -> int:
    """Write downloads of runs with so many rows each, a candidate each; return the bytes."""
    dice = random.Random(7)
    size = 0
    for number in range(runs):
        place = out / f"many/1/model-{number}/{number + 1}"
        place.mkdir(parents=True)
        subruns = [_row(run["subruns"][0], row, dice) for row in range(rows)]
        text = json.dumps({**run, "subruns": subruns}, indent=2)
        (place / "Many_rows-run.run.json").write_text(text)
        size += len(text)
    return size


def _row(subrun: dict[str, Any], row: int, dice: random.Random) -> dict[str, Any]:
    made = copy.deepcopy(subrun)
    made["pyRunId"] = f"One row-Run #{row + 1}"
    asked, answered = made["conversations"][0]["requests"][0]["contents"]
    asked["parts"][0]["text"] = f"This is row {row} of the questions. What are you? " + "Think of it. " * 20
    answered["parts"][0]["text"] = "a word or two " * dice.randrange(SAID // 14) + str(dice.random())
    made["results"][0]["booleanResult"] = dice.random() < 0.7
    return made


if __name__ == "__main__":
    main()
