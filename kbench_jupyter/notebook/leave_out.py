"""What of a cell is this package's own, and so never part of a task.

``%kbench`` lines drive a task from the notebook, and ``%env KBENCH_...`` and ``%config KBench...`` lines set
what is meant for this machine; on the server nobody would answer them. What counts as such a line is decided
by IPython's own input transformer, so that a ``%kbench`` inside a string, a comment or the body of ``%%bash``
stays what it is.
"""

from __future__ import annotations

import itertools
import keyword
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.ipython_syntax import parse, tokens_of, transformed
from kbench_jupyter.notebook.source import CellRef, LeftOut

OWN_LINE = "a %kbench line"
OWN_CELL = "a %%kbench cell"
LOAD_LINE = "loads kbench_jupyter"
SETTING_LINE = "a setting of kbench_jupyter"

# Cell magics whose body is Python that IPython transforms again; any other body is none of our business.
_PYTHON_BODY = frozenset({"capture", "debug", "memit", "mprun", "prun", "pyinstrument", "time", "timeit"})

#: The environment variables this package reads: a task may have some of its own that begin like them.
SETTING = (
    r"KBENCH_(?:API_URL|CLUSTER|DOWNLOAD_LIMIT_GB|ENV_FILE|HOME|IDLE_MINUTES|KERNEL_AHEAD|MEMORY_GB|NOTEBOOK"
    r"|PASS_ENV|PROMPTS|RUN_TIMEOUT|SANDBOX|TARGET|UPSTREAM_\w+|WORKERS)\b"
)
# Of `%env`, every form: with a value behind "=" or a space, or without one, which reads it.
_SETTING = rf"(?:(?:set_)?env\s+{SETTING}|config\s+KBench\b)"
_OWN = re.compile(r"(?:\?{1,2}\s*)?%{1,2}kbench\b(?!\.)")
_OWN_SETTING = re.compile(rf"%{_SETTING}")
_UNDER = re.compile(rf"%(?:{'|'.join(sorted(_PYTHON_BODY))})\s+(?:-\S+\s+)*(?=%)")
_LOAD = re.compile(r"%(?:re|un)?load_ext\s+kbench_jupyter(?:\.\w+)*\s*(?:#.*)?$")
# Typed without the percent sign ("automagic"), which IPython takes in a cell of one line only.
_AUTOMAGIC = re.compile(
    rf"(?:kbench\s+(?:--?[A-Za-z]|[A-Za-z]).*|(?:re|un)?load_ext\s+kbench_jupyter\s*|{_SETTING}.*)$"
)
_MARKS = ("%kbench", "kbench_jupyter", "KBENCH_", "KBench")
_MAYBE_AUTOMAGIC = re.compile(r"\s*kbench\s")
_VALUE = re.compile(r"(KBENCH_\w+\s*=?|\bKBench\.\w+\s*=).*")
_CELL_MAGIC = re.compile(r"%%(\S*)")


@dataclass
class Kept:
    """What remains of one cell's text, and what was taken out of it."""

    text: str  # without blank lines around it; empty when nothing remains
    lines: tuple[int, ...]  # the original number of each of its lines
    left_out: list[LeftOut] = field(default_factory=list)


def keep(text: str, ref: CellRef) -> Kept:
    """Split a code cell (its text with ``LF`` line ends) into what belongs to the task and what is left out.

    Where ``%kbench`` stands in the middle of code, taking it out would change the code around it: that is an error.
    """
    lines = text.split("\n")
    numbers = range(1, len(lines) + 1)
    if not (any(mark in text for mark in _MARKS) or _MAYBE_AUTOMAGIC.match(text)):
        return trimmed(lines, numbers)  # most cells: this is what makes a thousand of them quick
    start = next((i for i, line in enumerate(lines) if line.strip()), 0)
    magic = _CELL_MAGIC.match(lines[start].lstrip())
    if magic and magic[1].rstrip("?") == "kbench":
        return Kept("", (), [LeftOut(ref, None, lines[start].strip(), OWN_CELL)])
    if magic and magic[1] not in _PYTHON_BODY:
        return trimmed(lines, numbers)
    out = _own_lines(lines, start + bool(magic), ref)
    gone = {number for first, last, _ in out for number in range(first, last + 1)}
    kept = [number for number in numbers if number not in gone]
    left_out = [
        LeftOut(ref, first, "\n".join(lines[first - 1 : last]).strip(), reason) for first, last, reason in out
    ]
    body = [number for number in kept if number > start + 1]
    if gone and magic and not any(lines[number - 1].strip() for number in body):
        left_out.insert(0, LeftOut(ref, start + 1, lines[start].strip(), "nothing is left for it to time"))
        kept = []
    return trimmed(lines, kept, left_out)


