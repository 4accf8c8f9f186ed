"""What the checks find: seeded mistakes by group, false alarms on correct sources, and the time it takes.

What is not found by reading is dry run, each in a kernel of its own: this takes some minutes.
The mistakes are those of ``tests/validation/seeded_mistakes.py``; found is read strictly (``verdicts.py`` beside it).
Correct are the SDK's own examples, which are fetched from the package index, the patterns, and the tests' tasks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "validation"))

import bench_thousand_cells
from correct_tasks import CORRECT
from seeded_mistakes import GROUPS, MISTAKES, NOTEBOOKS
from verdicts import dry_run, found_by_reading, found_by_running

import kbench_jupyter
from kbench_jupyter.notebook.files import percent_task_source
from kbench_jupyter.validation import check

SOURCES, ROUNDS = 109, 5
_SDK = "kaggle_benchmarks"
#: Rules on what runs well here, and what the server takes only one or none of: stored tasks, models by name.
_REFUSED = {"KB102", "KB105", "KB106", "KB110", "KB301"}


def main() -> None:
    """Print what is found, what is not, what is reported of correct sources, and times."""
    read = {mistake.name: {finding.severity for finding in found_by_reading(mistake)} for mistake in MISTAKES}
    todo = {mistake.name: mistake.wrong for mistake in MISTAKES if not read[mistake.name]}
    said = _dry_runs({**NOTEBOOKS, **todo})
    ran = {m.name for m in MISTAKES if m.name in todo and found_by_running(m, said[m.name])}
    _report_found(read, ran)
    alarms = [f"{name}: {said[name].splitlines()[0]}" for name in NOTEBOOKS if said[name]]
    print(
        f"  Dry runs of {len(NOTEBOOKS)} tasks without their mistake: {len(alarms)} false alarms",
        *alarms,
        sep="\n    ",
    )
    correct = {
        "tasks without their mistake": list(NOTEBOOKS.values()),
        "correct tasks of the tests": [
            "\n\n".join(f"# %%\n{cell}" for cell in cells) for cells in CORRECT.values()
        ],
        "the patterns": [path.read_text() for path in _patterns()],
        f"examples of {_SDK} {version(_SDK)}": _examples(),
    }
    _report_alarms(correct)
    _report_times([text for texts in correct.values() for text in texts])


def _dry_runs(texts: dict[str, str]) -> dict[str, str]:
    """Run notebooks on the stand-in model, as many at once as there are processors; kernels take their time."""
    start, every = time.monotonic(), max(1, len(texts) // 10)
    with (
        tempfile.TemporaryDirectory() as home,
        ProcessPoolExecutor(initializer=_at_home, initargs=(home,)) as pool,
    ):
        pending = {pool.submit(dry_run, text): name for name, text in texts.items()}
        said = {}
        for done in as_completed(pending):
            said[pending[done]] = done.result()
            if len(said) % every == 0 or len(said) == len(texts):
                print(f"  {len(said)} of {len(texts)} dry runs, {time.monotonic() - start:.0f} s", flush=True)
    return said


def _at_home(home: str) -> None:
    # A kernel that waits would take its time from those that run.
    os.environ |= {"KBENCH_HOME": str(Path(home, str(os.getpid()))), "KBENCH_KERNEL_AHEAD": "off"}


def _report_found(read: dict[str, set[str]], ran: set[str]) -> None:
    print(
        f"  {len(MISTAKES)} mistakes: found by reading (as an error, as a warning), and by that or a dry run"
    )
    for group in (*GROUPS, ""):
        names = [mistake.name for mistake in MISTAKES if group in ("", mistake.group)]
        errors = sum("error" in read[name] for name in names)
        found = sum(bool(read[name]) for name in names)
        both = sum(bool(read[name]) or name in ran for name in names)
        share = f"{found:>4} of {len(names):<4} {found / len(names):4.0%}  ({errors}, {found - errors})"
        print(f"  {group or 'all':<12} {share:<30} {both:>4} {both / len(names):4.0%}")
    for where, missed in (("reading, and by a dry run", ran), ("either", set(read) - ran)):
        print(f"  Not found by {where}:" if where == "either" else f"  Found not by {where}:")
        for mistake in MISTAKES:
            if not read[mistake.name] and mistake.name in missed:
                print(f"    {mistake.name} - {mistake.what} ({mistake.effect})")


def _report_alarms(correct: dict[str, list[str]]) -> None:
    print("  Findings on correct sources: errors (beside those of what only the server refuses), warnings")
    for kind, texts in correct.items():
        findings = [finding for text in texts for finding in _check(text)]
        refused = [each for each in findings if each.severity == "error" and each.code in _REFUSED]
        errors = [each for each in findings if each.severity == "error" and each.code not in _REFUSED]
        warnings = len(findings) - len(errors) - len(refused)
        print(f"  {kind:<40} {len(texts):>4} sources {len(errors):>4} (+ {len(refused)}) {warnings:>4}")
        for finding in errors:
            print(f"      {finding.code} {finding.where}: {finding.message}")


def _report_times(texts: list[str]) -> None:
    every = [*texts, *(mistake.wrong for mistake in MISTAKES)][:SOURCES]
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for text in every:
            _check(text)
        taken.append(time.perf_counter() - start)
    print(
        f"  {len(every)} sources in one process: {taken[0]:.2f} s at first, {statistics.median(taken):.2f} s again"
    )
    measure = bench_thousand_cells.sides()["task source and static findings"]
    cells = [measure() for _ in range(ROUNDS)]
    print(f"  {bench_thousand_cells.CELLS:,} cells: {statistics.median(cells):.3f} s (min {min(cells):.3f})")


def _check(text: str) -> list:
    return check(percent_task_source(text, origin="a benchmark"))


def _patterns() -> Iterable[Path]:
    return sorted(Path(kbench_jupyter.__file__).parent.rglob("patterns/[a-z]*.py"))


def _examples() -> list[str]:
    """Return the SDK's examples, from its source package; none, and a sentence, where no index can be reached."""
    wanted = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                [*wanted, "-d", folder, f"{_SDK}=={version(_SDK)}"],
                check=True,
                capture_output=True,
                timeout=300,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            print(
                "  The SDK's examples are left out: its source package could not be fetched from the package index."
            )
            return []
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as package:
            parts = [
                part
                for part in package.getmembers()
                if "/documentation/" in part.name and part.name.endswith(".py")
            ]
            return [
                package.extractfile(part).read().decode()
                for part in sorted(parts, key=lambda part: part.name)
            ]


if __name__ == "__main__":
    main()
