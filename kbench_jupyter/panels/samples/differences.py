"""Two transcripts side by side: their messages in pairs, and where the texts of a pair differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

#: Words of a text up to which differences are looked for: their number is what it takes, squared.
_WORDS = 2_000
_WORD = re.compile(r"\w+|[^\w\s]")

_At = tuple[int, int]


def pairs(left: dict[str, Any], right: dict[str, Any]) -> list[dict[str, Any]]:
    """Pair the messages of two transcripts, as `transcript_shape` returns them, in order.

    Returns
    -------
    list of dict
        ``{"left": [chat, message] or None, "right": ..., "same": bool, "marks": [[...], [...]] or None}``, where
        marks are the ``[part, from, to]`` of the characters that differ.
    """
    ours, theirs = _flat(left), _flat(right)
    mine, others = ([_key(message) for _, message in side] for side in (ours, theirs))
    found = []
    for what, a, b, c, d in SequenceMatcher(None, mine, others, autojunk=False).get_opcodes():
        if what == "equal":
            found += [{"left": ours[a + n][0], "right": theirs[c + n][0], "same": True} for n in range(b - a)]
        else:
            found += _unlike(ours[a:b], theirs[c:d])
    return found


def _flat(shape: dict[str, Any]) -> list[tuple[_At, dict[str, Any]]]:
    return [
        ((number, place), message)
        for number, chat in enumerate(shape["chats"])
        for place, message in enumerate(chat["messages"])
    ]


def _key(message: dict[str, Any]) -> tuple[Any, ...]:
    """Return what makes two messages the same: not who said it nor how a call is numbered, but role and parts."""
    said = [{name: value for name, value in part.items() if name != "call"} for part in message["parts"]]
    return message["role"], *(repr(sorted(part.items())) for part in said)


def _unlike(
    ours: Sequence[tuple[_At, dict[str, Any]]], theirs: Sequence[tuple[_At, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Pair messages that differ by their roles, in order."""
    mine, others = ([str(message["role"]) for _, message in side] for side in (ours, theirs))
    found: list[dict[str, Any]] = []
    for what, a, b, c, d in SequenceMatcher(None, mine, others, autojunk=False).get_opcodes():
        if what == "equal":
            for (at, one), (there, two) in zip(ours[a:b], theirs[c:d], strict=True):
                found.append({"left": at, "right": there, "same": False, "marks": _marks(one, two)})
        else:
            found += [{"left": at, "right": None, "same": False} for at, _ in ours[a:b]]
            found += [{"left": None, "right": at, "same": False} for at, _ in theirs[c:d]]
    return found


def _marks(mine: dict[str, Any], other: dict[str, Any]) -> list[list[list[int]]]:
    """Return where the parts of two messages differ that have texts, of the same kind at the same place."""
    marks: list[list[list[int]]] = [[], []]
    for number, (one, two) in enumerate(zip(mine["parts"], other["parts"], strict=False)):
        if one["kind"] != two["kind"] or "text" not in one or one["text"] == two["text"]:
            continue
        for side, spans in enumerate(_spans(one["text"][0], two["text"][0])):
            marks[side] += [[number, *span] for span in spans]
    return marks


def _spans(one: str, two: str) -> tuple[list[_At], list[_At]]:
    """Return where two texts differ in words; white space alone is no difference."""
    sides = [list(_WORD.finditer(text)) for text in (one, two)]
    if max(map(len, sides)) > _WORDS:
        return [(0, len(one))], [(0, len(two))]
    a, b = ([found[0] for found in side] for side in sides)
    spans: tuple[list[_At], list[_At]] = ([], [])
    for what, *ends in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for side, (first, last) in enumerate((ends[:2], ends[2:])):
            if what != "equal" and first < last:
                spans[side].append((sides[side][first].start(), sides[side][last - 1].end()))
    return spans
