"""Blank lines between the cells of percent text, as PEP 8 asks for them: two around functions and classes.

Two things hang on it: how the text reads, and that jupytext, which counts them by the same rule, has nothing
to note in a cell's metadata when it reads the text back (`jupytext.pep8`). jupytext itself looks at the text
letter by letter, before each cell and after it, which was half the time of writing a large notebook.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kbench_jupyter.quick_import import load

# Opened and closed on one line, or inside of a longer string neither opened nor closed in the end.
_WHOLE_DOCSTRING = re.compile(r'\s*"""[^"\'\\#]*"""$')
_DEFINITION = ("def ", "class ", "async ")


def blank_lines_after(cells: Sequence[list[str]]) -> list[int]:
    """Return how many blank lines follow each cell: one, or two beside a function or class.

    A cell is its lines as percent format has them, the marker first. What follows the last cell is 1, the end of
    its last line.
    """
    gaps: list[int] = []
    code_ahead = definition_ahead = False
    for lines in reversed(cells):
        unquoted, _ = outside_strings(lines)
        after = code_ahead and _ends_a_definition(unquoted)
        before = definition_ahead and not lines[-1].startswith("#")
        gaps.append(2 if after or before else 1)
        begins = _begins_a_definition(unquoted)
        # Prose and comments do not count: what comes next is what stands behind them, if it is near.
        near = gaps[-1] == 1
        definition_ahead = (definition_ahead and near) if begins is None else begins
        has = _has_code(lines)
        code_ahead = (code_ahead and near) if has is None else has
    return gaps[::-1]


def outside_strings(lines: list[str]) -> tuple[list[str], bool]:
    """Return the lines that do not begin inside a triple-quoted string, and whether one is open at the end.

    As jupytext sees them, which is what decides where it lets a cell end.
    """
    turning = {n for n, line in enumerate(lines) if '"""' in line or "'''" in line}
    turning -= {n for n in turning if _WHOLE_DOCSTRING.match(lines[n])}
    if not turning:
        return lines, False
    load("jupytext")
    from jupytext.stringparser import StringParser

    parser = StringParser("python")
    outside = []
    for n, line in enumerate(lines):
        if not parser.is_quoted():
            outside.append(line)
        if n in turning:  # no other line changes anything
            parser.read_line(line)
    return outside, bool(parser.is_quoted())


def _ends_a_definition(lines: list[str]) -> bool:
    """Whether the last line at the margin begins a function or class."""
    below = "."
    for line in reversed(lines):
        if not line.strip():
            if not below.strip():
                return False
        elif not line.startswith(("#", " ", ")")):
            return line.startswith(_DEFINITION)
        below = line
    return False


def _begins_a_definition(lines: list[str]) -> bool | None:
    """Whether the first line of code begins a function or class; None when there is no such line."""
    above = "."
    for line in lines:
        if not line.strip():
            if not above.strip():
                return False
        elif line.startswith(_DEFINITION):
            return True
        elif not line.startswith(("#", "@", " ", ")")):
            return False
        above = line
    return None


def _has_code(lines: list[str]) -> bool | None:
    """Whether there is code before two blank lines in a row; None when there is neither."""
    above = "."
    for line in lines:
        stripped = line.strip()
        if not stripped:
            if not above:
                return False
        elif not stripped.startswith("#"):
            return True
        above = stripped
    return None
