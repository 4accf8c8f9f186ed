"""A report as Markdown: tables as GitHub draws them, and whatever a model wrote in fences that it cannot close."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.display.text import SIGNS, visible
from kbench_jupyter.display.view import Cell, Facts, Table, Text, Value, duration, money
from kbench_jupyter.results.report.content import (
    LONGEST,
    Content,
    clipped,
    column_names,
    in_a_line,
    row_name,
    summary,
    verdict,
)
from kbench_jupyter.results.samples import (
    GridCell,
    Media,
    Part,
    Reasoning,
    Sample,
    Structured,
    ToolCall,
    ToolResult,
    Transcript,
)
from kbench_jupyter.results.samples import Text as Written

#: What Markdown, or HTML in it, would act on.
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~&@:^$-])")


def markdown_pages(content: Content) -> Iterator[str]:
    """Yield the report piece by piece, cleaned."""
    return (content.clean(piece) for piece in _pieces(content))


def _pieces(content: Content) -> Iterator[str]:
    yield f"# {_inert(content.task)}: results\n\n{content.made:%Y-%m-%d %H:%M} UTC\n\n"
    for part in content.view.parts:
        if isinstance(part, Table):
            columns, rows = part.drawn()
            yield _table([head.removesuffix(">") for head in columns], [[*map(_cell, row)] for row in rows])
        elif isinstance(part, Facts):
            yield "".join(f"- {_inert(name)}: {_cell(value)}\n" for name, value in part.items.items()) + "\n"
        elif isinstance(part, Text):
            yield _fenced(part.text) if part.code else f"{_inert(part.text)}\n\n"
    yield from (f"> {_inert(note)}\n\n" for note in content.view.notes)
    for drawing in content.drawings:
        yield f"**{_inert(drawing.caption)}**\n\n{_fenced(drawing.text)}"
    yield from _grid(content)
    yield from _transcripts(content)


def _grid(content: Content) -> Iterator[str]:
    columns = content.index.columns()
    yield "## Samples\n\n"
    yield from (f"{_inert(said)}\n\n" for said in content.left_out)
    yield _head(["sample", "input", *column_names(columns)])
    for row in content.rows():
        cells = [row.cells.get(column) for column in columns]
        scores = score_texts([None if cell is None else cell.score for cell in cells])
        drawn = [_result(cell, score) for cell, score in zip(cells, scores, strict=True)]
        yield _line([_inert(row_name(row)), _inert(in_a_line(row.input)), *drawn])
    yield "\n"


def _result(cell: GridCell | None, score: str) -> str:
    if cell is None:
        return ""
    runs = len(cell.ids)
    word = "! errored" if cell.errored else "✓" if cell.passed == runs else "✗"
    return " ".join(filter(None, [word, f"{cell.passed}/{runs}" if runs > 1 else "", _inert(score)]))


def _transcripts(content: Content) -> Iterator[str]:
    for number, sample in enumerate(content.samples(), 1):
        content.on_sample(number)
        yield "## Transcripts\n\n" if number == 1 else ""
        yield f"### {_inert(verdict(sample)[1])}: {_inert(summary(sample))}\n\n"
        try:
            yield from _transcript(content.index.transcript(sample.id))
        except (KeyError, ValueError) as error:  # changed or gone since it was listed
            yield f"It cannot be read: {_inert(str(error))}\n\n"


def _transcript(found: Transcript) -> Iterator[str]:
    yield f"{_inert(_facts(found.sample))}\n\n"
    for made in found.assertions:
        line = "" if made.line is None else f" (line {made.line})"
        yield f"- {'✓' if made.passed else '✗'} {_inert(made.expectation or made.definition)}{line}\n"
    yield "\n" if found.assertions else ""
    for chat in found.chats:
        for message in chat.messages:
            role = f" ({message.role})" if message.sender else ""
            yield f"**{_inert(message.sender or message.role)}**{role}\n\n"
            for part in message.parts:
                yield _part(part)
    if found.error:
        yield _fenced(found.error)


def _facts(sample: Sample) -> str:
    facts = [
        f"result {sample.result}" if sample.result else "",
        f"{sample.input_tokens:,} tokens in, {sample.output_tokens:,} out",
        money(sample.cost),
        duration(sample.latency),
    ]
    return ", ".join(filter(None, facts))


def _part(part: Part) -> str:
    match part:
        case Written(text) | Structured(text):
            return _fenced(text)
        case Reasoning(text):
            return f"Reasoning:\n\n{_fenced(text)}"
        case ToolCall(name, arguments, _):
            return f"calls {_inert(name)}\n\n{_fenced(arguments)}"
        case ToolResult(name, text, _):
            return f"{_inert(name)} answered\n\n{_fenced(text)}"
        case Media():
            where = "" if part.uri.startswith("data:") else f" {part.uri}"
            return f"{_inert(f'[{part.mime or part.kind}{where}]')}\n\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return _head(heads) + "".join(map(_line, rows)) + "\n" if rows else ""


def _head(heads: Sequence[str]) -> str:
    return _line([_inert(head) for head in heads]) + _line(["---"] * len(heads))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(value: Value) -> str:
    if isinstance(value, Cell):
        sign = SIGNS.get(value.tone, "")
        return _inert(f"{sign} {value.text}" if sign and value.text and value.tone != "quiet" else value.text)
    return _inert(value or "")


def _inert(text: str) -> str:
    """Write a text in one line of which Markdown takes nothing for a mark."""
    return _MARKS.sub(r"\\\1", " ".join(visible(text[:LONGEST]).split()))


def _fenced(text: str) -> str:
    """Put a text between fences longer than any run of backticks in it."""
    shown = clipped(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}\n\n"
