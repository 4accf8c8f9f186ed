"""Pull: a pushed task's source, back from the server as a file."""

from __future__ import annotations

import shlex
from pathlib import Path

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.download.fetch import fetch_file
from kbench_jupyter.actions.export import Written, exists, secrets_in, write
from kbench_jupyter.actions.pushed_task import get_task
from kbench_jupyter.errors import NotFoundError, UsageError
from kbench_jupyter.notebook.pushed import notebook_from_pushed, percent_from_pushed
from kbench_jupyter.quick_import import load
from kbench_jupyter.session.session import Session

_SOURCE_NOTEBOOK = "__notebook_source__.ipynb"


def pull(session: Session, slug: str, output: Path | None = None, *, force: bool = False) -> Written:
    """Bring a pushed task's source back, as a notebook or a percent-format file.

    The server hands a task's source out with the output of a run, so the newest ended run is asked.

    Parameters
    ----------
    output : Path, optional
        Ends in ``.ipynb`` or ``.py``; by default ``<task>.ipynb`` here.
    force : bool
        Overwrite.

    Raises
    ------
    NotFoundError
        If the task is unknown, or no run of it has ended yet.
    UsageError
        If the file exists (and not `force`), has another ending, or cannot be written.
    """
    path = output or Path(f"{slug.rpartition('/')[2]}.ipynb")
    again = f"%kbench pull {slug} -o {shlex.quote(str(path))} --force"
    if path.suffix not in (".ipynb", ".py"):
        raise UsageError(
            f"A task's source is a .ipynb or a .py file, not {path.name!r}.",
            hint=f"%kbench pull {slug} -o {shlex.quote(str(path.with_suffix('.ipynb')))}",
        )
    if path.exists() and not force:
        raise exists(path, f"To overwrite it: {again}")
    target = session.target()
    client = session.client(target)
    _, runs = both(lambda: get_task(session, client, slug), lambda: list(client.list_runs(slug, whole=True)))
    ended = [run for run in runs if run.state.is_terminal]
    if not ended:
        raise NotFoundError(
            f"No run of {slug} has ended yet, and the server hands the source out with a run's output.",
            hint=f"Run it first: %kbench run {slug} -m MODEL --wait",
        )
    newest = max(ended, key=lambda run: (run.task.version or 0, run.id))
    over = ", overwriting it" if path.exists() else ""
    session.reporter.say(
        f"Fetching the source of {slug} from {target.place} (run {newest.id}) into {path}{over}."
    )
    text = fetch_file(client, newest, _SOURCE_NOTEBOOK)
    percent = percent_from_pushed(text)
    notebook = path.suffix == ".ipynb"
    text = load("nbformat").writes(notebook_from_pushed(text)) + "\n" if notebook else percent
    write(path, text, force=force, again=again)
    what = f"the source of {slug}, version {newest.task.version or '?'},"
    return Written(path, what, secrets_in(percent), footer=target.label)
