"""The shell commands of a notebook, and whether they may bring files to the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.program import Program

_SHELLS = ("!", "sx", "system")
_INSTALLERS = ("pip", "uv")
_SHELL_CELLS = ("bash", "sh", "script")
_PARTS = re.compile(r"&&|\|\|?|;|\n")
# What writes no file that a notebook would read; with a redirection it does.
_HARMLESS = re.compile(
    r"\s*(?:#.*|(?:sudo\s+)?(?:\S*python[\d.]*\s+-m\s+)?(?:pip[\d.]*|uv|conda|mamba|apt|apt-get|cat|cd|date|df|du|echo|env"
    r"|export|free|grep|head|ls|nvidia-smi|pwd|rm|set|tail|true|wc|which)\b(?:[^>]|>=|>\s*/dev/null|>&)*)?\Z"
)


class Command(NamedTuple):
    """A line for the shell, and where it stands."""

    cell: Cell
    line: int
    text: str


def commands(program: Program) -> Iterator[Command]:
    """Yield the shell commands of a notebook, in order: ``!...``, ``%pip ...`` and the lines of ``%%bash``."""
    for cell, magic in program.magics:
        if magic.name not in (*_SHELLS, *_INSTALLERS, *_SHELL_CELLS):
            continue
        if magic.cell_magic:
            for offset, line in enumerate(cell.text_lines[magic.line :]):
                yield Command(cell, magic.line + 1 + offset, line)
        else:
            text = magic.argument if magic.name in _SHELLS else f"{magic.name} {magic.argument}"
            yield Command(cell, magic.line, text)


def brings_files(command: str) -> bool:
    """Whether a command may write files: ``git clone``, ``tar``, a script, anything that is not known not to."""
    return any(_HARMLESS.match(part) is None for part in _PARTS.split(command))
