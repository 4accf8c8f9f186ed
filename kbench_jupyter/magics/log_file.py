"""What a command would show, in a file instead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbench_jupyter.actions.export import exists
from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.reporter import FileReporter

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session


def to_file(session: Session, path: Path, read: Callable[[], Any], *, force: bool) -> Any:
    """Write what `read` says to a file, which takes its place only when something was read.

    Parameters
    ----------
    session : Session
        Says nothing but the file's name meanwhile.
    path : Path
    read : callable
        Passes lines on to the session's reporter.
    force : bool
        Overwrite a file that is there.

    Returns
    -------
    object
        What `read` returned.

    Raises
    ------
    UsageError
        The file is there already, or cannot be written.
    """
    if path.exists() and not force:
        raise exists(path, "Name another file, or overwrite it: add --force")
    shown, part = session.reporter, path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            shown.say(f"Writing to {path}.")
            session.reporter = FileReporter(stream)
            result = read()
        part.replace(path)
    except KeyboardInterrupt:  # how one stops following: what came until then is what was wanted
        part.replace(path)
        raise
    except OSError as error:
        raise UsageError(
            f"Cannot write {path}: {error.strerror or error}.", hint="Name a file in a folder that is there."
        ) from error
    finally:
        session.reporter = shown
        with suppress(OSError):  # where there was no folder for it, there is nothing to remove either
            part.unlink(missing_ok=True)
    return result
