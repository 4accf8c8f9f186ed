"""A report as one HTML page that asks for nothing: styles in the page, pictures as data, no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path

from kbench_jupyter.display.html import to_html
from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.results.report.content import Content, column_names, in_a_line, row_name, summary, verdict
from kbench_jupyter.results.report.transcript import Raw, plain, transcript_html
from kbench_jupyter.results.samples import Column, GridCell, GridRow, Sample

#: Nothing is fetched and nothing runs, whatever stands in a text. Styles of elements are the package's own.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_STYLE = Path(__file__).with_name("style.css")
#: How a table that may be wider than the page begins in a view's HTML.
_SCROLLS = '<div style="overflow-x: auto">'


def html_pages(content: Content) -> Iterator[str]:
    """Yield the page piece by piece, cleaned."""
    for piece in _pieces(content):
        yield piece if isinstance(piece, Raw) else content.clean(piece)


def _pieces(content: Content) -> Iterator[str]:
    title = f"{content.task}: results"
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{plain(title)}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>"
        f'<h1>{plain(title)}</h1><p class="quiet">{content.made:%Y-%m-%d %H:%M} UTC</p>'
    )
    compared = to_html(replace(content.view, next=(), footer=""))
    # On a page, unlike in a notebook, nothing else brings the keyboard to what scrolls.
    focusable = compared.replace(_SCROLLS, _SCROLLS.replace(">", ' tabindex="0">'))
    yield f"<section>{focusable}</section>"
    for drawing in content.drawings:
        caption = plain(drawing.caption)
        yield f'<figure tabindex="0"><figcaption>{caption}</figcaption>{drawing.svg}</figure>'
    shown = {sample.id: number for number, sample in enumerate(content.samples(), 1)}
    yield from _grid(content, shown)
    yield from _transcripts(content, shown)
    yield "</main></body></html>\n"


def _grid(content: Content, shown: Mapping[str, int]) -> Iterator[str]:
    columns = content.index.columns()
    yield '<section class="grid"><h2>Samples</h2>'
    yield from (f'<p class="quiet">{plain(said)}</p>' for said in content.left_out)
    for name in ("all", "failed", "differing"):
        checked = " checked" * (name == "all")
        yield f'<input type="radio" name="show" id="show-{name}"{checked}><label for="show-{name}">{name}</label>'
    heads = "".join(f'<th scope="col">{plain(name)}</th>' for name in column_names(columns))
    yield (
        '<div class="scroll" tabindex="0" role="region" aria-label="Samples"><table>'
        f'<thead><tr><th scope="col">sample</th><th scope="col">input</th>{heads}</tr></thead><tbody>'
    )
    for row in content.rows():
        yield _row(row, columns, shown)
    yield "</tbody></table></div></section>"


def _row(row: GridRow, columns: list[Column], shown: Mapping[str, int]) -> str:
    cells = [row.cells.get(column) for column in columns]
    scores = score_texts([None if cell is None else cell.score for cell in cells])
    failed = any(cell is not None and cell.passed < len(cell.ids) for cell in cells)
    kinds = " ".join(word for word, holds in (("failed", failed), ("differing", row.differing)) if holds)
    drawn = "".join(_cell(cell, score, shown) for cell, score in zip(cells, scores, strict=True))
    head = f'<th scope="row">{plain(row_name(row))}</th><td>{plain(in_a_line(row.input))}</td>'
    return f'<tr class="{kinds}">{head}{drawn}</tr>'


def _cell(cell: GridCell | None, score: str, shown: Mapping[str, int]) -> str:
    if cell is None:
        return "<td></td>"
    runs = len(cell.ids)
    tone, sign, word = "bad", "✗", "failed"
    if cell.errored:
        tone, sign, word = "error", "!", "errored"
    elif cell.passed == runs:
        tone, sign, word = "good", "✓", "passed"
    word += f" {cell.passed}/{runs}" if runs > 1 else ""
    text = f"{sign} {word}{f' {score}' if score else ''}"
    number = next((shown[one] for one in cell.ids if one in shown), None)
    linked = plain(text) if number is None else f'<a href="#s{number}">{plain(text)}</a>'
    why = f' title="{plain("; ".join(cell.failed))}"' if cell.failed else ""
    return f'<td class="{tone}"{why}>{linked}</td>'


def _transcripts(content: Content, shown: Mapping[str, int]) -> Iterator[str]:
    if not shown:
        return
    yield "<section><h2>Transcripts</h2>"
    for sample in content.samples():
        content.on_sample(shown[sample.id])
        yield from _transcript(content, sample, shown[sample.id])
    yield "</section>"


def _transcript(content: Content, sample: Sample, number: int) -> Iterator[str]:
    tone, word = verdict(sample)
    said = plain(in_a_line(sample.error if sample.errored else sample.input))
    yield (
        f'<details class="sample"><summary><span class="{tone}">{plain(word)}</span> {plain(summary(sample))} '
        f'<span class="quiet">{said}</span></summary><div id="s{number}">'
    )
    try:
        yield from transcript_html(content.index.transcript(sample.id))
    except (KeyError, ValueError) as error:  # changed or gone since it was listed
        yield f'<p class="bad">It cannot be read: {plain(str(error))}</p>'
    yield "</div></details>"
