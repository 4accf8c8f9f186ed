"""Show: the task source as text, and what was left out of it."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.display.view import Part, Shown, Table, Text, View, count
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.validation.rules.secrets import mask


@dataclass(frozen=True)
class SourceShown(Shown):
    """The task source, cell by cell, and what was left out."""

    chosen: ChosenTask

    def view(self) -> View:
        """Describe the source."""
        source = self.chosen.source
        parts: list[Part] = []
        shown = [mask(cell.text) for cell in source.cells]
        for cell, text in zip(source.cells, shown, strict=True):
            kind = "" if cell.kind == "code" else f" ({cell.kind})"
            parts += [Text(f"cell {cell.ref.number}{kind}", tone="quiet"), Text(text, code=True)]
        left = [
            (f"cell {x.ref.number}" + (f", line {x.line}" if x.line else ""), mask(x.text), x.reason)
            for x in source.left_out
        ]
        if left:
            parts.append(Table(["left out", "text", "because"], left))
        make = "makes" if len(source.cells) == 1 else "make"
        title = f"{source.origin}: {count(len(source.cells), 'cell')} {make} the task source"
        notes = list(self.chosen.notes)
        if shown != [cell.text for cell in source.cells]:
            notes.append("*** hides what looks like a secret here. A push sends it as it stands in the cell.")
        try:
            choice = self.chosen.choice
        except ValidationError as error:
            notes.append(f"{error} {error.hint}")
        else:
            if choice:
                notes.append(f"A push adds %choose {choice} as the last cell: the server takes one task.")
        return View(title, parts, notes=notes, next=[(self.chosen.line("validate"), "try it here")])
