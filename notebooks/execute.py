"""Execute notebooks of this folder headless, against an embedded server started for them and stopped after.

    python notebooks/execute.py quickstart.ipynb --output demo-output
    python notebooks/execute.py --output notebooks-output        # all of them

One notebook is written, executed, to the output folder, which is also the working directory of its kernel; several
get a folder each in it. Nothing outside of it and a temporary folder is touched. Exits with 1 if a cell fails.

Notebooks that need an ability the small model lacks say so in their metadata (``kbench.stand_in``); for them the server
gets a stand-in for a model that has it (`stand_in.py`), as the default model or beside the small one. Where
``KBENCH_UPSTREAM_URL`` is set, that endpoint takes its place, with the model that ``LLM_DEFAULT`` names.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import stand_in

from kbench_jupyter.execution import (
    CellFailed,
    CellFinished,
    CellOutput,
    CellStarted,
    Event,
    Outcome,
    execute_notebook,
)
from kbench_jupyter.quick_import import load
from kbench_jupyter.session import envfile, local_server

nbformat = load("nbformat")
HERE = Path(__file__).parent
TIMEOUT = 600.0


class Steps:
    """A live line for each code cell: its step's name, what it last said, how long it took."""

    def __init__(self, notebook: nbformat.NotebookNode) -> None:
        self.names = step_names(notebook)
        self.total = len(self.names)
        self.position = 0
        self.started = 0.0
        self.live = sys.stdout.isatty()

    def __call__(self, event: Event) -> None:
        if isinstance(event, CellStarted):
            self.position += 1
            self.started = time.monotonic()
            self.draw(event.index, "…", end="")
        elif isinstance(event, CellOutput) and self.live:
            lines = re.split(r"[\r\n]", event.text.strip())
            self.draw(event.index, "…", re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]), end="")
        elif isinstance(event, CellFinished):
            self.draw(event.index, "✓")
        elif isinstance(event, CellFailed):
            self.draw(event.index, "✗", event.summary)

    def draw(self, index: int, sign: str, said: str = "", end: str = "\n") -> None:
        if sign == "…" and not self.live:
            return
        took = time.monotonic() - self.started
        line = f"{sign} [{self.position:2}/{self.total}] {self.names[index]:<18} {took:5.1f} s  {said}"
        width = shutil.get_terminal_size().columns - 1
        print(
            ("\r" + line[:width].ljust(width)).rstrip() if end else "\r" + line[:width].ljust(width),
            end=end,
            flush=True,
        )


