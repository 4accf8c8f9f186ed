"""Views as plain values, for a panel to draw: what the typed command shows, as data and never as HTML."""

from __future__ import annotations

from typing import Any

from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, Value

#: What a panel has room for; the typed command shows all of it.
_ROWS, _TEXT = 50, 2_000


def told(shown: Shown, *kinds: type[Part]) -> dict[str, Any]:
    """Return a result's title and notes, and its parts of some kinds (`Facts`, `Table`, `Text`)."""
    view = shown.view()
    title = view.title if isinstance(view.title, Cell) else Cell(view.title, "good")
    parts = [_part(part) for part in view.parts if isinstance(part, kinds)]
    return {"tone": title.tone, "lines": [title.text, *view.notes], "parts": parts}


def lines(*texts: str) -> dict[str, Any]:
    """Return lines in the shape of what `told` returns."""
    return {"tone": "good", "lines": list(texts), "parts": []}


def scheduling(scheduled: Any) -> list[str]:
    """Say in lines what was scheduled and what was not, and why not."""
    title = scheduled.view().title
    said = [getattr(title, "text", title)]
    for result in scheduled.scheduled:
        if not result.scheduled:
            said.append(
                f"{result.candidate}: skipped ({result.skipped_reason or 'the server gave no reason'})"
            )
        elif result.note:
            said.append(f"{result.candidate}: {result.note}")
    return said


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"kind": "text", **_value(Cell(part.text, part.tone)), "code": part.code}
    if isinstance(part, Facts):
        items = [{"name": name, **_value(value)} for name, value in part.items.items()]
        return {"kind": "facts", "items": [item for item in items if item["text"]]}
    return _table(part)


def _table(table: Table) -> dict[str, Any]:
    columns, rows = table.drawn()
    return {
        "kind": "table",
        "columns": [{"text": head.removesuffix(">"), "right": head.endswith(">")} for head in columns],
        "rows": [[_value(value) for value in row] for row in rows[:_ROWS]],
        "left": max(0, len(rows) - _ROWS),
    }


def _value(value: Value) -> dict[str, str]:
    cell = value if isinstance(value, Cell) else Cell(value or "")
    text = cell.text if len(cell.text) <= _TEXT else f"{cell.text[:_TEXT]}…"
    return {"text": text, "tone": cell.tone}
