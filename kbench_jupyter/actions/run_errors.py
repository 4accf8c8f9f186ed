"""Errors of runs on the server, told as a rehearsal's are: the notebook's cells and lines, libraries folded.

A run's traceback names files of the kernel that ran it, a failed cell's the prompts of what was executed there, and
neither is a cell of the user's notebook. Where that still is what was pushed, they are found in it: a prompt by
counting, a file's line by the text that the traceback quotes, if only one cell has it there. Otherwise no cell of
theirs is named, and what the server counted says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from kbench_jupyter.actions.at_once import asked
from kbench_jupyter.actions.cards import last_line
from kbench_jupyter.actions.pushes import digest_of, pushed_digest
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.api import Task
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.quick_import import load
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import TaskSource
    from kbench_jupyter.validation.rehearsal.places import Places

_TRACEBACK = "Traceback (most recent call last)"
# A cell's frame in a traceback that Python wrote, and the line it quotes.
_FRAME = re.compile(
    r'^(?P<start> *)File "[^"\n]*ipykernel_[^"\n]*", line (?P<line>\d+)(?P<rest>.*)\n(?P<quoted> .*)', re.M
)
# How the embedded server says which cell of the notebook that it was sent failed, and IPython where a frame is.
_FAILED = re.compile(r"^Cell (\d+)(?:, line (\d+))? failed:$", re.M)
_PROMPT = re.compile(r"^Cell In ?\[\d+\], line \d+", re.M)


class RunErrors:
    """Explains the error messages of one task version's runs.

    Parameters
    ----------
    source : TaskSource or None
        What was pushed as that version, where it is known.
    version : int or None
        That version.
    """

    def __init__(self, source: TaskSource | None = None, version: int | None = None) -> None:
        self._source = source
        self._version = version

    def of(self, version: int | None) -> RunErrors:
        """Return what explains the errors of a version's runs."""
        return self if version == self._version else NO_SOURCE

    def source_of(self, version: int | None) -> TaskSource | None:
        """Return what was pushed as a version, where it is known."""
        return self._source if version == self._version else None

    def whole(self, message: str | None) -> str:
        """Return an error message with places of the notebook, and without what libraries do in between."""
        if not message or _TRACEBACK not in message:
            return message or ""
        from kbench_jupyter.validation.rehearsal.tracebacks import raised, tell  # only now: there is an error

        # IPython writes the exception's name before these words, in the same line.
        start = message.rfind("\n", 0, message.index(_TRACEBACK)) + 1
        head = _FAILED.sub(self._failed, message[:start])
        traceback = message[start:]
        if self._executed is not None:
            traceback = self._executed.named(traceback)
        told = tell(traceback, *raised(message))
        return _FRAME.sub(self._named, head + told.traceback)

    def line(self, message: str | None) -> str:
        """Return an error message as one line: the exception, and where in the notebook it was raised."""
        if not message:
            return ""
        from kbench_jupyter.validation.rehearsal.tracebacks import shortened

        places = [place for found in _FRAME.finditer(message) if (place := self._place(found))]
        if not places and self._executed is not None:
            places = [str(place) for place in self._executed.frames(message)]
        if not places and (prompts := _PROMPT.findall(message)):
            places = [f"{prompts[-1]}, as the server counts"]
        return shortened(last_line(message)) + (f" ({places[-1]})" if places else "")

    @cached_property
    def _executed(self) -> Places | None:
        """The notebook that was executed, with the prompts that its cells had then."""
        if self._source is None:
            return None
        from kbench_jupyter.notebook.pushed import push_notebook
        from kbench_jupyter.validation.rehearsal.places import Places

        cells = load("nbformat").reads(push_notebook(self._source), as_version=4).cells
        prompt = count(1)
        for cell in cells:
            if cell.cell_type == "code" and cell.source.strip():
                cell.execution_count = next(prompt)
        return Places(self._source, cells)

    def _failed(self, found: re.Match[str]) -> str:
        """Say which cell failed, in the user's notebook or else in the server's."""
        index, line = int(found[1]) - 1, None if found[2] is None else int(found[2])
        place = None if self._executed is None else self._executed.place(index, line)
        if place is not None:
            return f"{str(place)[0].upper()}{str(place)[1:]} failed:"
        return f"{found[0].removesuffix(' failed:')} of the notebook that was pushed failed:"

    def _named(self, found: re.Match[str]) -> str:
        place = self._place(found) or f"a cell of the notebook, line {found['line']}"
        return f"{found['start']}{place[0].upper()}{place[1:]}{found['rest']}\n{found['quoted']}"

    def _place(self, found: re.Match[str]) -> str:
        """Return the place of a frame if only one cell has that text on that line, else ""."""
        from kbench_jupyter.notebook.source import place_in_words

        line, quoted = int(found["line"]), found["quoted"].strip()
        places = []
        for cell in self._source.cells if self._source else ():
            lines = cell.text.split("\n")
            if cell.kind == "code" and 0 < line <= len(lines) and lines[line - 1].strip() == quoted:
                own = cell.lines[line - 1] if line <= len(cell.lines) else line
                file_line = self._source.file_line(cell.ref, own) if self._source else None
                places.append(place_in_words(cell.ref, own, file_line))
        return places[0] if len(places) == 1 else ""


#: Explains errors where nothing is known of the source.
NO_SOURCE = RunErrors()


def errors_of(session: Session, target: Target, task: Task) -> RunErrors:
    """Return what explains the errors of a task's newest version.

    What the `session` pushed is known. Its notebook is the source if that version was pushed from it and it has not
    changed since.
    """
    digest = pushed_digest(session, target, task)
    if digest in session.sources:
        return RunErrors(session.sources[digest], task.version)
    with suppress(KBenchError):
        chosen = choose_task(session, task.slug.task) if digest else None
        if chosen and digest_of(chosen, task) == digest:
            return RunErrors(chosen.source, task.version)
    return NO_SOURCE


def errors_of_runs(
    session: Session, target: Target, slug: str, *, errored: bool
) -> Callable[[], RunErrors] | None:
    """Ask for the task some of whose runs have `errored`; None, and nothing is asked, where none has.

    What is returned waits for the answer and says what explains their errors: it is called when all else has come.
    """
    if not errored:
        return None
    task = asked(lambda: session.client(target).get_task(slug))

    def explained() -> RunErrors:
        with suppress(KBenchError):
            return errors_of(session, target, task())
        return NO_SOURCE

    return explained
