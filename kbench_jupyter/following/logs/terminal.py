r"""Turns log entries into lines, as a terminal would show them.

A run writes pieces: half lines, several lines at once, ``\r`` progress bars that draw over themselves,
colours and cursor codes. What a reader wants is lines. Colours stay (as SGR codes), everything else a
terminal acts on is acted on or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kbench_jupyter.api.values.runs import LogEntry

_CODE = re.compile(
    r"\x1b\[(?P<colours>[0-9;:]*)m"  # SGR (ECMA-48)
    r"|\x1b\[(?P<params>[0-9;:?<=>]*)[ -/]*(?P<final>[@-~])"  # CSI; with another m a terminal sends other keys
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # OSC: window titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_DRAWS_OVER = re.compile(r"[\r\b]|\x1b\[[0-9;?]*[CDGKP]")
# What else a terminal acts on, the marks that reorder text, and halves of characters that nothing can print.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Of these, and what else a terminal acts on, those that are ASCII.
_ACTS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])
_COMPACT = 4096  # characters of a line in the making after which what was drawn over is let go
_KEPT = 8_000_000  # characters kept of the beginning of a line that does not end, and of its end
_WIDEST = 10_000  # columns a cursor code may move to; no terminal is wider


@dataclass(frozen=True)
class Line:
    """A line of a run's log."""

    stream: str  # which of the run's streams wrote it
    text: str  # without line end; may hold colours
    late: bool = False  # whether it belongs before lines that came earlier


class Terminal:
    """An incremental view of log entries as lines; half lines are joined stream by stream."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, bool], _HalfLine] = {}

    def feed(self, entry: LogEntry) -> list[Line]:
        """Return the lines that `entry` completes."""
        key = (entry.stream, entry.late)
        half = self._open.get(key) if not entry.gap else None
        *whole, rest = entry.data.split("\n")
        done = []
        for text in whole:
            raw = text if half is None else half.text + text
            half = None
            done.append(Line(entry.stream, _shown(raw.removesuffix("\r")), entry.late))
        if rest:
            half = half or _HalfLine()
            half.add(rest)
        if half is None:
            self._open.pop(key, None)
        else:
            self._open[key] = half
        return done

    @property
    def unfinished(self) -> list[Line]:
        """The half lines there are now, at most one a stream; they may still be drawn over."""
        return [
            Line(stream, _shown(half.text.removesuffix("\r")), late)
            for (stream, late), half in self._open.items()
        ]

    def finish(self) -> list[Line]:
        """Return the half lines as lines, since nothing will complete them any more."""
        lines = self.unfinished
        self._open.clear()
        return lines


class _HalfLine:
    """A line in the making; what was drawn over is let go, so that a progress bar stays small."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._drawn = 0  # characters since the last time
        self._size = 0
        self._head, self._left_out = "", 0

    def add(self, data: str) -> None:
        self._pieces.append(data)
        self._drawn += len(data)
        self._size += len(data)
        if self._size > 4 * _KEPT:
            self._shorten()
        if self._drawn >= _COMPACT and "\r" in data:
            drawn, _, rest = self.text.rpartition("\r")
            row = _Row(drawn)
            self._pieces = [f"{row.render()}\r{row.style.code}{rest}"]
            self._drawn, self._size = 0, len(self._pieces[0])
            self._head, self._left_out = "", 0  # they are in there

    def _shorten(self) -> None:
        text = "".join(self._pieces)
        if not self._left_out:
            self._head, text = text[:_KEPT], text[_KEPT:]
        self._left_out += len(text) - _KEPT
        self._pieces, self._size = [text[-_KEPT:]], _KEPT

    @property
    def text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        text = self._pieces[0] if self._pieces else ""
        return f"{self._head} [{self._left_out:,} characters] {text}" if self._left_out else text


def strip_codes(text: str) -> str:
    """Return `text` without escape codes."""
    return _CODE.sub("", text) if "\x1b" in text else text


