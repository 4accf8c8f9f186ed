"""Execution: run a notebook in a fresh kernel and say what happens while it happens.

A notebook, a folder and an environment go in; events and an outcome come out. Rehearsals and the embedded server's
runs both use this room. It must never know which of the two asked, nor what a task is.
"""

from kbench_jupyter.execution.ahead import IDLE as IDLE
from kbench_jupyter.execution.ahead import ROOM as ROOM
from kbench_jupyter.execution.ahead import WARM_UP as WARM_UP
from kbench_jupyter.execution.ahead import NextKernel as NextKernel
from kbench_jupyter.execution.ahead import free_memory as free_memory
from kbench_jupyter.execution.events import CellFailed as CellFailed
from kbench_jupyter.execution.events import CellFinished as CellFinished
from kbench_jupyter.execution.events import CellOutput as CellOutput
from kbench_jupyter.execution.events import CellStarted as CellStarted
from kbench_jupyter.execution.events import Event as Event
from kbench_jupyter.execution.events import Outcome as Outcome
from kbench_jupyter.execution.run import execute_notebook as execute_notebook
from kbench_jupyter.execution.scratch import scratch_folder as scratch_folder
from kbench_jupyter.execution.scratch import shield_from_dotenv as shield_from_dotenv
from kbench_jupyter.execution.worker import KernelAhead as KernelAhead
