"""Try the wheel as others will meet it: ``make package``, or ``python tests/packaging [3.12] [lowest] [binder] ...``.

Builds into ``dist/``, then tries the wheel in clean environments: on each Python it supports that this machine has,
with the newest dependencies and with the lowest that pyproject.toml names, and as Binder installs it. Words
choose some of that. Prints a table, keeps what failed in ``test-artifacts/packaging``, and exits with 1 if anything
did.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import binder_checks
import distributions
import trial
from clean_environments import ROOT, CleanEnvironment, CommandFailed, find_python, supported

LOGS = ROOT / "test-artifacts/packaging"
DIST = ROOT / "dist"
KINDS = ("newest", "lowest")
COLUMNS = ("dockerfile", "core", "local", "quickstart", "tests")


@dataclass
class Row:
    """One line of the table: where the wheel was tried, and how each step went."""

    python: str
    kind: str
    cells: dict[str, str] = field(default_factory=dict)
    failed: bool = False

    def step(self, name: str, do: Callable[[], object]) -> bool:
        """Do one step, unless one before it failed, and take down how it went."""
        if self.failed:
            return False
        print(f"  {self.python} {self.kind}: {name} ...", end=" ", flush=True)
        started = time.monotonic()
        try:
            do()
        except (CommandFailed, AssertionError) as error:
            self.failed = True
            LOGS.mkdir(parents=True, exist_ok=True)
            log = LOGS / f"{self.python}-{self.kind}-{name}.log"
            log.write_text(str(error), encoding="utf-8")
            print(f"failed\n{_end_of(str(error))}\n  All of it: {log}", flush=True)
        else:
            print(f"{time.monotonic() - started:.0f} s", flush=True)
        self.cells[name] = f"{'✗' if self.failed else '✓'} {time.monotonic() - started:.0f} s"
        return not self.failed


def _end_of(text: str, lines: int = 30) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])


def build(scratch: Path) -> None:
    """Build sdist and wheel into ``dist/`` and have twine check them."""
    shutil.rmtree(DIST, ignore_errors=True)
    distributions.build(ROOT, DIST, scratch)
    files = sorted(DIST.iterdir())
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=True)


def try_on(version: str, kind: str, scratch: Path) -> Row:
    """Try the wheel on one Python, with the newest or the lowest dependencies."""
    row = Row(version, kind)
    python = find_python(version)
    if python is None:
        row.cells = {"core": "not on this machine"}
        return row
    there = CleanEnvironment(scratch / f"{version}-{kind}", python)
    wheel = distributions.wheel_in(DIST)
    lowest = kind == "lowest"
    row.step("core", lambda: trial.core(there, wheel, lowest=lowest))
    row.step("local", lambda: trial.local(there, wheel, lowest=lowest))
    row.step("quickstart", lambda: trial.quickstart(there))
    # What a version of a dependency breaks is seen on the Python that the lowest ones were made for.
    if lowest and version == supported()[0]:
        row.step("tests", lambda: trial.unit_tests(there))
    return row


def try_binder(scratch: Path) -> Row:
    """Try what Binder does on the Python it is told to use."""
    version = binder_checks.python_version()
    row = Row(version, "binder")
    python = find_python(version)
    if python is None:
        row.cells = {"core": "not on this machine"}
        return row
    row.step("dockerfile", lambda: binder_checks.read_by_repo2docker(scratch))
    there = CleanEnvironment(scratch / "binder", python, seed=True)
    row.step("quickstart", lambda: binder_checks.try_out(there))
    return row


def table(rows: list[Row]) -> str:
    """Return the rows as an aligned table."""
    lines = [("Python", "dependencies", *COLUMNS)]
    lines += [(row.python, row.kind, *(row.cells.get(name, "·") for name in COLUMNS)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def main() -> int:
    """Build, try, and print the table."""
    chosen = set(sys.argv[1:])
    if unknown := chosen - {*supported(), *KINDS, "binder"}:
        print(f"There is nothing called {', '.join(sorted(unknown))} here.", file=sys.stderr)
        return 2
    only = chosen == {"binder"}
    versions = [version for version in supported() if not chosen & set(supported()) or version in chosen]
    kinds = [kind for kind in KINDS if not chosen & set(KINDS) or kind in chosen]
    with tempfile.TemporaryDirectory(prefix="kbench-package-") as folder:
        scratch = Path(folder)
        build(scratch)
        wanted = [] if only else [(version, kind) for version in versions for kind in kinds]
        rows = [try_on(version, kind, scratch) for version, kind in wanted]
        if not chosen or "binder" in chosen:
            rows.append(try_binder(scratch))
    print(f"\n{table(rows)}\n\nBuilt: {', '.join(path.name for path in sorted(DIST.iterdir()))}")
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
