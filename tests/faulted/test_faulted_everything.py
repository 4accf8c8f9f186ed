"""Every command and every click of a panel, through faults drawn by lot, compared with the truth.

`make test` does each a few times; `make faults` until so many faults were met (``FAULTS``), and prints the table of
docs/figures.md.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doings import DOINGS, rehearsed
from IPython.core.interactiveshell import InteractiveShell
from judged import DEFECTS, ENDINGS, Ended, Figures, carry_out
from world import LIMITS, Lots

#: Shares of requests that meet a fault, in turns, and whether some of them are of a kind that no other try mends.
RATES = ((0.15, False), (0.4, False), (0.4, True), (0.7, True))

#: How many faults `make faults` lets everything meet together, and what their order is drawn from. A name that begins
#: with ``KBENCH_`` would be a user's setting, of which tests see none.
MANY, SEED = int(os.environ.get("FAULTS", "20000")), os.environ.get("FAULTS_SEED", "1")


class Everything:
    """Does things in worlds of their own, and judges each by the same thing without a fault."""

    def __init__(self, shell: InteractiveShell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.figures = Figures()
        self._truths: dict[str, Ended] = {}
        self._count = itertools.count(1)

    def truth(self, name: str) -> Ended:
        """Return what it comes to without a fault."""
        if name not in self._truths:
            self._truths[name] = self._once(name, Lots("none", 0.0, lasting=False))
            assert self._truths[name].error is None, (name, self._truths[name].error)
        return self._truths[name]

    def do(self, name: str, seed: str, rate: float, *, lasting: bool, slow: bool = True) -> None:
        """Do it through faults, and count what came of it."""
        truth = self.truth(name)
        self.figures.judge(name, truth, self._once(name, Lots(seed, rate, lasting, slow)))

    def _once(self, name: str, lots: Lots) -> Ended:
        folder = self.folder / str(next(self._count))
        try:
            return carry_out(name, self.shell, folder, lots)
        finally:
            shutil.rmtree(folder)


@pytest.fixture
def everything(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Everything]:
    monkeypatch.setattr("kbench_jupyter.api.calls.caller.Limits", lambda: LIMITS)
    monkeypatch.setattr("kbench_jupyter.following.rounds.FIRST", 0.01)
    gc.collect()
    gc.freeze()  # each time something may be left behind, garbage is collected: not among all that was imported
    with rehearsed(monkeypatch, tmp_path / "rehearsed"):
        yield Everything(shell, tmp_path)
    gc.unfreeze()


@pytest.mark.parametrize("name", DOINGS)
def test_whatever_meets_faults_ends_in_the_truth_or_in_an_error(everything: Everything, name: str) -> None:
    for number, (rate, lasting) in enumerate(RATES):
        # Slow faults are left to the long form: on a busy machine one can use up the time that all tries have together.
        everything.do(name, f"{name} {number}", rate, lasting=lasting, slow=False)
    assert everything.truth(name).lots.asked > 0
    assert everything.figures.defects == []


@pytest.mark.faults
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", DOINGS)
def test_whatever_meets_thousands_of_faults_ends_in_the_truth_or_in_an_error(
    everything: Everything, name: str, record_property: Callable[[str, object], None]
) -> None:
    figures = everything.figures
    for number in itertools.count():
        rate, lasting = RATES[number % len(RATES)]
        everything.do(name, f"{SEED} {name} {number}", rate, lasting=lasting)
        if figures.counts["faults met"] >= MANY / len(DOINGS):
            break
    record_property("faults", {row: figures.counts[row] for row in (*ENDINGS, *DEFECTS)})
    assert figures.defects == []
