"""Every subcommand of ``%kbench``, declared once; help, completion and the reference page list them in this order."""

from __future__ import annotations

from kbench_jupyter.magics.declaration.runs import OF_RUNS
from kbench_jupyter.magics.declaration.server import OF_A_SERVER
from kbench_jupyter.magics.declaration.source import OF_A_SOURCE
from kbench_jupyter.magics.grammar import Grammar

__all__ = ["COMMANDS", "GRAMMAR"]

COMMANDS = (*OF_A_SOURCE, *OF_RUNS, *OF_A_SERVER)
GRAMMAR = Grammar(COMMANDS)
