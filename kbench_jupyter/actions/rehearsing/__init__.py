"""What `validate` and `dry_run` share: a rehearsal in a fresh kernel, and the kernel that is kept for the next one.

`passing` says which environment variables the task gets, `judging` and `answers` what a rehearsal came to.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from kbench_jupyter.actions.cards import notes_on
from kbench_jupyter.actions.check import Checked
from kbench_jupyter.actions.expecting import keeps_ahead
from kbench_jupyter.notebook.source import TaskSource
from kbench_jupyter.results.runfiles import RunResult, read_run_files
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.run import TIMEOUT, Progress, Rehearsal, rehearse


@dataclass(frozen=True)
class Rehearsed(Checked):
    """What the rules and a rehearsal had to say: the runs of the task that would be pushed, and how to push it."""

    rehearsal: Rehearsal | None = None
    runs: tuple[RunResult, ...] = ()
    push: str = "%kbench push"

    @property
    def seconds(self) -> float | None:
        """How long the rehearsal took."""
        return self.rehearsal.outcome.seconds if self.rehearsal else None

    @property
    def remarks(self) -> list[str]:
        """What to know of the source, the checks and the rehearsal."""
        hints = self.rehearsal.hints if self.rehearsal else ()
        return [*notes_on(self.source), *self.notes, *hints]


def rehearse_source(
    session: Session,
    source: TaskSource,
    env: Mapping[str, str],
    timeout: float | None,
    interrupt: threading.Event | None,
    *,
    prelude: str = "",
) -> tuple[Rehearsal, tuple[RunResult, ...]]:
    """Rehearse a task source, and have a kernel ready for the next time.

    `env` is the kernel's whole environment, `prelude` Python to execute before the first cell. Returned are the
    rehearsal and the runs it recorded, whose files are gone.

    Raises
    ------
    UsageError, ExecutionError, Interrupted
        If the setting is neither on nor off, no kernel can be started, or it was stopped.
    """
    with ExitStack() as after:
        if keeps_ahead(session):
            # Most who mend a cell rehearse again.
            after.callback(session.next_kernel.expect, env)
        place = after.enter_context(session.next_kernel.place(env))
        try:
            rehearsal = rehearse(
                source,
                folder=place.folder,
                env=env,
                timeout=timeout or TIMEOUT,
                on_progress=lambda step: _report(session, step),
                interrupt=interrupt,
                ahead=place.ahead,
                prelude=prelude,
            )
            if rehearsal.outcome.interrupted:
                raise KeyboardInterrupt
            if rehearsal.failure is None:
                cells = len(source.cells)
                session.reporter.progress("every cell ran", cells, cells)
        except KeyboardInterrupt:
            raise Interrupted("The rehearsal was stopped; nothing was pushed.") from None
        finally:
            session.reporter.close()
        # The folder is about to be removed.
        return rehearsal, tuple(replace(run, path=None) for run in read_run_files(place.folder))


def _report(session: Session, step: Progress) -> None:
    if step.text:
        session.reporter.write(step.text, step.stream)
    else:
        session.reporter.progress(f"cell {step.cell.number}", step.position - 1, step.total)
