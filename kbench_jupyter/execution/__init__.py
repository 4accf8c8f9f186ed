"""Execution: run a notebook in a fresh kernel and say what happens while it happens.

A notebook, a folder and an environment go in; events and an outcome come out. Rehearsals and the embedded server's
runs both use this room. It must never know which of the two asked, nor what a task is.
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
