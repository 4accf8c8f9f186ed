"""Cancel: stop runs that are queued, and if asked those that are going, until none is left."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.cards import RUN_COLUMNS, names_of, run_rows
from kbench_jupyter.actions.choose_runs import choose_runs
from kbench_jupyter.api import Client, Run, RunState, TaskSlug
from kbench_jupyter.display.view import Cell, Shown, Table, View, count
from kbench_jupyter.errors import NotFoundError, UsageError
from kbench_jupyter.following.rounds import Clock, Rounds, TimeUp, Trouble
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Session

#: Seconds for which runs that could not be reached are tried again.
PATIENCE = 60.0


@dataclass(frozen=True)
class CancelledRuns(Shown):
    """What was stopped, and what was not."""

    task: str
    runs: tuple[Run, ...] = ()
    #: How many of them were stopped in the queue, and how many while they ran.
    queued: int = 0
    active: int = 0
    #: Those of `runs` that go on, and those that were going and were not meant.
    left: tuple[Run, ...] = ()
    spared: tuple[Run, ...] = ()
    #: What was typed to mean some runs alone.
    named: str = ""

    def view(self) -> View:
        """Describe what was stopped."""
        step = (f"%kbench status {self.task}", "where the runs stand")
        notes = []
        if self.left:
            notes.append(
                f"Still going: {names_of(self.left)}. To try again: %kbench cancel {self.task}{self.named} --running"
            )
        if self.spared:
            go, those = ("goes", "it") if len(self.spared) == 1 else ("go", "them")
            notes.append(
                f"{count(len(self.spared), 'run')} had begun and {go} on. To stop {those} too: "
                f"%kbench cancel {self.task}{self.named} --running"
            )
        if not self.runs:
            title = Cell(f"No run of {self.task} is {'queued' if self.spared else 'queued or going'}", "warn")
            return View(title, notes=notes, next=[step], footer=self.footer)
        stopped, over = self.queued + self.active, len(self.runs) - len(self.left)
        said = f"Stopped {count(stopped, 'run')} of {self.task} ({self.queued} queued, {self.active} going)"
        if stopped < over:  # an answer was lost, and the next one counts only what was left
            said = f"{count(over, 'run')} of {self.task} {'has' if over == 1 else 'have'} ended"
            notes.append(
                f"The server says that it stopped {stopped} of them: others ended by themselves, or an answer was lost."
            )
        title = Cell(said, "warn" if self.left else "good")
        table = Table([*RUN_COLUMNS[:-1], "was"], run_rows(self.runs), drop_empty=True)
        return View(title, [table], notes=notes, next=[step], footer=self.footer)


def cancel(
    session: Session,
    slug: str,
    *,
    models: Sequence[str] = (),
    run_ids: Collection[int] = (),
    running: bool = False,
    confirmed: bool = False,
    clock: Clock | None = None,
) -> CancelledRuns:
    """Stop a task's queued runs, and with `running` those that are going, too.

    Parameters
    ----------
    models : sequence of str
        Only runs on these models or other candidates, by name or pattern; all where empty.
    run_ids : collection of int
        Only these runs; all where empty.
    running : bool
        Also runs that have begun.
    confirmed : bool
        Whether the user has agreed; if not, they are asked.

    Raises
    ------
    NotFoundError
        If there is no such task or no such run.
    UsageError
        If the user did not agree, or there was no one to ask.
    NotOfferedError
        If the server cannot stop runs, or not for this account.
    Interrupted
        On Ctrl+C.
    """
    target = session.target()
    client = session.client(target)
    chosen = choose_runs(session, client, TaskSlug.parse(slug), models)
    if unknown := sorted(set(run_ids) - {run.id for run in chosen}):
        raise NotFoundError(
            f"{slug} has no run {' or '.join(map(str, unknown))}; nothing was stopped.",
            hint=f"Its runs: %kbench status {slug}",
        )
    going = [run for run in chosen if not run.state.is_terminal and (not run_ids or run.id in run_ids)]
    meant = [run for run in going if running or run.state is RunState.QUEUED]
    spared = tuple(run for run in going if run not in meant)
    named = "".join(f" -m {shlex.quote(model)}" for model in models)
    named += "".join(f" --run {one}" for one in sorted(run_ids))
    if not meant:
        return CancelledRuns(slug, spared=spared, named=named, footer=target.label)
    if not confirmed and not session.reporter.confirm(stop_question(slug, target.place, meant)):
        again = f"%kbench cancel {slug}{named}{' --running' if running else ''} -y"
        raise UsageError(
            f"Nothing was stopped. It would have been: {_many(slug, target.place, meant)}.",
            hint=f"To stop them without being asked: {again}",
        )
    stopping = _Stopping(client, slug, meant, include_active=running)
    left = stopping.go_on(session.reporter.say, clock)
    if not running:  # what began since is left alone, and said
        spared += tuple(run for run in left if run.state is not RunState.QUEUED)
        left = [run for run in left if run.state is RunState.QUEUED]
    return CancelledRuns(
        slug, tuple(meant), stopping.queued, stopping.active, tuple(left), spared, named, footer=target.label
    )


def stop_question(slug: str, place: str, runs: Sequence[Run]) -> str:
    """Return what is asked before runs of a task, on the target in words, are stopped."""
    begun = any(run.state is not RunState.QUEUED for run in runs)
    lost = " What they have done so far is lost." if begun else ""
    return f"Stop {_many(slug, place, runs)}: {names_of(runs)}?{lost}"


def _many(slug: str, place: str, runs: Sequence[Run]) -> str:
    return f"{count(len(runs), 'run')} of {slug} on {place}"


class _Stopping:
    """Asks for some runs to be stopped, again and again until none of them is left."""

    def __init__(self, client: Client, slug: str, runs: Sequence[Run], *, include_active: bool) -> None:
        self.queued = self.active = 0
        self._client = client
        self._slug = slug
        self._left = list(runs)
        self._include_active = include_active

    def go_on(self, say: Callable[[str], None], clock: Clock | None) -> list[Run]:
        """Return the runs that are left when nothing more can be done."""
        rounds = Rounds(PATIENCE, clock=clock)
        try:
            for outcome in rounds.rounds(self._ask):
                if isinstance(outcome, Trouble):
                    say(outcome.text)
                elif outcome:
                    break
        except TimeUp:
            pass
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped asking. {self.queued + self.active} of the runs of {self._slug} were "
                "stopped; the others may go on.",
                hint=f"Where they stand: %kbench status {self._slug}",
            ) from None
        return self._left

    def _ask(self) -> bool:
        """Ask once, and return whether nothing is left that asking again would stop."""
        wanted = {run.id for run in self._left}
        answer = self._client.cancel_runs(run_ids=sorted(wanted), include_active=self._include_active)
        self.queued += answer.queued
        self.active += answer.active
        listed = self._client.list_runs(self._slug)
        self._left = [run for run in listed if run.id in wanted and not run.state.is_terminal]
        return not any(self._include_active or run.state is RunState.QUEUED for run in self._left)
