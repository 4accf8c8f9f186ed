"""Percent format: cells to text and back through jupytext, with proof that the text means the same cells.

jupytext's percent format is not without loss: a comment ``# %%`` splits a cell, an indented ``x = !ls``
comes back commented out, an unfinished triple quote swallows the cells after it. So what was written is
read back; a cell that does not survive is rewritten to the same meaning, and refused when that fails too.
Most cells are plain: a marker and their own text, which needs neither jupytext nor proof (`_is_plain`).
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.blank_lines import blank_lines_after, outside_strings
from kbench_jupyter.notebook.ipython_syntax import (
    as_ipython_calls,
    cost,
    parse,
    refuse_slow,
    spend,
    tokens_of,
    transformed,
)
from kbench_jupyter.notebook.leave_out import foreign_body, keep_prose, trimmed
from kbench_jupyter.notebook.size import MOST_LINES
from kbench_jupyter.notebook.source import LeftOut, SourceCell
from kbench_jupyter.quick_import import load

_FORMAT = {
    "extension": ".py",
    "format_name": "percent",
    # No header and no cell options: the same cells must always give the same text.
    "notebook_metadata_filter": "-all",
    "cell_metadata_filter": "-all",
    "root_level_metadata_as_raw_cell": False,
}

_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Text that jupytext treats in any special way. Without any of it a cell is known to survive, which spares
# most of a large notebook the reading back (two thirds of the time). A magic or `!` line at the margin
# does survive, behind a plain `x =` too; one that is indented, continued or told to (no)escape may not.
_DELICATE_TEXTS = ("%%", "In[", "<codecell>", "```", "~~~", "escape")
# Where each line begins with a line end (of `"\n" + text`), the search leaps from one to the next.
_ASSIGNED = r"[A-Za-z_]\w*[ \t]*=[ \t]*[%!]"
_DELICATE_COMMAND = re.compile(r"\n[ \t#]*(?:cat|cd|cp|mv|rm|rmdir|mkdir|copy|ddir|echo|ls|ldir|ren)\b")
_DELICATE_ESCAPE = re.compile(
    rf"""\n(?:(?:[ \t]+[ \t#]*|\#[ \t#]*)[%!?] | \? | [%!].*\\\s*$ | (?!{_ASSIGNED}[A-Za-z][^\\\n]*$).*=\s*[%!]
    | .*\?[ \t]*$)""",
    re.VERBOSE | re.MULTILINE,
)
_AT_MARGIN = re.compile(rf"\n(?:[%!]|{_ASSIGNED})")
_REMEMBERED = 4096
_MARKER = re.compile(r"^(\s*)#(\s*(?:%%%*(?:\s|$)|<codecell>|In\[[0-9 ]*\]:?\s*$))")
_PROSE_MARKER = re.compile(r"^(\s*(?:#\s*)?)(%%|<codecell>|In\[)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
# After each proof text: a cell that must come back, and fences that must not close an earlier cell's.
_SENTINEL = (("code", "after = 0"), ("markdown", "`" * 40 + "\n" + "~" * 40), ("code", "end = 0"))


class _Effort:
    """What may be read back to prove what survives: a source of which hardly a cell does would be read for minutes."""

    def __init__(self) -> None:
        self._left = 5 * MOST_LINES

    def spend(self, cells: Sequence[tuple[str, str]]) -> None:
        self._left -= sum(text.count("\n") + 20 for _, text in cells)  # each cell costs as much as some lines
        if self._left < 0:
            raise NotebookError(
                "Too much of this notebook cannot be written in percent format as it stands.",
                hint="Tag cells that are not part of the task kbench-skip: %kbench show tells what was left out.",
            )


def write(cells: Sequence[SourceCell]) -> tuple[str, tuple[SourceCell, ...], tuple[LeftOut, ...]]:
    """Write cells, none of them empty, as percent text that is read back as the same cells.

    Returned are the text, the cells it holds (some rewritten to the same meaning), and the markdown or raw cells
    that percent format cannot hold. A code cell that it cannot hold is an error.
    """
    kept: list[SourceCell] = []
    left_out: list[LeftOut] = []
    effort = _Effort()
    lost = set(_lost(cells, effort))
    for i, cell in enumerate(cells):
        survivor = _rewritten(cell, effort) if i in lost else cell
        if survivor is not None:
            kept.append(survivor)
        elif cell.kind == "code":
            raise _unwritable(cell)
        else:
            first = cell.text.split("\n", 1)[0]
            left_out.append(LeftOut(cell.ref, None, first, "percent format cannot hold this text"))
    return _written([(cell.kind, cell.text) for cell in kept]), tuple(kept), tuple(left_out)


def read(text: str) -> Any:
    """Read percent text with jupytext, as the official client does.

    Raises
    ------
    NotebookError
        jupytext cannot read it.
    """
    jupytext = load("jupytext")
    try:
        return jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # whatever the parser trips over, it is the text that is off
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotebookError(
            f"This text cannot be read as a percent-format notebook: {reason}",
            hint="Cells begin with a line `# %%`, markdown cells with `# %% [markdown]`.",
        ) from error


def holds(notebook: Any, cells: Sequence[SourceCell]) -> bool:
    """Whether a notebook has exactly these cells, empty ones and blank lines around their text aside."""
    back = [(cell.cell_type, keep_prose(cell.source).text) for cell in notebook.cells]
    return [(kind, text) for kind, text in back if text] == [(cell.kind, cell.text) for cell in cells]


def _written(cells: Sequence[tuple[str, str]]) -> str:
    texts = [_one_written(kind, text) for kind, text in cells]
    gaps = blank_lines_after([text.split("\n") for text in texts])
    return "\n".join(text + "\n" * gap for text, gap in zip(texts, gaps, strict=True))


# Of a notebook that is looked at again and again, most cells are what they were the last time.
@lru_cache(maxsize=_REMEMBERED)
def _one_written(kind: str, text: str) -> str:
    if not _is_plain(text):
        return _by_jupytext(kind, text)
    if kind == "code":
        return f"# %%\n{text}"
    prose = "\n".join(f"# {line}" if line else "#" for line in text.split("\n"))
    return f"# %% [{kind}]\n{prose}"


def _by_jupytext(kind: str, text: str) -> str:
    jupytext, node = load("jupytext"), load("nbformat").NotebookNode
    # Plain nodes: nbformat's new_code_cell() validates each cell against its schema, ten times the cost.
    cell = node(cell_type=kind, source=text, metadata=node())
    notebook = node(nbformat=4, nbformat_minor=5, metadata=node(), cells=[cell])
    return str(jupytext.writes(notebook, fmt=dict(_FORMAT))).removesuffix("\n")


def _lost(cells: Sequence[SourceCell], effort: _Effort) -> list[int]:
    """Return the positions of cells that do not come back as they were."""
    delicate = [i for i, cell in enumerate(cells) if _is_delicate(cell.text)]

    def search(some: list[int]) -> list[int]:
        if not some or _survives([(cells[i].kind, cells[i].text) for i in some], effort):
            return []
        if len(some) == 1:
            return some
        half = len(some) // 2
        return (search(some[:half]) + search(some[half:])) or some

    return search(delicate)


@lru_cache(maxsize=_REMEMBERED)
def _is_delicate(text: str) -> bool:
    if (
        any(odd in text for odd in _DELICATE_TEXTS)
        or _ODD.search(text)
        or _DELICATE_COMMAND.search("\n" + text)
    ):
        return True
    if ("%" in text or "!" in text or "?" in text) and _DELICATE_ESCAPE.search("\n" + text):
        return True
    if '"""' not in text and "'''" not in text:
        return False
    if _at_margin(text):
        return True  # whether that is a magic or part of the string, jupytext judges with comments added
    return outside_strings(text.split("\n"))[1]  # then it would swallow the next cell


def _at_margin(text: str) -> bool:
    """Whether a line may be a magic or a `!` command, plain or behind `x =`."""
    return ("%" in text or "!" in text) and _AT_MARGIN.search("\n" + text) is not None


def _is_plain(text: str) -> bool:
    """Whether the cell's own text stands in percent text, nothing of it indented or commented out."""
    return not text[:1].isspace() and not _at_margin(text) and not _is_delicate(text)


def _survives(cells: Sequence[tuple[str, str]], effort: _Effort) -> bool:
    effort.spend(cells)
    proof = [*cells, *_SENTINEL]
    try:
        "".join(text for _, text in cells).encode()  # half a surrogate pair cannot be sent
        back = read(_written(proof))
    except (NotebookError, ValueError, IndexError):
        return False
    return [(cell.cell_type, cell.source) for cell in back.cells] == proof


def _rewritten(cell: SourceCell, effort: _Effort) -> SourceCell | None:
    """Say the same in words that survive, or return None."""
    code, prose = (_without_markers, _as_plain_python, _as_one_call), (_as_prose, _with_closed_fence)
    for step in (lambda same: same, *(code if cell.kind == "code" else prose)):
        cell = step(cell)
        if cell.text and _survives([(cell.kind, cell.text)], effort):
            return cell
    return None


def _without_markers(cell: SourceCell) -> SourceCell:
    """Double the ``#`` of comments that percent format would read as the beginning of a cell."""
    if foreign_body(cell.text):  # what is a comment there, and whether it matters, only that magic knows
        return cell
    strings = _string_lines(cell.text)
    lines = cell.text.split("\n")
    lines = [
        line if i in strings else _MARKER.sub(lambda m: f"{m[1]}##{m[2]}", line)
        for i, line in enumerate(lines)
    ]
    return replace(cell, text="\n".join(lines))


def _string_lines(text: str) -> set[int]:
    """Lines (from 0) that begin inside a string, where a ``#`` is no comment."""
    inside: set[int] = set()
    lines = [line + "\n" for line in text.split("\n")]
    refuse_slow(lines)
    tokens = tokens_of(lines)
    spend(cost(tokens))
    for group in tokens:
        for token in group:
            if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.COMMENT):
                inside.update(range(token.start[0], token.end[0]))
    return inside


def _as_plain_python(cell: SourceCell) -> SourceCell:
    """Write IPython syntax as the calls that IPython itself makes of it, below ``%%time`` and its like as well."""
    if _ODD.search(cell.text) or foreign_body(cell.text):
        return cell
    lines = cell.text.split("\n")
    head = next((n for n, line in enumerate(lines) if not line.lstrip().startswith("%%")), len(lines))
    _, body, origin = transformed(lines[head:])
    numbers = (*cell.lines[:head], *(cell.lines[head + row] for row in origin))
    return replace(cell, text="\n".join([*lines[:head], *body]), lines=numbers)


def _as_one_call(cell: SourceCell) -> SourceCell:
    """Write a cell under a cell magic as the one call that IPython makes of all of it."""
    if _ODD.search(cell.text) or not cell.text.lstrip().startswith("%%"):
        return cell
    call = as_ipython_calls(cell.text)
    return replace(cell, text=call.strip("\n"), lines=cell.lines[:1]) if call.count("\n") == 1 else cell


def _as_prose(cell: SourceCell) -> SourceCell:
    # A backslash before punctuation is not shown by markdown; odd line ends are shown as blanks at most.
    lines = _ODD.sub(" ", cell.text).split("\n")
    lines = [_PROSE_MARKER.sub(lambda m: f"{m[1]}\\{m[2]}", line) for line in lines]
    part = trimmed(lines, range(1, len(lines) + 1))
    return replace(cell, text=part.text, lines=tuple(cell.lines[number - 1] for number in part.lines))


def _with_closed_fence(cell: SourceCell) -> SourceCell:
    # A fence that is never closed ends with the cell; percent format would look for its end further on.
    fences = [m[1] for line in cell.text.split("\n") if (m := _FENCE.match(line))]
    if not fences:
        return cell
    return replace(cell, text=f"{cell.text}\n{fences[0]}", lines=(*cell.lines, *cell.lines[-1:]))


def _unwritable(cell: SourceCell) -> NotebookError:
    odd = _ODD.search(cell.text)
    row = cell.text[: odd.start()].count("\n") if odd else 0
    where = f"cell {cell.ref.number}" + (f", line {cell.lines[row]}" if odd else "")
    if odd:
        code = f"U+{ord(odd[0]):04X}"
        escape = f"\\x{ord(odd[0]):02x}" if ord(odd[0]) < 0x100 else f"\\u{ord(odd[0]):04x}"
        return NotebookError(
            f"An invisible character ({code}) in {where} would be lost in percent format.",
            detail=ascii(cell.text.split("\n")[row]),
            hint=f"Remove it, or write it as {escape} inside a string.",
        )
    broken = _syntax_error(cell)
    if broken:
        line, reason = broken
        return NotebookError(
            f"The code of cell {cell.ref.number} is not finished (line {line}: {reason}).",
            detail=cell.text.split("\n", 1)[0],
            hint="Close the string or the bracket; percent format would take the cells below for its rest.",
        )
    return NotebookError(
        f"The code of {where} cannot be written in percent format without changing it.",
        detail=cell.text.split("\n", 1)[0],
        hint="Look for a `# %%` inside a string, write it as `#%` + `%`, or tag the cell kbench-skip.",
    )


def _syntax_error(cell: SourceCell) -> tuple[int, str] | None:
    """Return the line in the notebook's cell, and the reason, when its code is not Python."""
    _, lines, origin = transformed(cell.text.split("\n"))
    try:
        parse("\n".join(lines))
    except (SyntaxError, ValueError) as error:
        row = min(getattr(error, "lineno", None) or 1, len(origin)) - 1
        return cell.lines[origin[row]], getattr(error, "msg", str(error))
    return None
