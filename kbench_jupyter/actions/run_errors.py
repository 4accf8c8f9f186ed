"""Errors of runs on the server, told as a rehearsal's are: the notebook's cells and lines, libraries folded.

A run's traceback names files of the kernel that ran it, not cells. Where the current notebook still is what was
pushed, a frame's cell is the one that has the quoted text on that line. Otherwise no cell is named.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from kbench_jupyter.actions import pushes
from kbench_jupyter.actions.cards import last_line
from kbench_jupyter.actions.edited import digest_of
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.notebook.source import place_in_words
from kbench_jupyter.validation.rehearsal.tracebacks import raised, tell

if TYPE_CHECKING:
    from kbench_jupyter.actions.session import Session
    from kbench_jupyter.actions.target import Target
    from kbench_jupyter.api import Task
    from kbench_jupyter.notebook.source import TaskSource

__all__ = ["NO_SOURCE", "RunErrors", "errors_of"]

# A cell's frame in a traceback that Python wrote, and the line it quotes.
_FRAME = re.compile(
    r'^(?P<start> *)File "[^"\n]*ipykernel_[^"\n]*", line (?P<line>\d+)(?P<rest>.*)\n(?P<quoted> .*)', re.M
)


class RunErrors:
    """Explains the error messages of one task version's runs.

    Parameters
    ----------
    source : TaskSource or None
        What was pushed as that version, where it is known.
    """

    def __init__(self, source: TaskSource | None = None) -> None:
        self._source = source

    def whole(self, message: str | None) -> str:
        """Return an error message with places of the notebook, and without what libraries do in between."""
        if not message or "Traceback (most recent call last)" not in message:
            return message or ""
        head, _, traceback = message.partition("Traceback (most recent call last)")
        told = tell(f"Traceback (most recent call last){traceback}", *raised(message))
        return _FRAME.sub(self._named, head + told.traceback)

    def line(self, message: str | None) -> str:
        """Return an error message as one line: the exception, and where in the notebook it was raised."""
        if not message:
            return ""
        places = [place for found in _FRAME.finditer(message) if (place := self._place(found))]
        return last_line(message) + (f" ({places[-1]})" if places else "")

    def _named(self, found: re.Match[str]) -> str:
        place = self._place(found) or f"a cell of the notebook, line {found['line']}"
        return f"{found['start']}{place[0].upper()}{place[1:]}{found['rest']}\n{found['quoted']}"

    def _place(self, found: re.Match[str]) -> str:
        """Return the place of a frame if only one cell has that text on that line, else ""."""
        line, quoted = int(found["line"]), found["quoted"].strip()
        places = []
        for cell in self._source.cells if self._source else ():
            lines = cell.text.splitlines()
            if cell.kind == "code" and 0 < line <= len(lines) and lines[line - 1].strip() == quoted:
                own = cell.lines[line - 1] if line <= len(cell.lines) else line
                file_line = self._source.file_line(cell.ref, own) if self._source else None
                places.append(place_in_words(cell.ref, own, file_line))
        return places[0] if len(places) == 1 else ""


#: Explains errors where nothing is known of the source.
NO_SOURCE = RunErrors()


def errors_of(session: Session, target: Target, task: Task) -> RunErrors:
    """Return what explains the errors of a task's newest version.

    Parameters
    ----------
    session : Session
        Its notebook is the source if that version was pushed from it and it has not changed since.
    target : Target
    task : Task
    """
    slug = task.slug.task
    with suppress(KBenchError):
        chosen = choose_task(session, slug)
        digest = digest_of(chosen, task)
        if pushes.is_unchanged(session.state_folder, target.base_url, slug, task.version, digest):
            return RunErrors(chosen.source)
    return NO_SOURCE