def acts(text: str) -> bool:
    """Return whether a terminal would do anything with `text` but write it, line by line."""
    if text.isascii():  # most of a log is, and looked at so costs a sixth
        raw = text.encode("ascii")
        return len(raw.translate(None, _ACTS)) < len(raw)
    return "\x1b" in text or "\r" in text or _UNSAFE.search(text) is not None


def _shown(raw: str) -> str:
    if _DRAWS_OVER.search(raw):
        raw = _Row(raw).render()
    elif "\x1b" in raw:
        raw = _CODE.sub(lambda code: "" if code["colours"] is None else code.group(), raw)
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), raw)


class _Style:
    """The colours text is drawn in, an attribute at a time, so that repeating a code adds nothing."""

    # 23 ends what 3 begins, and so on; a weight and a blinking are one of two each, a colour any of many.
    _ENDED_BY: Mapping[str, tuple[str, ...]] = {
        **{f"2{name}": (name,) for name in "34789"},
        **{"22": ("1", "2"), "25": ("5", "6"), "39": ("3x",), "49": ("4x",)},
    }

    def __init__(self) -> None:
        self._set: dict[str, str] = {}
        self.code = ""

    def obey(self, params: str) -> None:
        """Take over a select graphic rendition code (ECMA-48, section 8.3.117)."""
        parts = params.split(";")
        while parts:
            part = parts.pop(0)
            if part in ("38", "48") and parts:  # the colour follows: 5;n or 2;r;g;b
                count = {"5": 2, "2": 4}.get(parts[0], 1)
                part = ";".join((part, *parts[:count]))
                del parts[:count]
            if part.strip("0") == "":
                self._set.clear()
            elif part in self._ENDED_BY:
                for name in self._ENDED_BY[part]:
                    self._set.pop(name, None)
            else:
                self._set[_attribute(part)] = part
        self.code = f"\x1b[{';'.join(self._set.values())}m" if self._set else ""


def _attribute(part: str) -> str:
    number = int(part[:3].partition(";")[0].partition(":")[0] or 0) if part[:1].isdigit() else 0
    if 30 <= number <= 38 or 90 <= number <= 97:
        return "3x"
    return "4x" if 40 <= number <= 48 or 100 <= number <= 107 else str(number)


class _Row:
    """One row of cells, each a character with the colours it was drawn in."""

    def __init__(self, raw: str) -> None:
        self.cells: list[tuple[str, str]] = []
        self.style = _Style()
        self._column = 0
        place = 0
        for code in _CODE.finditer(raw):
            self._write(raw[place : code.start()])
            if code["colours"] is None:
                self._obey(code["final"] or "", code["params"] or "")
            else:
                self.style.obey(code["colours"])
            place = code.end()
        self._write(raw[place:])

    def _write(self, text: str) -> None:
        style = self.style.code
        for character in text:
            if character == "\r":
                self._column = 0
            elif character == "\b":
                self._column = max(0, self._column - 1)
            else:
                self.cells += [("", " ")] * (self._column - len(self.cells))
                self.cells[self._column : self._column + 1] = [(style, character)]
                self._column += 1

    def _obey(self, final: str, params: str) -> None:
        count = min(int(params[:9]), _WIDEST) if params.isascii() and params.isdigit() else 0
        if final == "C":
            self._column = min(self._column + max(1, count), _WIDEST)
        elif final == "D":
            self._column = max(0, self._column - max(1, count))
        elif final == "G":
            self._column = max(1, count) - 1
        elif final == "P":
            del self.cells[self._column : self._column + max(1, count)]
        elif final == "K" and count == 0:
            del self.cells[self._column :]
        elif final == "K":
            upto = len(self.cells) if count == 2 else min(self._column + 1, len(self.cells))
            self.cells[:upto] = [("", " ")] * upto

    def render(self) -> str:
        out: list[str] = []
        style = ""
        while self.cells and self.cells[-1] == ("", " "):
            self.cells.pop()
        for drawn_in, character in self.cells:
            if drawn_in != style:
                out.append(("\x1b[0m" if style else "") + drawn_in)
                style = drawn_in
            out.append(character)
        return "".join(out) + ("\x1b[0m" if style else "")
