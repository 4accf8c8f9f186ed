"""A parser for server-sent events, fed with bytes as they arrive.

It follows the event stream format of the WHATWG HTML standard (section 9.2.6). Our own, since what is
there does not fit: ``sseclient-py`` 1.9 hands out the half event of a stream that was cut (a log line
would come out mangled, and then again whole), and ``httpx-sse`` wants httpx's responses.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from kbench_jupyter.api.transport import TransportFault

_LARGEST = 64_000_000  # characters of one event


@dataclass(frozen=True)
class Event:
    """One event: its type (``"message"`` unless named), its data, and the last id seen."""

    type: str
    data: str
    id: str


class EventParser:
    """Turns the bytes of one stream into events; a half event at the end is discarded."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id  # seen last, to send as Last-Event-ID when connecting again
        self.retry: float | None = None  # seconds the server asks to wait before connecting again
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest: list[str] = []  # pieces of the line that has not ended yet
        self._size = 0
        self._after_cr = False
        self._data: list[str] = []
        self._type = ""

    @property
    def inside(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._rest or self._data)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that a piece of the stream completes; `TransportFault` if one grows without end."""
        text = self._decoder.decode(piece)
        if not text:
            return
        if self._after_cr and text[0] == "\n":
            text = text[1:]  # the second half of a CR LF that was split between two pieces
        self._after_cr = text.endswith("\r")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = "".join((*self._rest, lines[0]))
            self._rest = []
        if rest:
            self._rest.append(rest)
            self._grow(len(rest))
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > _LARGEST:
            raise TransportFault(
                f"An entry of the log is larger than {_LARGEST:,} characters.", retryable=False
            )

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._grow(len(value))
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value[:9]) / 1000
        return None  # anything else is a comment (no name) or a field of the future

    def _dispatch(self) -> Event | None:
        data, kind = self._data, self._type
        self._data, self._type, self._size = [], "", 0
        return Event(kind or "message", "\n".join(data), self.last_id) if data else None
