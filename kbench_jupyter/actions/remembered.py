"""What is remembered of a task from one kernel to the next: its folder of downloads, what it ran on, the open step.

It stands in the folder where the embedded server keeps its state, by the task, the target and the folder that is
worked in, and holds no source and no secret. Losing it costs a click, or an ``-o``.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.session import kept
from kbench_jupyter.session.session import Session

_FILE = "tasks.json"
#: Tasks that are remembered, those that were used last.
_MOST = 500


def downloads_folder(
    session: Session, slug: str, given: Path | None = None, *, place: str | None = None
) -> Path:
    """Return the folder of a task's downloads: the one that is `given`, else the last one, else the current one.

    All doors ask here, so that what was fetched by one is found by the others, also after a restart of the kernel.

    Parameters
    ----------
    slug : str
        With or without owner.
    given : Path, optional
        What the user names; it is remembered.
    place : str, optional
        The target in words, where it is known; else it is found, and the embedded server started if it is that.
    """
    name = slug.rpartition("/")[2]
    if given is not None:
        session.folders[name] = given
        keep(session, name, _place(session) if place is None else place, folder=str(given))
        return given
    if (last := session.folders.get(name)) is None:
        known = recall(session, name, _place(session) if place is None else place)
        last = Path(str(known.get("folder", "")))
    return last if last.is_dir() else Path()


def _place(session: Session) -> str:
    # Whoever asks for the folder asks the server next, and says what is wrong with it.
    with suppress(KBenchError):
        return session.target().place
    return ""


def recall(session: Session, slug: str, place: str) -> dict[str, Any]:
    """Return what is remembered of a task at a target, which is named in words (`Target.place`)."""
    known = kept.read(session.state_folder, _FILE).get(_key(slug, place))
    return known if isinstance(known, dict) else {}


def keep(session: Session, slug: str, place: str, **values: Any) -> None:
    """Remember something of a task; a folder that cannot be written is no reason for anything to fail."""
    known = kept.read(session.state_folder, _FILE)
    before = known.pop(_key(slug, place), None)
    now = (before if isinstance(before, dict) else {}) | values
    if now != before:
        kept.write(session.state_folder, _FILE, dict([*known.items(), (_key(slug, place), now)][-_MOST:]))


def _key(slug: str, place: str) -> str:
    # What stands in parentheses is how the target is just now.
    return f"{slug.rpartition('/')[2]} at {place.partition(' (')[0]} in {Path.cwd()}"
