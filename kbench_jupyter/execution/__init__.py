"""Execution: run a notebook in a fresh kernel and say what happens while it happens.

Two rooms need it, the rehearsal in ``validation/`` and the runner of ``local/``, so it lives in one place
and it must never know either of them: a notebook, a folder and an environment go in; events and an outcome come out.
"""

from kbench_jupyter.execution.ahead import IDLE, ROOM, WARM_UP, NextKernel, free_memory
from kbench_jupyter.execution.events import (
    CellFailed,
    CellFinished,
    CellOutput,
    CellStarted,
    Event,
    Outcome,
)
from kbench_jupyter.execution.run import KernelAhead, execute_notebook
from kbench_jupyter.execution.scratch import scratch_folder, shield_from_dotenv

__all__ = [
    "IDLE",
    "ROOM",
    "WARM_UP",
    "CellFailed",
    "CellFinished",
    "CellOutput",
    "CellStarted",
    "Event",
    "KernelAhead",
    "NextKernel",
    "Outcome",
    "execute_notebook",
    "free_memory",
    "scratch_folder",
    "shield_from_dotenv",
]
