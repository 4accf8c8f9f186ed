"""What a download came to: which runs lie where, and which have nothing to fetch."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.actions.cards import RUN_COLUMNS, names_of, run_rows
from kbench_jupyter.api import Run
from kbench_jupyter.display.view import Cell, Facts, Shown, Table, View, count, size, told
from kbench_jupyter.errors import UsageError


@dataclass(frozen=True)
class DownloadedRun:
    """A run whose output is on disk: where, how many bytes, and whether it was there before."""

    run: Run
    folder: Path
    size: int
    cached: bool = False


@dataclass(frozen=True)
class DownloadResult(Shown):
    """What was downloaded, and where it lies."""

    task: str
    #: The task's folder.
    folder: Path
    runs: tuple[DownloadedRun, ...] = ()
    #: Runs that have not ended, and runs that errored before they had an output.
    pending: tuple[Run, ...] = ()
    empty: tuple[Run, ...] = ()

    def view(self) -> View:
        """Describe the downloads."""
        fresh = [done for done in self.runs if not done.cached]
        title = f"Downloaded {count(len(fresh), 'run')} of {self.task} ({size(sum(d.size for d in fresh))})"
        if not fresh:
            many = f"All {len(self.runs)} runs" if len(self.runs) > 1 else "The run"
            title = f"{many} of {self.task} {'were' if len(self.runs) > 1 else 'was'} there already"
        was = {
            True: Cell("there already", "quiet", value=False),
            False: Cell("downloaded", "good", value=True),
        }
        rows = [
            [*first, told(done.size, size), was[done.cached]]
            for done, first in zip(
                self.runs, run_rows([one.run for one in self.runs], unset="unset"), strict=True
            )
        ]
        notes = [f"Not ended yet, so not here: {names_of(self.pending)}"] if self.pending else []
        notes += [f"Errored before they had an output: {names_of(self.empty)}"] if self.empty else []
        return View(
            Cell(title, "good"),
            [
                Facts({"folder": f"{self.folder}{os.sep}", "layout": "version / candidate / run"}),
                Table([*RUN_COLUMNS, "size>", "new"], rows, drop_empty=True),
            ],
            notes=notes,
            next=[(f"%kbench results {self.task}{placed(self.folder.parent)}", "compare them")],
            footer=self.footer,
        )


def placed(output: Path) -> str:
    """Return what a line to type needs for the same folder: `` -o DIR``, nothing for the working directory."""
    return "" if output == Path() else f" -o {shlex.quote(str(output))}"


def refuse_file(output: Path) -> None:
    """Refuse a folder for downloads that cannot be made, since a file has its name or one above it."""
    try:
        there = next((path for path in (output, *output.parents) if path.exists()), Path())
    except OSError:  # none that may be looked into: the download itself says so
        return
    if not there.is_dir():
        raise UsageError(
            f"{there} is a file, so no folder {output} can be made for downloads.",
            hint="Name another folder, which may be a new one: -o DIR",
        )
