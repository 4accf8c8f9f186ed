"""Where a watched run stands, judged from what the server says and for how long it has said it.

A run ends when it is COMPLETED or ERRORED. The other answers a server may give:

* SCORE_PENDING: the run is over and its score is still to come. Still going, and said so.
* UNSPECIFIED, or a state this client has never seen: still going, and said so. Once the run carries an end
  time and that state for `SETTLE` seconds, or has been in it for `PATIENCE` seconds, it ends as *unclear*:
  nobody can wait for ever for a state that may itself be an end.
* Not in the list: still going for `SETTLE` seconds (a list may lag behind a schedule), then *vanished*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from kbench_jupyter.api import RunState

if TYPE_CHECKING:
    from kbench_jupyter.api import Run

#: Seconds for which a list may lag behind, and an end time ahead of its state.
SETTLE = 60.0
#: Seconds after which a state that says nothing counts as the run's last word.
PATIENCE = 1800.0


class Ending(StrEnum):
    """How following a run ended."""

    COMPLETED = "completed"
    ERRORED = "errored"
    VANISHED = "vanished"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class RunStatus:
    """Where a watched run stands."""

    run_id: int
    run: Run | None = None  #: As last seen; None if it never was.
    ending: Ending | None = None  #: None while it goes on.
    note: str = ""  #: What its state alone does not say.

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.ending is not None

    @property
    def state(self) -> RunState:
        """The state as last seen."""
        return RunState.UNSPECIFIED if self.run is None else self.run.state

    @property
    def name(self) -> str:
        """The run in words: ``"gemini-2.5-pro (run 12)"``."""
        return f"run {self.run_id}" if self.run is None else f"{self.run.candidate} (run {self.run_id})"

    @property
    def word(self) -> str:
        """One word or two for where it stands: ``"running"``, ``"score pending"``, ``"vanished"``."""
        if self.ending is not None:
            return str(self.ending)
        if self.state is RunState.UNSPECIFIED:
            return "not seen yet" if self.run is None else "in no stated state"
        return self.state.words


def judge(run_id: int, run: Run | None, *, listed: bool, seconds: float) -> RunStatus:
    """Say where a run stands, last seen as `run`, and `listed` if the latest look found it.

    That has been the server's answer for so many `seconds`.
    """
    if not listed:
        if seconds < SETTLE:
            return RunStatus(run_id, run, note="not in the server's list at the moment")
        once = "no longer" if run is not None else "not"
        return RunStatus(run_id, run, Ending.VANISHED, f"{once} in the server's list of runs")
    if run is None:
        raise ValueError("a listed run is known")
    if run.state.is_terminal:
        return RunStatus(run_id, run, Ending(run.state.lower()))
    if run.state is RunState.SCORE_PENDING:
        return RunStatus(run_id, run, note="has run; its score is still to come")
    if run.state in (RunState.QUEUED, RunState.RUNNING):
        return RunStatus(run_id, run)
    says = "the server does not say its state"
    if run.state is not RunState.UNSPECIFIED:
        says = f"the server calls its state {str(run.state)!r}, which this version does not know"
    if seconds >= (PATIENCE if run.end_time is None else SETTLE):
        return RunStatus(run_id, run, Ending.UNCLEAR, says)
    return RunStatus(run_id, run, note=says)
