"""IPython's own syntax (magics, `!ls`, `obj?`) as the Python that IPython makes of it.

IPython's transformer tokenizes a cell again for each piece it finds, in Python: more than the compiler needs for
twenty cells. In most cells each piece is one line at the margin, which can be transformed alone, and remembered.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kbench_jupyter.notebook.ipython_syntax import limited, spend
from kbench_jupyter.notebook.ipython_syntax import transformed as by_ipython

_LINE_AT_MARGIN = re.compile(r"%(?!%)|!|[A-Za-z_]\w*[ \t]*=[ \t]*[%!]")
# What makes a line depend on those around it: an indented first line, strings of several lines, continued lines,
# prompts that IPython takes off, line ends that only some know. And help, which may begin above its question mark.
_NOT_ALONE = re.compile(
    r"""\A\s | \"{3} | '{3} | \\(?:\n|\Z) | (?:\A|\n)[ \t]*(?:>>>|\.\.\.|In[ ]?\[) | \?[ \t]*(?:\n|\Z)
    | [\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]""",
    re.VERBOSE,
)


def line_by_line(text: str) -> str | None:
    """Transform a cell whose special syntax stands in lines of their own, or return None.

    It means what `transformed` gives if it parses, and else nothing: each line that was transformed ends with a
    semicolon, which no expression can hold that is still open there.
    """
    if _NOT_ALONE.search(text):
        return None
    lines = text.split("\n")
    special = [n for n, line in enumerate(lines) if _LINE_AT_MARGIN.match(line)]
    for n in special:
        made, _ = transformed(lines[n])
        if len(made) != 1:
            return None
        lines[n] = f"{made[0]};"
    return "\n".join(lines) if special else None


def transformed(text: str) -> tuple[list[str], list[int]]:
    """Return the lines that IPython makes of a cell, and which line of the cell (from 1) each of them began on.

    Odd text may raise anything, for the transformer is another project's.

    Raises
    ------
    TooMuchSyntaxError
        If that would take too long; of the same cells, for the same ones each time.
    """
    spend(0)  # where all is spent already, not even one more cell is looked through
    lines, origin, tokens = _transformed(text)
    spend(tokens)
    return lines, origin


@lru_cache(maxsize=4096)
def _transformed(text: str) -> tuple[list[str], list[int], int]:
    lines = text.split("\n")
    # IPython drops blank lines at the top.
    above = next((n for n, line in enumerate(lines) if line.strip()), 0)
    with limited() as spent:
        _, made, origin = by_ipython(lines[above:])
    return made, [above + row + 1 for row in origin], spent[0]
