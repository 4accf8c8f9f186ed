"""Reading a run file piece by piece: its fields, and its subruns one after the other, with where each lies.

A run over a large dataset is one file of hundreds of megabytes. Of those a buffer and one subrun are held at a time,
and a subrun is found again by its bytes' place without reading what is before it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Piece:
    """One field of the run, or one of its subruns."""

    name: str  #: the field's; ``subruns`` for each of them
    value: Any
    start: int  #: byte of the file at which the value begins
    length: int  #: bytes of the value


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """Yield the fields of the JSON object in a file, and each element of ``subruns`` by itself.

    Raises
    ------
    ValueError
        If it is no JSON object. Pieces that came before that are not to be trusted.
    OSError
        If the file cannot be read.
    """
    text = _Text(file)
    text.take("{")
    while text.peek() != "}":
        name = text.value()
        if not isinstance(name, str):
            raise ValueError(f"not the name of a field at byte {text.position}")
        text.take(":")
        if name == "subruns" and text.peek() == "[":
            yield from _elements(text, name)
        else:
            yield _piece(text, name)
        if text.peek() != "}":
            text.take(",")
    text.take("}")
    if text.peek():
        raise ValueError(f"more than one value, at byte {text.position}")


def _elements(text: _Text, name: str) -> Iterator[Piece]:
    text.take("[")
    while text.peek() != "]":
        yield _piece(text, name)
        if text.peek() != "]":
            text.take(",")
    text.take("]")


def _piece(text: _Text, name: str) -> Piece:
    text.peek()
    start = text.position
    value = text.value()
    return Piece(name, value, start, text.position - start)


class _Text:
    """The text of a file, of which only what was not taken yet is held."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        mark = codecs.BOM_UTF8  # an editor's
        self.position = len(mark) if file.read(len(mark)) == mark else 0  #: bytes of the file that were taken
        file.seek(self.position)

    def peek(self) -> str:
        """Pass over space, and return the next character; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            if space is not None:
                self._advance(space.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise ValueError(f"no {wanted!r} at byte {self.position}")
        self._advance(self._at + 1)

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # What ends where the buffer does, or at a point near it, may be the beginning of a longer number.
            if self._text[end : end + 1] not in ("", ".", "e", "E") or not self._more():
                self._advance(end)
                return value

    def _advance(self, end: int) -> None:
        passed = self._text[self._at : end]
        self.position += len(passed) if passed.isascii() else len(passed.encode("utf-8", "surrogatepass"))
        self._at = end

    def _more(self) -> bool:
        left = self._text[self._at :]
        chunk = self._file.read(max(_CHUNK, len(left)))
        self._text, self._at = left + self._decoder.decode(chunk, final=not chunk), 0
        return bool(chunk)
