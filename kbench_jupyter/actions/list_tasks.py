"""List: the user's tasks, those of another owner, or those of a benchmark; all or those that fit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kbench_jupyter.actions.address import benchmark_address
from kbench_jupyter.actions.cards import page_of, state_cell
from kbench_jupyter.api import CreationState, Task
from kbench_jupyter.display.view import Cell, Shown, Table, View, count, moment, told
from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.session import Session

#: Most tasks that are named where none fits.
_NAMED = 8


@dataclass(frozen=True)
class TaskList(Shown):
    """Tasks of one owner or of a benchmark, all or those that fit a filter."""

    tasks: tuple[Task, ...] = ()
    filtered: bool = False
    #: Whose they are, where they are not the user's own: an owner, or a benchmark's address.
    of: str = ""
    #: Those there are without the filter, where none fits it.
    others: tuple[Task, ...] = ()

    def view(self) -> View:
        """Describe the tasks."""
        table = Table(
            ["task", "version>", "state", "created (UTC)", "public"],
            [
                [
                    Cell(str(task.slug) if self.of else task.slug.task, href=page_of(task)),
                    told(task.version or None),
                    state_cell(task.creation_state),
                    moment(task.create_time),
                    told(bool(task.is_public), lambda public: "yes" if public else "no"),
                ]
                for task in self.tasks
            ],
            "No task fits." if self.filtered else "No tasks.",
        )
        steps = [] if self.of or self.filtered else [("%kbench push", "push this notebook's task")]
        many = count(len(self.tasks), "task") + (f" of {self.of}" if self.of else "")
        return View(many, [table], notes=self._notes(), next=[] if self.tasks else steps, footer=self.footer)

    def _notes(self) -> list[str]:
        """Say what there is where nothing fits."""
        if not self.others:
            return []
        shown = [f"{task.slug.task} ({task.creation_state.words})" for task in self.others[:_NAMED]]
        more = f" and {len(self.others) - _NAMED} more" if len(self.others) > _NAMED else ""
        return [f"Without the filter: {', '.join(shown)}{more}"]


def list_tasks(
    session: Session,
    *,
    regex: str | None = None,
    status: str | None = None,
    owner: str | None = None,
    benchmark: str | None = None,
) -> TaskList:
    """List the user's tasks, or those of somebody else or of a benchmark that the user may see.

    Parameters
    ----------
    owner : str, optional
        Whose tasks.
    benchmark : str, optional
        ``owner/name`` of the benchmark that they are in; not together with `owner`.
    regex : str, optional
        Only tasks whose name matches.
    status : str, optional
        Only tasks in that state, for example ``"errored"``.

    Raises
    ------
    UsageError
        If there is no such state, `regex` is no regular expression, or `benchmark` no address of one.
    """
    _check_filters(regex, status)
    of, name = owner, None
    if benchmark:
        if owner:
            raise UsageError(
                "--benchmark names the owner, too, and --owner was given.", hint=f"--benchmark {benchmark}"
            )
        owner, name = benchmark_address(benchmark)
        of = f"{owner}/{name}"
    target = session.target()
    client, filtered = session.client(target), bool(regex or status)
    tasks = tuple(client.list_tasks(regex=regex, status=status, owner=owner, benchmark=name, whole=True))
    others = (
        tuple(client.list_tasks(owner=owner, benchmark=name, whole=True)) if filtered and not tasks else ()
    )
    return TaskList(tasks, filtered, of or "", others, footer=target.label)


def _check_filters(regex: str | None, status: str | None) -> None:
    """Refuse what the server would answer with nothing, as if there were no tasks."""
    if regex:
        try:
            re.compile(regex)
        except re.error as error:
            raise UsageError(
                f"{regex!r} is no regular expression: {error}.", hint="%kbench list --name-regex '^math'"
            ) from None
    states = [state.lower() for state in CreationState if state != CreationState.UNSPECIFIED]
    # The official client leaves the word to the server, so an abbreviation of a state may be one.
    if status and not any(state.startswith(status.lower()) for state in states):
        hint = did_you_mean(status, states, form="--status {}", more=f"there are: {', '.join(states)}")
        raise UsageError(f"There is no state {status!r}.", hint=hint)
