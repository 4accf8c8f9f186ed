"""Where the task stands, kept up to date for the workflow panel: what was last read, and the runs it follows."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace

from kbench_jupyter.actions.remembered import keep, recall
from kbench_jupyter.actions.standing import Standing, standing, standing_after_edit, standing_after_runs
from kbench_jupyter.display.view import View
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import TaskWatch, task_watch
from kbench_jupyter.session.session import Session

#: Seconds without another edit, or another change of a run, after which the steps are looked at again.
_CALM = 0.3


class StandingPart(Part):
    """Knows how far the current notebook's task has come."""

    def __init__(self, session: Session, found: Standing) -> None:
        super().__init__(session)
        self._found = found
        self._task: str | None = None
        self._watch: TaskWatch | None = None
        self._moved = threading.Event()
        self._edits: Callable[[], None] | None = None  # ends the listening to edits
        self._calm: dict[str, threading.Timer] = {}
        opened = str(recall(session, found.slug, found.place).get("step", "")) if found.slug else ""
        self.set(broken="", outcome={}, status=None, results=None, open=opened)

    def view(self) -> View:
        """Describe the way as it was last seen, and how to see it again: this is what is saved of the panel."""
        found = self._found.view()
        again = ("%kbench", "the panel again; after a restart of the kernel: %load_ext kbench_jupyter first")
        return replace(found, next=[*found.next, again])

    def keep_open(self, step: str) -> None:
        """Keep which step was opened by a click, "" for none; views that are there stand as they do."""
        with self._lock:
            self._state["open"] = step
        if self._found.slug:
            keep(self.session, self._found.slug, self._found.place, step=step)

    def _take(self, found: Standing) -> None:
        # What is shown is what was found last, also where two look at the same time.
        with self._lock:
            self._found = found
            self.set(
                place=found.place,
                label=found.footer,
                notebook=found.origin,
                task=found.slug,
                tasks=list(found.chosen.stored) if found.chosen else [],
                version=found.version,
                versionWords=found.version_words,
                page=found.page,
                expiry=found.expiry,
                expires=found.expires.timestamp() * 1000 if found.expires else None,
                next=found.next,
                notes=list(found.notes),
                changes=list(found.changes.lines) if found.changes else [],
                steps=[asdict(step) | {"chained": step.chained or step.plan} for step in found.steps],
            )

    def awake(self) -> None:
        """Read the state again: much may have happened since the page was left. Follow edits from now on."""
        if self._edits is None:
            self._edits = self.outer.at_edit(self._heard)
        if self._watch is None and (self._found.runs or self._found.is_creating):
            self.start("look", self._look_again)

    def command_ran(self) -> None:
        """Read the state again soon, where somebody looks: a command in a cell may have changed it."""
        if self._edits is not None:
            self._once_calm("commands", self._after_commands)

    def _after_commands(self) -> None:
        if not self.closed and not self.get("busy"):  # a step looks when it is over
            with suppress(KBenchError):  # the command has said what is wrong
                self._look_again()

    def _heard(self) -> None:
        """Look at the steps once the typing pauses: in the context of the window in which it was typed."""
        self._once_calm("edits", self._edited)

    def _once_calm(self, what: str, look: Callable[[], None]) -> None:
        if (before := self._calm.get(what)) is not None:
            before.cancel()
        self._calm[what] = timer = threading.Timer(_CALM, contextvars.copy_context().run, (look,))
        timer.daemon = True
        timer.start()

    def _counted(self) -> None:
        """Say of the runs in the steps what the table of runs says."""
        watch = self._watch
        found = self._found
        if self.closed or watch is None or watch.task is None or watch.task.version != found.version:
            return
        newest = watch.newest
        runs = [status.run for status in newest if status.run is not None]
        over = {status.run_id for status in newest if status.ended and not status.state.is_terminal}
        if tuple(runs) != found.runs or over != found.over:
            now = standing_after_runs(self.session, found, runs, over=over)
            self._take_unless_looked(found, now)

    def _edited(self) -> None:
        if self.closed or self.get("busy"):  # a step looks when it is over
            return
        with suppress(KBenchError):
            before = self._found
            found = standing_after_edit(self.session, before, self._task)
            if not self.get("busy"):
                self._take_unless_looked(before, found)

    def _take_unless_looked(self, before: Standing, found: Standing) -> None:
        with self._lock:
            if self._found is before:
                self._take(found)

    def _look(self, *, start: bool = False) -> Standing:
        """Read where the task stands now."""
        found = standing(self.session, self._task, start=start)
        before = self._found
        self._take(found)
        if found.slug != before.slug:
            self._let_go()
        # Also where there is no run yet of a version that is new: the table is to say so.
        watched = self._watch.task if self._watch is not None else None
        moved = watched is not None and watched.version != found.version and found.version is not None
        if (found.runs or moved or found.is_creating) and not self.closed:
            self._follow(found.slug)
        return found

    def _let_go(self) -> None:
        """Show nothing any more of the task that was shown before."""
        self._leave()
        self.add("status", None)
        self.add("results", None)

    def _leave(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.ignore(self._runs_moved)

    def _follow(self, slug: str) -> TaskWatch:
        """Show the runs of a task, from now on."""
        watch = task_watch(self.outer, slug)
        watch.refresh()
        if watch is not self._watch:
            self._leave()
            self._watch = watch
            self.add("status", RunStatusPart(self.outer, watch))
            watch.listen(self._runs_moved)
        return watch

    def _runs_moved(self) -> None:
        self._moved.set()
        watch = self._watch
        if watch is not None and not self.closed:
            self._once_calm("runs", self._counted)
        # A look would take away what went wrong, before anybody has read it.
        if watch is None or self.get("busy") or self.get("problem"):
            return
        over = bool(watch.newest) and all(status.ended for status in watch.newest)
        going = [step["name"] for step in self.get("steps") if step["state"] == "going"]
        if (over and "watch" in going) or ("push" in going and not watch.is_creating):
            self.start("look", self._look_again)

    def _look_again(self) -> None:
        """Look because somebody asks, not after a step: what that came to is old news where much changed."""
        before = self._found.slug, self._found.version
        found = self._look()
        self.set(broken="")
        if (found.slug, found.version) != before:
            self.set(outcome={})

    def asleep(self) -> None:
        """Follow no runs and no edits."""
        edits, self._edits = self._edits, None
        if edits is not None:
            edits()
        for timer in self._calm.values():
            timer.cancel()
        if not self.get("busy"):
            self._leave()

    def stop_waiting(self) -> None:
        """Wake a step that waits for runs."""
        self._moved.set()

    def close(self) -> None:
        """End everything that is going on."""
        super().close()
        self._moved.set()
        self._leave()
