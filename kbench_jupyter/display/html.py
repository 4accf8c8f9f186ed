"""Draw a view as HTML that follows JupyterLab's theme and stands alone everywhere else.

Only inline styles and one scoped class are used: nbviewer and VS Code strip or isolate style sheets.
JupyterLab's CSS variables come first, then VS Code's
(https://code.visualstudio.com/api/references/theme-color), with fallbacks for light grounds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from kbench_jupyter.display.parts import Cell, Facts, Part, Table, View
from kbench_jupyter.display.text import SIGNS, visible

#: The colour of each tone.
TONES = {
    "good": "var(--jp-success-color0, var(--vscode-charts-green, #1b7f3b))",
    "bad": "var(--jp-error-color0, var(--vscode-list-errorForeground, #c62828))",
    "busy": "var(--jp-info-color0, var(--vscode-textLink-foreground, #0277bd))",
    "warn": "var(--jp-warn-color0, var(--vscode-list-warningForeground, #b45f06))",
    "quiet": "var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #707070))",
}
#: Not across lines, and not two backticks in a row: those begin a block, or are nobody's code.
_TICKED = re.compile(r"(?<!`)`([^`\n]{1,200})`(?!`)")
#: An address with a scheme, or a place on the disk or on another server.
_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]*:|[/\\]")
_LINE = "var(--jp-border-color2, rgba(128,128,128,.35))"
_QUIET = TONES["quiet"]
_MONO = "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
#: A view's own class, and those by which MathJax 3 and 2 leave text alone, which typeset whatever stands between
#: two dollars or in backslashed brackets: here dollars are money, and what a model says is data.
CLASSES = "kbench-view mathjax_ignore tex2jax_ignore"
#: The style of text whose lines and spaces are kept.
CODE = f"{_MONO}; margin: 4px 0; max-height: 24em; overflow: auto; white-space: pre-wrap"
#: The style of a whole view.
FRAME = (
    f"border-left: 3px solid {_LINE}; padding: 2px 0 2px 12px; margin: 2px 0; max-width: 110ch; "
    "line-height: 1.45; color: var(--jp-content-font-color1, inherit); "
    "font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: var(--jp-ui-font-size1, 13px)"
)


def to_html(view: View) -> str:
    """Draw `view` as one HTML element; every text in it is escaped."""
    title = view.title if isinstance(view.title, Cell) else Cell(view.title)
    edge = TONES.get(title.tone)
    frame = FRAME.replace(f"solid {_LINE}", f"solid {edge}") if edge else FRAME
    # GitHub takes every style away, and leaves what is strong.
    strong = f'<strong style="font-weight: 600">{_cell(title)}</strong>'
    blocks = [f'<div style="margin-bottom: 4px">{strong}</div>']
    blocks += [block for part in view.parts if (block := _draw(part))]
    blocks += [
        f'<div role="note" style="color: {TONES["warn"]}; margin: 4px 0">! {_escape(note)}</div>'
        for note in view.notes
    ]
    if view.next:
        steps = "".join(
            f'<li style="margin: 0"><code style="{_MONO}">{_plain(command)}</code>'
            f'<span style="color: {_QUIET}"> {_escape(why)}</span></li>'
            for command, why in view.next
        )
        blocks.append(
            f'<div style="margin-top: 6px; color: {_QUIET}">Next</div>'
            f'<ul class="kbench-next" style="margin: 0; padding-left: 18px">{steps}</ul>'
        )
    if view.footer:
        blocks.append(
            f'<div style="color: {_QUIET}; font-size: 11px; margin-top: 6px">{_escape(view.footer)}</div>'
        )
    return f'<div class="{CLASSES}" style="{frame}">{"".join(blocks)}</div>'


def _draw(part: Part) -> str:
    if isinstance(part, Facts):
        return _facts(part)
    if isinstance(part, Table):
        return _table(part)
    if part.code:
        return f'<pre style="{CODE}">{_plain(part.text)}</pre>'
    if part.tone == "quiet":  # a heading or a remark: a sign before it would look like an item of a list
        return f'<div style="margin: 4px 0; color: {_QUIET}">{_escape(part.text)}</div>'
    return f'<div style="margin: 4px 0">{_cell(Cell(part.text, part.tone))}</div>'


def _facts(facts: Facts) -> str:
    rows = "".join(
        f'<tr style="background: none"><th scope="row" style="text-align: left; font-weight: normal; '
        f'color: {_QUIET}; padding: 1px 14px 1px 0; vertical-align: top">{_escape(name)}</th>'
        f'<td style="text-align: left; padding: 1px 0; white-space: pre-wrap">{_cell(value)}</td></tr>'
        for name, value in facts.items.items()
        if _cell(value)
    )
    return f'<table style="border: none; margin: 2px 0; border-collapse: collapse">{rows}</table>'


def _table(table: Table) -> str:
    if not table.rows:
        return f'<div style="color: {_QUIET}; margin: 4px 0">{_escape(table.empty)}</div>'
    columns, drawn_rows = table.drawn()
    sides = ["right" if head.endswith(">") else "left" for head in columns]
    heads = "".join(
        f'<th scope="col" style="text-align: {side}; padding: 2px 14px 2px 0; font-weight: 600; '
        f'border-bottom: 1px solid {_LINE}">{_escape(head.removesuffix(">"))}</th>'
        for head, side in zip(columns, sides, strict=True)
    )
    rows = "".join(
        '<tr style="background: none">'
        + "".join(
            f'<td style="text-align: {side}; padding: 2px 14px 2px 0; vertical-align: top">{_cell(cell)}</td>'
            for cell, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in drawn_rows
    )
    return (
        '<div style="overflow-x: auto"><table style="border-collapse: collapse; margin: 4px 0">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value: str | Cell | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _escape(value)
    text = "".join(_piece(*piece) for piece in value.pieces) or _escape(value.text)
    if value.href and value.href.startswith(("https://", "http://")):
        text = f'<a href="{escape(value.href)}" target="_blank" rel="noopener noreferrer">{text}</a>'
    elif value.href and not _ELSEWHERE.match(value.href):  # a file beside the notebook: JupyterLab opens it
        text = f'<a href="{escape(quote(value.href, errors="replace"))}">{text}</a>'
    if isinstance(value.value, datetime) and text:
        utc = value.value.astimezone(UTC)
        text = f'<time datetime="{utc.isoformat()}" title="{utc:%Y-%m-%d %H:%M:%S} UTC">{text}</time>'
    sign, colour = SIGNS.get(value.tone, ""), TONES.get(value.tone)
    if not colour or not value.text:
        return text
    if value.pieces:  # marked pieces have colours of their own
        return f'<span style="color: {colour}" aria-hidden="true">{sign}</span>&nbsp;{text}'
    return f'<span style="color: {colour}"><span aria-hidden="true">{sign}</span>&nbsp;{text}</span>'


def _piece(text: str, kind: str) -> str:
    if not kind:
        return _plain(text)
    element, tone = ("del", "bad") if kind == "gone" else ("ins", "good")
    # A line below or through it, so that what is marked does not hang on colour alone.
    return f'<{element} style="color: {TONES[tone]}">{_plain(text)}</{element}>'


def _escape(text: str) -> str:
    """Escape a text; what stands between backticks in it looks like code."""
    return _TICKED.sub(rf'<code style="{_MONO}">\1</code>', _plain(text))


def _plain(text: str) -> str:
    return escape(visible(text))
