"""How far a task has come: its steps, and what is shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kbench_jupyter.actions.cards import page_of
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.actions.standing.changes import Changes
from kbench_jupyter.api import Run, Task
from kbench_jupyter.display.view import Cell, Facts, Shown, Table, View
from kbench_jupyter.session.target import Target

#: The place of no target, where none could be found.
NO_PLACE = "none"
_TONES = {"done": "good", "going": "busy", "next": "", "later": "quiet", "failed": "bad"}


@dataclass(frozen=True)
class Step:
    """One step of a task's way: its name and state (``"done"``, ``"going"``, ``"failed"``, ``"next"``, ``"later"``).

    `plan` says what it will do, `chained` what that is once the steps before it are done, where it is something else,
    and `note` what there is already, or what is missing. `raised` means done, with an error of the task's.
    """

    name: str
    state: str
    plan: str
    note: str = ""
    chained: str = ""
    raised: bool = False


@dataclass(frozen=True)
class Standing(Shown):
    """How far a task has come."""

    #: None when there is none to be had; `place` says so, or names it.
    target: Target | None
    place: str
    env_file: Path
    #: The notebook's name.
    origin: str = ""
    #: None where there is no notebook to be found; the task is "" where the notebook does not settle it.
    chosen: ChosenTask | None = None
    slug: str = ""
    #: As the server knows it, with the runs of its newest version.
    task: Task | None = None
    runs: tuple[Run, ...] = ()
    #: Of these, the ids of those that a watch waits for no more, though their state does not say that they ended.
    over: frozenset[int] = frozenset()
    #: When the model proxy credentials end, in words.
    expiry: str = ""
    expires: datetime | None = None
    #: Of what a push would send; "" without a source.
    digest: str = ""
    #: Since the newest version was pushed; None where there are none, or where it is not known what was pushed.
    changes: Changes | None = None
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()

    def is_over(self, run: Run) -> bool:
        """Whether there is nothing more to wait for of a run."""
        return run.state.is_terminal or run.id in self.over

    @property
    def next(self) -> str:
        """The name of the step that comes next; "" when all are done."""
        return next((step.name for step in self.steps if step.state in ("next", "failed", "going")), "")

    @property
    def version(self) -> int | None:
        """The task's newest version on the server."""
        return None if self.task is None else self.task.version

    @property
    def version_words(self) -> str:
        """What is known of that version: that there is none only where the server was asked."""
        if self.target is None:
            why = ": the embedded server is not running" if self.place != NO_PLACE else ""
            return f"not known{why}"
        return str(self.version or "none yet")

    @property
    def is_creating(self) -> bool:
        """Whether the server is still creating that version."""
        return self.task is not None and self.task.creation_state.is_pending

    @property
    def page(self) -> str:
        """The task's page; "" where it has none."""
        return "" if self.task is None else page_of(self.task)

    def view(self) -> View:
        """Describe the way, and what to type next."""
        facts = Facts(
            {
                "target": self.place,
                "notebook": self.origin,
                "task": self.slug or "not settled",
                "version": self.version_words,
                "page": Cell(self.page, href=self.page),
                "credentials": self.expiry,
            }
        )
        rows = [
            (
                step.name,
                Cell(step.state, "warn" if step.raised else _TONES[step.state]),
                step.note or step.plan,
            )
            for step in self.steps
        ]
        title: str | Cell = Cell("Everything is done", "good")
        steps = [("%kbench -h", "all commands")]
        if upcoming := next((step for step in self.steps if step.name == self.next), None):
            title = f"Next: {upcoming.name}"
            steps.insert(0, (self._command(upcoming.name), upcoming.plan))
        table = Table(["step", "state", ""], rows)
        return View(title, [facts, table], self.notes, steps, footer=self.footer)

    def _command(self, step: str) -> str:
        """Return what to type for a step; it names the task where the notebook stores several."""
        if step == "push" and self.chosen is not None:
            return self.chosen.line("push --wait")
        several = self.chosen is not None and len(self.chosen.stored) > 1
        named = f" {self.slug}" if several or step == "publish" else ""
        words = {"run": f"run{named} -m MODEL", "watch": f"status{named}", "init": step, "validate": step}
        return f"%kbench {words.get(step, f'{step}{named}')}"
