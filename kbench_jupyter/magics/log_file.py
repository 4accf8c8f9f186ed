"""What a command would show, in a file instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kbench_jupyter.actions.export import exists
from kbench_jupyter.actions.whole_file import whole_file
from kbench_jupyter.following.logs.terminal import strip_codes
from kbench_jupyter.magics.reporter import StreamReporter
from kbench_jupyter.session.session import Session


class FileReporter(StreamReporter):
    """For a file: what is passed on goes into it without the colours of a terminal, and nothing else does."""

    redraws = False

    def say(self, text: str) -> None:
        """Keep what is said out of the file."""

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Keep progress out of the file."""

    def write(self, text: str, stream: str = "stdout") -> None:
        """Pass output on as plain text."""
        super().write(strip_codes(text), stream)


def to_file(session: Session, path: Path, read: Callable[[], Any], *, force: bool) -> Any:
    """Write what `read` says to a file, which takes its place only when something was read.

    Meanwhile the session's reporter writes into the file what `read` passes on, and says nothing.
    """
    if path.is_file() and not force:
        raise exists(path, "Name another file, or overwrite it: add --force")
    shown = session.reporter
    with whole_file(path) as part:
        try:
            with part.open("w", encoding="utf-8", errors="backslashreplace") as stream:
                shown.say(f"Writing to {path}.")
                session.reporter = FileReporter(stream)
                return read()
        except KeyboardInterrupt:  # how one stops following: what came until then is what was wanted
            if part.stat().st_size:
                part.replace(path)
            raise
        finally:
            session.reporter = shown
