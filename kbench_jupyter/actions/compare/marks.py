"""Two answers side by side: what only one of them says is marked."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A text in pieces: each with "gone" (in the first alone), "new" (in the second alone), or "".
Pieces = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
#: Below this likeness nothing is gained by looking for what both say: words such as "the" would be.
_ALIKE = 0.3
#: Characters of each that are shown, and of those how many before the first difference.
_MOST, _BEFORE = 240, 60


def marked(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Return two texts with the words that only one of them has marked, from shortly before the first of those on."""
    import difflib

    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    if one == other or matcher.ratio() < _ALIKE:
        return _excerpt(_joined([(one, "" if one == other else "gone")])), _excerpt(
            _joined([(other, "" if one == other else "new")])
        )
    gone, new = [], []
    for tag, i, j, k, m in matcher.get_opcodes():
        same = tag == "equal"
        gone.append(("".join(left[i:j]), "" if same else "gone"))
        new.append(("".join(right[k:m]), "" if same else "new"))
    return _excerpt(_joined(gone)), _excerpt(_joined(new))


def _joined(pieces: list[tuple[str, str]]) -> Pieces:
    """Put pieces of a kind together, over a blank between them too: one mark a phrase reads better than one a word."""
    out: list[tuple[str, str]] = []
    for text, kind in pieces:
        if not text:
            continue
        if len(out) > 1 and out[-1][0].isspace() and kind and out[-2][1] == kind:
            out[-2:] = [(out[-2][0] + out[-1][0], kind)]
        if out and out[-1][1] == kind:
            out[-1] = (out[-1][0] + text, kind)
        else:
            out.append((text, kind))
    return tuple(out)


def _excerpt(pieces: Pieces) -> Pieces:
    """Cut what comes long before the first mark, and what is too long after it."""
    first = next((text for text, kind in pieces[:1] if not kind), "")
    start = max(0, len(first) - _BEFORE) if len(pieces) > 1 else 0
    return tuple(_cut(pieces, start, start + _MOST))


def _cut(pieces: Pieces, start: int, end: int) -> Iterator[tuple[str, str]]:
    if start:
        yield "…", ""
    at = 0
    for text, kind in pieces:
        kept = text[max(0, start - at) : max(0, end - at)]
        at += len(text)
        if kept:
            yield kept, kind
    if at > end:
        yield "…", ""
