"""IPython's syntax in a cell: magics, ``!`` and ``?`` lines, found and made Python as IPython itself does it."""

from __future__ import annotations

import re
import tokenize
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_COMPOUND = re.compile("if|elif|else|for|while|with|try|except|finally|def|class|async|lambda")
_LINE_ENDS = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\r]")
_LIMIT = 500  # as many special lines as IPython itself is willing to transform in one cell
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")  # as many as there are tokens, or more
# IPython tokenizes all of a cell anew for each piece that it finds: 100,000 tokens take half a second.
_MOST_TOKENS_OF_A_CELL = 400_000
_MOST_TOKENS = 1_000_000
# Holds how many tokens were looked at in all within `limited`.
_spent: ContextVar[list[int]] = ContextVar("spent")


class TooMuchSyntaxError(Exception):
    """A cell, or a whole source, has more of IPython's syntax than can be looked through within seconds."""


@contextmanager
def limited() -> Iterator[list[int]]:
    """Limit what is looked through within: of one task source. Gives how many tokens that were."""
    reset = _spent.set(spent := [0])
    try:
        yield spent
    finally:
        _spent.reset(reset)


def spend(tokens: int) -> None:
    """Count tokens that were looked at for the whole source."""
    spent = _spent.get([0])
    spent[0] += tokens
    if spent[0] > _MOST_TOKENS:
        raise TooMuchSyntaxError


def cost(tokens: list[list[Any]]) -> int:
    """Return how many tokens will have been looked at: IPython's look for ``x = !ls`` goes by a line's square."""
    return sum(len(line) + len(line) ** 2 // 1_000 for line in tokens)


def refuse_slow(lines: list[str]) -> None:
    """Raise TooMuchSyntaxError for more than the tokenizer reads within seconds, be it tokens or unclosed quotes."""
    spend_on_cell(sum(1 for line in lines for _ in _WORD_OR_SIGN.finditer(line)), 0)
    for line in lines:
        spend_on_cell((line.count("'") + line.count('"')) * len(line) // 100, 0)


def spend_on_cell(tokens: int, before: int) -> int:
    """Return how many tokens of a cell were looked at in all, with those `before`."""
    if before + tokens > _MOST_TOKENS_OF_A_CELL:
        raise TooMuchSyntaxError
    return before + tokens


@dataclass(frozen=True)
class Special:
    """One piece of IPython syntax in a cell; lines count from 0."""

    first: int  # of the lines of the statement it stands in
    last: int
    at: int  # the line it begins on
    text: str  # from its escape character to the end of its (continued) line
    nested: bool  # part of a larger piece of code: indented, behind `if x:` or a semicolon


def _ipython() -> Any:
    """IPython's input transformer, which has only some of its types."""
    from IPython.core import inputtransformer2

    return inputtransformer2


def as_ipython_calls(text: str) -> str:
    """Return a cell as the Python that IPython runs for it."""
    return str(_ipython().TransformerManager().transform_cell(text))


def parse(python: str) -> Any:
    """Return the syntax tree of Python that may await at its top, as a cell does; raise what the parser raises.

    What it would warn of, such as odd escapes, is said where the cell is run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(python, "<cell>", "exec", flags=PyCF_ONLY_AST | PyCF_ALLOW_TOP_LEVEL_AWAIT)


def tokens_of(lines: list[str]) -> list[list[Any]]:
    """Return tokens by logical line; none when IPython cannot take the cell at all.

    Its indentation is too broken, or Python's tokenizer takes no half of a character (the newest ones do not).
    """
    try:
        return list(_ipython().make_tokens_by_line(lines)) if lines else []
    except (SyntaxError, UnicodeEncodeError):
        return []


def transformed(lines: list[str]) -> tuple[list[Special], list[str], list[int]]:
    """Return the special syntax of a cell, its lines as plain Python, and where each of them began.

    It is found the way IPython does: one piece at a time, the earliest first. The tokens after a piece cannot be
    trusted until that piece has become Python, so each is transformed before the next is looked for.
    """
    it2 = _ipython()
    # Of equal length, and never a line end to IPython where it is none to us.
    work = [_LINE_ENDS.sub(" ", line) + "\n" for line in lines]
    for cleanup in (it2.leading_indent, it2.classic_prompt, it2.ipython_prompt):
        if work:
            work = cleanup(work)
    origin = list(range(len(work)))
    found: list[Special] = []
    looked_at = 0
    refuse_slow(work)
    for _ in range(_LIMIT):
        tokens = tokens_of(work)
        count = cost(tokens)
        looked_at = spend_on_cell(count, looked_at)
        spend(count)
        finders = (it2.MagicAssign, it2.SystemAssign, it2.EscapedCommand, it2.HelpEnd)
        pieces = sorted(filter(None, (f.find(tokens) for f in finders)), key=it2.TokenTransformBase.sortby)
        for piece in pieces:
            try:
                after = piece.transform(work)
            except SyntaxError:
                continue
            break
        else:
            return found, [line.rstrip("\n") for line in work], origin
        end = piece.start_line + len(work) - len(after)
        found.append(_describe(piece, work, tokens, end, origin, len(lines)))
        origin = origin[: piece.start_line + 1] + origin[end + 1 :]
        work = after
    return found, [line.rstrip("\n") for line in work], origin


def _describe(
    piece: Any, work: list[str], tokens: list[Any], end: int, origin: list[int], total: int
) -> Special:
    row, col = piece.start_line, piece.start_col
    group: list[Any] = next((g for g in tokens if g and g[0].start[0] - 1 <= row <= g[-1].end[0] - 1), [])
    code = [
        t for t in group if t.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT)
    ]
    first = min(code[0].start[0] - 1, row) if code else row
    before = [t.string for t in code if (t.start[0] - 1, t.start[1]) < (row, col)]
    nested = (
        work[first][:1].isspace()
        or ";" in before
        or bool(before and _COMPOUND.fullmatch(before[0]))
        or "(" in before
    )
    last = origin[end + 1] - 1 if end + 1 < len(origin) else total - 1
    text = "".join(work[row : end + 1])[col:].strip()
    return Special(origin[first], last, origin[row], text, nested)