def foreign_body(text: str) -> bool:
    """Whether a cell is under a cell magic whose body is not Python for IPython to transform."""
    while magic := _CELL_MAGIC.match(text.lstrip()):
        if magic[1] not in _PYTHON_BODY:
            return True
        text = text.lstrip().partition("\n")[2]  # `%%time` over `%%bash`
    return False


def keep_prose(text: str) -> Kept:
    """Keep all of a markdown or raw cell but the blank lines around it."""
    lines = text.split("\n")
    return trimmed(lines, range(1, len(lines) + 1))


def trimmed(lines: list[str], numbers: Sequence[int], left_out: list[LeftOut] | None = None) -> Kept:
    """Take the lines with these numbers (from 1), without the blank ones at both ends.

    Percent format puts blank lines of its own between cells, and could not tell a cell's from them.
    """
    first, end = 0, len(numbers)
    while end and not lines[numbers[end - 1] - 1].strip():
        end -= 1
    while first < end and not lines[numbers[first] - 1].strip():
        first += 1
    kept = tuple(numbers[first:end])
    # One slice where none of the lines between is left out, which is nearly always.
    inner = lines[kept[0] - 1 : kept[-1]] if kept else []
    if len(inner) != len(kept):
        inner = [lines[number - 1] for number in kept]
    return Kept("\n".join(inner), kept, left_out or [])


def _own_lines(lines: list[str], start: int, ref: CellRef) -> list[tuple[int, int, str]]:
    """Return (first line, last line, reason) of each statement of ours, lines counted from 1."""
    only = [i for i, line in enumerate(lines) if line.strip()]
    if len(only) == 1 and _AUTOMAGIC.match(lines[only[0]].strip()) and not _is_python(lines[only[0]]):
        return [(only[0] + 1, only[0] + 1, _reason(f"%{lines[only[0]].strip()}") or OWN_LINE)]
    if _compiles("\n".join(lines[start:])):
        return []  # what Python itself takes has no magic in it, and IPython would take its time over long lines
    out: list[tuple[int, int, str]] = []
    for special in transformed(lines[start:])[0]:
        reason = _reason(special.text)
        if reason is None:
            continue
        if special.nested:
            raise _in_the_middle(lines, start + special.at, ref)
        out.append((start + special.first + 1, start + special.last + 1, reason))
    _refuse_leftovers(lines, start, ref)
    return out


def _reason(text: str) -> str | None:
    if under := _UNDER.match(text):
        text = text[under.end() :]
    for own, reason in ((_OWN, OWN_LINE), (_OWN_SETTING, SETTING_LINE), (_LOAD, LOAD_LINE)):
        if own.match(text):
            return reason
    return None


def _is_python(line: str) -> bool:
    # `kbench -h` subtracts; nobody means that.
    return _compiles(line.strip()) and not re.match(r"\s*kbench\s+-", line)


def _compiles(text: str) -> bool:
    try:
        parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _refuse_leftovers(lines: list[str], start: int, ref: CellRef) -> None:
    """Refuse a line of ours that IPython itself would not take for a magic: ``x = 1; %kbench push``."""
    _, python, origin = transformed(lines[start:])
    previous = None
    tokens = [t for group in tokens_of([line + "\n" for line in python]) for t in group]
    solid = [t for t in tokens if t.string.strip() and t.type != tokenize.COMMENT]
    for token, following in itertools.pairwise(solid):
        touches = token.string == "%" and token.end == following.start
        if touches and _reason(following.line[token.start[1] :]) and not _is_operand(previous):
            raise _in_the_middle(lines, start + origin[token.start[0] - 1], ref)
        previous = token


def _is_operand(token: Any) -> bool:
    """Whether a value may end here, so that a following ``%`` means modulo."""
    if token is None:
        return False
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string) or token.string in {"True", "False", "None"}
    return token.type in (tokenize.NUMBER, tokenize.STRING) or token.string in {")", "]", "}"}


def _in_the_middle(lines: list[str], at: int, ref: CellRef) -> NotebookError:
    line, hidden = lines[at].rstrip(), _VALUE.sub(r"\1***", lines[at].rstrip())  # it may well be a key
    what = "%kbench" if hidden == line else "A setting of kbench_jupyter"
    return NotebookError(
        f"{what} stands in the middle of code (cell {ref.number}, line {at + 1}), "
        "so it cannot be left out of the task.",
        detail=f"{at + 1}: {hidden}",
        hint="Put that line in a cell of its own (or tag this cell kbench-skip).",
    )
