"""Search in one run's log: the numbers of the lines that hold a text."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from kbench_jupyter.panels.log.buffer import LogBuffer


class Search:
    """The numbers of the lines that hold a text, in either case; grows with the buffer.

    Colours in the lines are looked past. With `errors` it looks in stderr only; without a text, each line of
    stderr is a hit then.
    """

    def __init__(self, buffer: LogBuffer, text: str, *, errors: bool = False) -> None:
        self.text = text
        self.errors = errors
        self._buffer = buffer
        self._needle = text.lower()
        self._hits = array("Q")
        self._upto = 0

    def __len__(self) -> int:
        return len(self._hits)

    def update(self) -> None:
        """Look through the lines that have come since."""
        if not self._needle and not self.errors:
            return
        for first, raw, text in self._buffer.blocks(self._upto):
            low = text.lower()
            if self._needle in low:
                found = (i for i, line in enumerate(low.split("\n")) if self._needle in line)
                self._hits.extend(first + i for i in found if not self.errors or raw[i][:1] in b"eEtT")
            self._upto = first + len(raw)

    def step(self, line: int, direction: int) -> int | None:
        """Return the position in the hits of the one behind (1) or before (-1) a line, going round.

        With direction 0 a hit on the line itself counts, too.
        """
        if not self._hits:
            return None
        if direction < 0:
            return (bisect_left(self._hits, max(0, line)) - 1) % len(self._hits)
        place = (
            bisect_left(self._hits, max(0, line))
            if direction == 0
            else bisect_right(self._hits, max(0, line))
        )
        return place % len(self._hits)

    def line(self, position: int) -> int:
        """Return the line number of a hit."""
        return self._hits[position]
