"""Draw a view as plain text, for terminals, logs and anything that shows no HTML."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from kbench_jupyter.display.parts import Cell, Facts, Part, Table, View

#: A sign beside the word, so that a state does not hang on colour alone; in texts, HTML and panels alike.
SIGNS = {"good": "✓", "bad": "✗", "busy": "…", "warn": "!", "quiet": "•"}

# Everything a terminal would act on, and the marks that reorder text, but for newline and tab; and halves of
# characters that nothing can print.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
#: Columns of a word that is kept whole as long as that is possible ("completed", a date), and of any column.
_SHORT, _NARROWEST = 10, 8
#: What stands around text that is gone and that is new, as word diffs of wdiff and git have it.
MARKS = {"gone": ("[-", "-]"), "new": ("{+", "+}")}
#: What is drawn here beside ASCII and takes one column: nearly all text is measured without wcwidth's tables.
_ONE_COLUMN = dict.fromkeys(map(ord, "✓✗…•→─±"), "x")
#: Characters of a table's cell, and of any other text, that are drawn: whole texts stand in code blocks and files.
_MOST, _LONGEST = 1_000, 10_000


def visible(text: str) -> str:
    """Return text in which control and direction marks are spelled out, so that they only appear."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def clipped(text: str, most: int) -> str:
    """Return text with at most so many characters, and a word on how many there are in all.

    What a server names may be of any length, and measuring a text's columns costs far more than cutting it.
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def terminal_width() -> int | None:
    """Return the columns of the terminal that is written to, None where it is none and others fold the lines."""
    return _columns() if _is_terminal() else None


def _is_terminal() -> bool:
    return bool(getattr(sys.stdout, "isatty", lambda: False)())


def shows_colours() -> bool:
    """Return whether text may be coloured: for a terminal or a notebook, unless ``NO_COLOR`` (no-color.org) is set."""
    if os.environ.get("NO_COLOR"):
        return False
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    if hasattr(get_ipython(), "kernel"):  # its front end draws colours, whatever terminal it was started from
        return True
    return _is_terminal() and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    """Return `text` as it is, or without its colours where none are shown."""
    return text if "\x1b" not in text or shows_colours() else _COLOUR.sub("", text)


def _columns() -> int:
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def folded(text: str, indent: str = "") -> str:
    """Return what somebody else may have worded, with nothing in it that a terminal acts on, in its width."""
    width = terminal_width()
    return visible(text) if width is None else _wrap(visible(text), width, indent)


def block(title: str, colour: str, lines: Sequence[str]) -> list[str]:
    """Draw an error in place of its traceback: a title, in a colour (an SGR code), then its lines.

    These are the message, the detail, which is indented and stays whole, and the hint, which begins with an arrow.
    """
    head = f"{title}:"
    first, *rest = lines or [""]
    drawn = folded(f"{head} {first}", "  ")
    if drawn.startswith(head) and shows_colours():
        drawn = f"\x1b[{colour}m\x1b[1m{head}\x1b[0m{drawn.removeprefix(head)}"
    hint = next((number for number, line in enumerate(rest) if line.startswith("→ ")), len(rest))
    before = [visible(line) if line.startswith("  ") else folded(line, "  ") for line in rest[:hint]]
    # What follows the hint's first line is indented, too, and is words or a usage line: folded one step further in.
    after = [folded(line, "    " if line.startswith("  ") else "  ") for line in rest[hint:]]
    return [drawn, *before, *after]


def to_text(view: View, width: int | None = None) -> str:
    """Draw `view` in at most `width` columns (default: the terminal's, at most 100), without trailing newline."""
    width = width or _columns()
    blocks = [_wrap(_sign(view.title), width)]
    blocks += [block for part in view.parts if (block := _draw(part, width))]
    if view.notes:
        blocks.append("\n".join(_wrap("! " + visible(note), width, "  ") for note in view.notes))
    if view.next:
        room = max(columns_of(visible(command)) for command, _ in view.next)
        indent = " " * (room + 4) if room + 24 < width else " " * 6
        steps = [f"  {_left(visible(command), room)}  {visible(why)}".rstrip() for command, why in view.next]
        blocks.append("\n".join(["Next:", *(_wrap(step, width, indent) for step in steps)]))
    if view.footer:
        blocks.append(_wrap(visible(view.footer), width))
    return "\n\n".join(blocks)


def _draw(part: Part, width: int) -> str:
    if isinstance(part, Facts):
        return _facts(part, width)
    if isinstance(part, Table):
        return _table(part, width)
    if part.code:
        return textwrap.indent(visible(part.text).rstrip("\n"), "  ")
    # Quiet text is a heading or a remark: a sign before it would look like an item of a list.
    return _wrap(_sign(Cell(part.text, "" if part.tone == "quiet" else part.tone)), width, "")


def _facts(facts: Facts, width: int) -> str:
    items = {visible(name): drawn for name, value in facts.items.items() if (drawn := _sign(value))}
    if not items:
        return ""
    room = max(map(columns_of, items))
    return "\n".join(
        _wrap(f"{_left(name, room)}  {value}", width, " " * (room + 2)) for name, value in items.items()
    )


def _table(table: Table, width: int) -> str:
    if not table.rows:
        return table.empty
    columns, drawn_rows = table.drawn()
    rows = [[_one_line(_sign(cell)) for cell in row] for row in drawn_rows]
    by_head = {
        head: [_one_line(head.removesuffix(">")), *texts]
        for head, texts in zip(columns, zip(*rows, strict=True), strict=True)
    }
    words = {head: max(_longest_word(text) for text in column) for head, column in by_head.items()}
    left_out = []
    for head in table.spare:
        if head in by_head and sum(words.values()) + 2 * (len(words) - 1) > width:
            left_out += by_head.pop(head)[:1]
            del words[head]
    pads = [_right if head.endswith(">") else _left for head in by_head]
    heads, *rows = map(list, zip(*by_head.values(), strict=True))
    widths = _fit([max(map(columns_of, column)) for column in by_head.values()], list(words.values()), width)

    def line(cells: Sequence[str]) -> list[str]:
        folded = [_fold(cell, room) for cell, room in zip(cells, widths, strict=True)]
        out = []
        for texts in zip_longest(*folded, fillvalue=""):
            padded = [pad(text, room) for pad, text, room in zip(pads, texts, widths, strict=True)]
            out.append("  ".join(padded).rstrip())
        return out or [""]

    rule = "  ".join("─" * room for room in widths)
    lines = [*line(heads), rule, *(drawn for row in rows for drawn in line(row))]
    return "\n".join([*lines, *([f"(no room for: {', '.join(left_out)})"] if left_out else [])])


def _longest_word(text: str) -> int:
    return max(map(columns_of, text.split()), default=0)


def _fit(widths: Sequence[int], words: Sequence[int], total: int) -> list[int]:
    """Narrow the widest columns until all fit: those that can fold between words, then the others, last the first.

    What a row is about stands first, and is to be typed or copied whole, if that is less than half of all.
    """
    widths, room = list(widths), total - 2 * (len(widths) - 1)
    short, narrowest = ([min(word, least) for word in words] for least in (_SHORT, _NARROWEST))
    # Where a word is to be broken all the same, others need not be folded for it.
    whole = [words] if sum(words) <= room else []
    for least in (*whole, [min(words[0], total // 2), *short[1:]], short, narrowest):
        while sum(widths) > room:
            spare = [place for place, width in enumerate(widths) if width > least[place]]
            if not spare:
                break
            widths[max(spare, key=lambda place: widths[place])] -= 1
    return widths


def _fold(text: str, room: int) -> list[str]:
    if len(text) <= room and _is_plain(text):
        return [text]
    fits = _is_plain(text) and max(map(len, text.split()), default=0) <= room  # then they wrap alike
    return (textwrap.wrap if fits else _wcwidth().wrap)(text, max(1, room)) or [""]


def _one_line(text: str) -> str:
    return " ".join(map(_with_base, visible(clipped(text, _MOST)).split()))


def _with_base(word: str) -> str:
    """Give a mark that begins a word the customary circle: on a blank it would take a column of its own."""
    return word if word[0].isascii() or not unicodedata.category(word[0]).startswith("M") else f"\u25cc{word}"


def columns_of(text: str) -> int:
    """Columns a text takes in a terminal."""
    return len(text) if _is_plain(text) else _measured(text)


@lru_cache(256)
def _measured(text: str) -> int:
    return int(_wcwidth().width(text))


def _is_plain(text: str) -> bool:
    """Whether each character takes one column, as is known without looking any of them up."""
    if not text.isascii():
        text = text.translate(_ONE_COLUMN)
    return text.isascii() and text.isprintable()


def _wcwidth() -> Any:
    import wcwidth  # takes long to import, for most commands have nothing to look up in it

    return wcwidth


def _left(text: str, room: int) -> str:
    return text + " " * (room - columns_of(text))


def _right(text: str, room: int) -> str:
    return " " * (room - columns_of(text)) + text


def _sign(value: str | Cell | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return visible(clipped(value, _LONGEST))
    sign, text = SIGNS.get(value.tone, ""), visible(clipped(_marked(value), _LONGEST))
    return f"{sign} {text}" if sign and text else text


def _marked(cell: Cell) -> str:
    around = [(text, *MARKS.get(kind, ("", ""))) for text, kind in cell.pieces]
    return "".join(before + text + after for text, before, after in around) or cell.text


def _wrap(text: str, width: int, indent: str = "") -> str:
    """Wrap each line that is too long; words are never broken, so that a command or address stays whole."""
    how: dict[str, Any] = {"subsequent_indent": indent, "break_long_words": False, "break_on_hyphens": False}
    lines: list[str] = []
    for line in text.split("\n"):
        wrap = textwrap.wrap if _is_plain(line) else _wcwidth().wrap
        lines += (wrap(line, width, **how) or [""]) if columns_of(line) > width else [line]
    return "\n".join(lines)
