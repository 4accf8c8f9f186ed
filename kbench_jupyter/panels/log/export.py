"""A run's whole log for the clipboard, or as a text file beside the notebook; both in small steps."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from kbench_jupyter.panels.log.buffer import LogBuffer

#: Characters of plain text for the clipboard.
COPY_MOST = 1_000_000


def text_in_parts(buffer: LogBuffer, step: int) -> Iterator[dict[str, Any]]:
    """Yield the newest lines as plain text, as many as a clipboard should hold, `step` characters at a time."""
    blocks: deque[str] = deque()
    size = 0
    for _, text in buffer.texts():
        blocks.append(text)
        size += len(text) + 1
        while len(blocks) > 1 and size - len(blocks[0]) > COPY_MOST:
            size -= len(blocks.popleft()) + 1
    whole = "\n".join(blocks)
    short = whole[-COPY_MOST:]
    lines = short.count("\n") + 1 if short else 0
    for place in range(0, len(short) or 1, step):
        last = place + step >= len(short)
        cut = len(short) < len(whole) or lines < len(buffer)
        yield {"lines": lines, "part": short[place : place + step], "last": last, "cut": cut}


def save(buffer: LogBuffer, name: str) -> Generator[None, None, tuple[Path, int]]:
    """Write the lines there are now to a new file in the kernel's working directory, which is the notebook's.

    No file is ever written over, and none is left that could not be written whole (`OSError`). The file and how
    many lines it has are returned.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:150] or "log"
    path = Path.cwd().resolve() / f"{stem}.log"
    number = 1
    while True:
        try:
            file = path.open("x", encoding="utf-8", newline="\n")
            break
        except FileExistsError:
            number += 1
            path = path.with_name(f"{stem}-{number}.log")
    lines, whole = 0, False
    try:
        with file:
            for place, (_, text) in enumerate(buffer.texts()):
                file.write(text + "\n")
                lines += text.count("\n") + 1
                if place % 16 == 15:
                    yield
        whole = True
    finally:
        if not whole:
            path.unlink(missing_ok=True)
    return path, lines
