"""New: worked patterns of the task SDK, each put into a new cell.

``%kbench new`` shows a pattern's sentence and hands out its code cell; ``notebooks/build.py`` makes a notebook of all
three cells. How a pattern is written says `kbench_jupyter.patterns`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

from kbench_jupyter.display.view import Shown, Table, Text, View, count
from kbench_jupyter.errors import KBenchError, UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.session import Session

#: The names of all patterns, in the order in which they are best read.
NAMES = (
    "minimal",
    "assertions",
    "scores",
    "structured-output",
    "dataset",
    "subtasks",
    "judge",
    "tools",
    "multi-turn",
    "fork",
    "contexts",
    "chatroom",
    "reasoning",
    "image",
    "audio",
    "video",
)


@dataclass(frozen=True)
class Pattern:
    """A worked pattern: its name, and its cells (what it shows, a whole task, what to keep in mind)."""

    name: str
    intro: str
    code: str
    outro: str

    @property
    def title(self) -> str:
        """The title, without its mark."""
        return self._paragraphs[0].removeprefix("# ")

    @property
    def summary(self) -> str:
        """One sentence on what it shows."""
        return self._paragraphs[1]

    @property
    def needs(self) -> str:
        """What the model must be able to do beyond text, as a sentence; mostly empty."""
        return next((p for p in self._paragraphs if p.startswith("Needs ")), "")

    @property
    def _paragraphs(self) -> list[str]:
        return [" ".join(p.split("\n")) for p in self.intro.split("\n\n")]


@dataclass(frozen=True)
class NewCell(Shown):
    """A pattern, explained."""

    pattern: Pattern
    #: Whether it was put into a new cell, and whether the user sees that, so that its text need not be shown again.
    placed: bool = False
    seen: bool = False
    #: The slug of a task that the notebook stores already, or "".
    stored: str = ""

    def view(self) -> View:
        """Describe the pattern, with its code where no new cell shows it."""
        parts = [Text(self.pattern.summary)]
        if self.placed:
            parts.append(Text("It is in the cell below: run it, then change what it asks.", tone="quiet"))
        if not self.seen:
            parts.append(Text(self.pattern.code, code=True))
        notes = [self.pattern.needs.replace("`", "")] if self.pattern.needs else []
        if self.stored:
            notes.append(
                f"This notebook stores the task {self.stored} already, and a notebook stores one: let this one "
                "take its place, or start another notebook."
            )
        after = [("%kbench validate", "check it, and run it once in a fresh kernel")]
        return View(f"{self.pattern.name}: {self.pattern.title}", parts, notes=notes, next=after)


@dataclass(frozen=True)
class PatternList(Shown):
    """All patterns, one a line."""

    patterns: tuple[Pattern, ...]

    def view(self) -> View:
        """List the patterns."""
        table = Table(["pattern", "shows"], [(p.name, p.summary) for p in self.patterns])
        steps = [("%kbench new NAME", "put a worked cell below")]
        return View(count(len(self.patterns), "pattern"), [table], next=steps)


def read_pattern(name: str) -> Pattern:
    """Read a pattern by its name in `NAMES`, with spaces or underscores too, in any case; refuse another name."""
    from kbench_jupyter.notebook.percent import read

    wanted = re.sub(r"[\s_]+", "-", name.strip().lower())
    if wanted not in NAMES:
        parts = [known for known in NAMES if set(known.split("-")) & set(wanted.split("-"))]
        # A name that shares a whole word is near enough, however many others it has.
        near, cutoff = (parts, 0.0) if parts else (list(NAMES), 0.5)
        hint = did_you_mean(
            wanted, near, form="%kbench new {}", more="all patterns: %kbench new", cutoff=cutoff
        )
        raise UsageError(f"There is no pattern {name!r}.", hint=hint)
    file = files("kbench_jupyter") / "patterns" / f"{wanted.replace('-', '_')}.py"
    intro, code, outro = read(file.read_text(encoding="utf-8")).cells
    return Pattern(wanted, intro.source, code.source, outro.source)


def new(session: Session, name: str | None = None) -> NewCell | PatternList:
    """Put a pattern's worked cell below the one that runs, or list all patterns.

    Front ends put it into a new cell, a terminal into its next prompt; elsewhere (nbclient, nbconvert) the text is
    shown.

    Raises
    ------
    UsageError
        If there is no such pattern; names the nearest one.
    """
    from kbench_jupyter.actions.sources import choose_task

    if name is None:
        return PatternList(tuple(read_pattern(known) for known in NAMES))
    pattern = read_pattern(name)
    if session.shell is None:
        return NewCell(pattern)
    stored = ""
    with suppress(KBenchError):  # no notebook, or one that is half written: there is nothing to say about it
        stored = next(iter(choose_task(session, required=False).stored), "")
    session.shell.set_next_input(pattern.code)
    return NewCell(pattern, placed=True, seen=_sees_cells(session), stored=stored)


def _sees_cells(session: Session) -> bool:
    """Whether a browser has told us of the document, and so will show the new cell in it."""
    from kbench_jupyter.notebook.executed import session_of
    from kbench_jupyter.notebook.mirror import link_of

    return link_of(session.shell).state.notebook(session_of(session.shell)) is not None