def step_names(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """Name each code cell by the bold words that begin the text before it, else by its first line."""
    names, bold = {}, None
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            found = re.match(r"\*\*(.+?)\.?\*\*", cell.source)
            bold = found[1] if found else None
        elif cell.cell_type == "code" and cell.source.strip():
            names[index] = bold or cell.source.strip().splitlines()[0][:18]
            bold = None
    return names


def environment(home: Path, notebook: Path) -> dict[str, str]:
    """Return the kernel's environment: this one's, without anything of Kaggle's, with the local target."""
    foreign = ("KAGGLE_", "MODEL_PROXY_", "LLM", "KBENCH_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    upstream = {name: value for name, value in os.environ.items() if name.startswith("KBENCH_UPSTREAM_")}
    return (
        env
        | upstream
        | {
            "KBENCH_HOME": str(home),
            "KBENCH_TARGET": "local",
            "KBENCH_NOTEBOOK": str(notebook),
        }
    )


def execute(
    path: Path, folder: Path, home: Path, model: str, on_event: Callable[[Event], None] | None = None
) -> Outcome:
    """Execute one notebook in a folder, with a model that has what it needs, and write it there as it is then."""
    notebook = nbformat.read(path, as_version=4)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    nbformat.write(notebook, copy)
    if wants_stand_in(notebook) == "default":
        envfile.upsert(folder / ".env", {"LLM_DEFAULT": model})
    outcome = execute_notebook(
        notebook,
        cwd=folder,
        env=environment(home, copy),
        timeout=TIMEOUT,
        on_event=on_event or (lambda _event: None),
    )
    nbformat.write(outcome.notebook, copy)
    return outcome


def wants_stand_in(notebook: nbformat.NotebookNode) -> str:
    """Return how a notebook wants the stand-in: as the "default" model, "beside" the small one, or not at all."""
    return str(notebook.metadata.get("kbench", {}).get("stand_in", ""))


@contextlib.contextmanager
def upstream(paths: Sequence[Path]) -> Iterator[str]:
    """Run a stand-in for the embedded server to pass prompts to, where a notebook wants it and nothing is set.

    Yields the model behind it. ``LLM_DEFAULT`` counts only with the endpoint it belongs to: a shell may have it set
    for something else.
    """
    if os.environ.get("KBENCH_UPSTREAM_URL"):
        yield os.environ.get("LLM_DEFAULT", stand_in.MODEL)
        return
    if not any(wants_stand_in(nbformat.read(path, as_version=4)) for path in paths):
        yield stand_in.MODEL
        return
    with stand_in.StandIn() as endpoint:
        os.environ["KBENCH_UPSTREAM_URL"] = endpoint.url
        try:
            yield stand_in.MODEL
        finally:
            del os.environ["KBENCH_UPSTREAM_URL"]


def went_well(outcome: Outcome) -> bool:
    """Whether every cell ran, in time."""
    return outcome.error is None and not (outcome.timed_out or outcome.kernel_died or outcome.interrupted)


def why(outcome: Outcome) -> str:
    """Say why a notebook did not run to its end."""
    if outcome.error is not None:
        return str(outcome.error.plain_traceback)
    return "Out of time." if outcome.timed_out else "The kernel died."


def execute_one(path: Path, output: Path, home: Path, model: str) -> bool:
    """Execute one notebook, with a live line for each of its cells."""
    notebook = nbformat.read(path, as_version=4)
    print(f"{path.name}: {sum(c.cell_type == 'code' for c in notebook.cells)} steps")
    outcome = execute(path, output, home, model, Steps(notebook))
    if went_well(outcome):
        print("\n" + last_result(outcome.notebook))
    else:
        print(f"\n{why(outcome)}\n", file=sys.stderr)
    print(f"\nExecuted notebook: {output / path.name}")
    if (downloads := output / "results").is_dir():
        print(f"Downloads:         {downloads}")
    return went_well(outcome)


def execute_several(paths: Sequence[Path], output: Path, home: Path, model: str, jobs: int) -> bool:
    """Execute notebooks, some at a time, with a line for each."""

    def run(path: Path) -> Outcome:
        return execute(path, output / path.stem, home, model)

    well = []
    with ThreadPoolExecutor(jobs) as pool:
        for path, outcome in zip(paths, pool.map(run, paths), strict=True):
            well.append(went_well(outcome))
            print(f"{'✓' if well[-1] else '✗'} {path.name:<26} {outcome.seconds:5.1f} s", flush=True)
            if not well[-1]:
                print(f"\n{why(outcome)}\n", file=sys.stderr)
    print(f"\n{sum(well)} of {len(well)} notebooks ran. They are in {output}")
    return all(well)


def last_result(notebook: nbformat.NotebookNode) -> str:
    """Return the text form of what the last code cell showed."""
    cell = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    shown = [output.data.get("text/plain", "") for output in cell.outputs if "data" in output]
    return shown[-1].strip() if shown else ""


def main() -> int:
    """Execute the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="names in this folder (default: all)")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for executed notebooks and downloads"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    args = parser.parse_args()
    paths = [HERE / name for name in args.notebooks] or sorted(HERE.glob("*.ipynb"))
    output = args.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="kbench-home-"))
    with upstream(paths) as model:
        try:
            if len(paths) == 1:
                well = execute_one(paths[0], output, home, model)
            else:
                well = execute_several(paths, output, home, model, args.jobs)
        finally:
            local_server.stop(home)
            shutil.rmtree(home, ignore_errors=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
