"""Lines as they go over the wire, in pieces of bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from kbench_jupyter.panels.log.buffer import LogLine

#: Characters of a line that the browser gets; copying and saving have the whole line.
CLIP = 2000
_HALF_CODE = re.compile(r"\x1b(\[[0-9;:]*)?$")


def size_of(value: Any) -> int:
    """Return how many bytes a value takes in a message."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return len(value) + 2 + value.count('"') + value.count("\\")
    return len(json.dumps(value, ensure_ascii=False).encode())


def batch(run_id: int, start: int, lines: Iterable[LogLine], room: int) -> dict[str, Any]:
    """Return lines from number `start` on as a message, as many as fit, at least one.

    It has ``run``, ``from``, ``k`` (a letter a line, its kind), ``x`` (the texts) and ``c`` (the whole length of
    those texts that were clipped, by their index).
    """
    kinds: list[str] = []
    texts: list[str] = []
    clipped: dict[str, int] = {}
    for kind, text in lines:
        short = _clip(text)
        room -= size_of(short) + 2
        if room < 0 and texts:
            break
        if len(short) < len(text):
            clipped[str(len(texts))] = len(text)
        kinds.append(kind)
        texts.append(short)
    return {"run": run_id, "from": start, "k": "".join(kinds), "x": texts, "c": clipped}


def open_lines(lines: Iterable[LogLine]) -> list[list[str]]:
    """Return lines in the making as they go over the wire: kind and text, of which the end matters."""
    return [[kind, _spelled(text if len(text) <= 500 else "… " + text[-500:])] for kind, text in lines]


def _clip(text: str) -> str:
    return text if len(text) <= CLIP else _HALF_CODE.sub("", text[:CLIP])


def _spelled(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
