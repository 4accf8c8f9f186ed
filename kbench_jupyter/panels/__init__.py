"""The clicked door: panels that draw where a task stands and call actions, and the log view.

The functions here are what magics call. Importing this module is cheap; ipywidgets come with the first panel.
This room must never know the wire (HTTP) nor how a command is typed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.actions.results import Results
    from kbench_jupyter.actions.results.sample import ShownSample
    from kbench_jupyter.actions.standing import Standing
    from kbench_jupyter.panels.panel import Panel
    from kbench_jupyter.session.session import Session

__all__ = [
    "comparison_panel",
    "draws_widgets",
    "log_panel",
    "picker_panel",
    "show_new_runs",
    "status_panel",
    "workflow_panel",
]

#: How nbclassic's requests begin (nbclassic/static/services/kernels/kernel.js, 1.3). Python's clients speak newer
#: versions of the protocol, and JupyterLab, which may speak this one, names its cells.
_CLASSIC = {"username": "username", "version": "5.2"}


def draws_widgets(session: Session) -> bool:
    """Return whether a panel would be drawn for the cell that is running.

    A terminal has no kernel. nbclient, and so nbconvert, has one but nobody to click; unlike the front ends
    people use it names no cell with its requests. nbclassic names none either, but has a heading of its own;
    Voila, which executes as nbclient does, leaves its address in the environment. Colab shows nothing that
    comes from a thread.
    """
    kernel = getattr(session.shell, "kernel", None)
    if kernel is None or "google.colab" in sys.modules:
        return False
    try:
        parent: dict[str, Any] = kernel.get_parent()
    except Exception:  # noqa: BLE001 - an ipykernel too old to tell: the static form will do
        return False
    if (parent.get("metadata") or {}).get("cellId") or "VOILA_SERVER_URL" in os.environ:
        return True
    header = parent.get("header") or {}
    return all(header.get(name) == value for name, value in _CLASSIC.items())


def picker_panel(session: Session, task: str | None = None, *, repeat: int = 1) -> Panel:
    """Choose models, and run a task on them.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    task : str, optional
        The task to run; without one there is no button for it.
    repeat : int
        How many runs of each model are wanted at first.

    Returns
    -------
    Panel
        Shows itself; ``panel.part.selected`` holds the chosen slugs.

    Raises
    ------
    KBenchError
        If the server cannot be asked for the models.
    """
    from kbench_jupyter.panels.model_picker import ModelPicker
    from kbench_jupyter.panels.panel import Panel

    part = ModelPicker(session, task)
    part.set(repeat=repeat)  # any number: one that was typed is no slip of the pen
    part.load(waits=False)
    return Panel(session, part)


def status_panel(session: Session, task: str, *, models: Sequence[str] = ()) -> Panel:
    """Show a task's runs, a row a run, for as long as they go on.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    task : str
        Slug.
    models : sequence of str
        Only runs on these models or other candidates; all where empty.

    Raises
    ------
    NotFoundError
        If the server knows no such task.
    """
    from kbench_jupyter.panels.panel import Panel
    from kbench_jupyter.panels.run_status import RunStatusPart
    from kbench_jupyter.panels.watches import task_watch

    watch = task_watch(session, task)
    watch.refresh()
    return Panel(session, RunStatusPart(session, watch, models))


def comparison_panel(
    session: Session,
    found: Results,
    *,
    models: Sequence[str] = (),
    output: Path = Path(),
    sample: ShownSample | None = None,
) -> Panel:
    """Show a comparison, down to each message of each sample.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    models : sequence of str
        What the comparison was limited to.
    output : Path
        Where its downloads lie.
    sample : ShownSample, optional
        What is opened first.
    """
    from kbench_jupyter.panels.panel import Panel
    from kbench_jupyter.panels.results import ResultsPart

    return Panel(session, ResultsPart(session, found, models=models, output=output, sample=sample))


def show_new_runs(session: Session, task: str) -> None:
    """Have panels that show a task's runs or logs show those that were made just now, too.

    Parameters
    ----------
    task : str
        Slug.
    """
    if watches := sys.modules.get("kbench_jupyter.panels.watches"):  # else there is no panel
        watches.refresh_shown(session, task)


def workflow_panel(session: Session, found: Standing) -> Panel:
    """Take the current notebook's task from init to publish by clicks.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    found : Standing
        Where the task stands.
    """
    from kbench_jupyter.panels.newest import newest
    from kbench_jupyter.panels.panel import Panel
    from kbench_jupyter.panels.workflow.workflow import WorkflowPart

    panel = Panel(session, WorkflowPart(session, found))
    newest(session).turn_to(panel)
    return panel


def log_panel(
    session: Session,
    task: str,
    models: Sequence[str] = (),
    *,
    run_ids: Collection[int] = (),
    version: int | None = None,
) -> object:
    """Show the logs of a task's runs, one tab a run, all live at once.

    Parameters
    ----------
    session : Session
        Closing it closes the panel.
    task : str
        By name or slug, with or without owner.
    models : sequence of str
        In any spelling; none means all.
    run_ids : collection of int
        Only these runs; none means all.
    version : int, optional
        Only runs of this task version.

    Returns
    -------
    object
        Shows itself as a widget, with HTML and text for where there are none.

    Raises
    ------
    NotFoundError
        If there is no such task or no such run.
    """
    from kbench_jupyter.panels.log.view import open_log_view

    return open_log_view(session, task, models, run_ids=run_ids, version=version)
