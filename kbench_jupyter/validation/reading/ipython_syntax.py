"""IPython's own syntax (magics, `!ls`, `obj?`) as the Python that IPython makes of it.

IPython's transformer tokenizes a cell again for each piece it finds, in Python: more than the compiler needs for
twenty cells. In most cells each piece is one line at the margin, which can be transformed alone, and remembered.
"""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

from kbench_jupyter.notebook.ipython_syntax import cost, refuse_slow, spend, spend_on_cell

__all__ = ["align", "line_by_line", "transformed"]

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
        python = transformed(lines[n])
        if python.count("\n") != 1:
            return None
        lines[n] = python.replace("\n", ";")
    return "\n".join(lines) if special else None


def transformed(text: str) -> str:
    """Return what IPython makes of a cell; odd text may raise anything, for the transformer is another project's.

    Raises
    ------
    TooMuchSyntaxError
        If that would take too long; of the same cells, for the same ones each time.
    """
    spend(0)  # where all is spent already, not even one more cell is looked through
    python, tokens = _transformed(text)
    spend(tokens)
    return python


@lru_cache(maxsize=4096)
def _transformed(text: str) -> tuple[str, int]:
    from IPython.core import inputtransformer2 as it2

    class Counted(it2.TransformerManager):
        tokens = 0

        def do_one_token_transform(self, lines: list[str]) -> tuple[bool, list[str]]:
            tokens = it2.make_tokens_by_line(lines)
            self.tokens = spend_on_cell(cost(tokens), self.tokens)
            kinds: list[Any] = self.token_transformers
            pieces = filter(None, (kind.find(tokens) for kind in kinds))
            for piece in sorted(pieces, key=it2.TokenTransformBase.sortby):
                with suppress(SyntaxError):
                    return True, piece.transform(lines)
            return False, lines

    refuse_slow(text.split("\n"))
    manager: Any = Counted()  # type: ignore[no-untyped-call]
    return str(manager.transform_cell(text)), manager.tokens


def align(before: list[str], after: list[str]) -> list[int]:
    """Map each line of `after` to the line of `before` (from 1) it stands for.

    IPython's transformer drops leading blank lines and joins continued magics; every other line keeps
    its text or is replaced one by one.
    """
    if len(before) == len(after) or (len(after) == len(before) + 1 and not after[-1]):
        return [min(n, len(before)) for n in range(1, len(after) + 1)]
    mapping = [len(before)] * len(after)
    # Blank lines say nothing about which line is which.
    skipped = next((n for n, line in enumerate(before) if line.strip()), 0)
    kept, made = before[skipped:], after[:-1] if not after[-1] else after
    matcher = difflib.SequenceMatcher(lambda line: not line.strip(), kept, made, autojunk=False)
    for tag, b0, b1, a0, a1 in matcher.get_opcodes():
        if tag == "delete":
            continue
        for offset in range(a1 - a0):
            mapping[a0 + offset] = min(skipped + b0 + min(offset, max(b1 - b0 - 1, 0)) + 1, len(before))
    return mapping
