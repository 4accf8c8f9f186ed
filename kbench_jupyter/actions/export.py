"""Export: the task source as a file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.display.view import Cell, Facts, Shown, View, count
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rules.secrets import find_secrets


@dataclass(frozen=True)
class Written(Shown):
    """A file that was written."""

    path: Path
    what: str
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Name the file, with a link where it lies beside the notebook."""
        parts = (
            []
            if self.path.is_absolute()
            else [Facts({"open": Cell(str(self.path), href=self.path.as_posix())})]
        )
        title = Cell(f"Wrote {self.what} to {self.path}", "good")
        return View(title, parts, self.notes, footer=self.footer)


def export(session: Session, chosen: ChosenTask, path: Path, *, force: bool = False) -> Written:
    """Write the task source as a percent-format file.

    Parameters
    ----------
    path : Path
        Ends in ``.py``.
    force : bool
        Overwrite.

    Raises
    ------
    UsageError
        If the file exists (and not `force`), has another ending, or cannot be written.
    """
    if path.suffix != ".py":
        named = shlex.quote(str(path.with_suffix(".py")))
        raise UsageError(f"A task file ends in .py, not {path.name!r}.", hint=chosen.line(f"export {named}"))
    again = chosen.line(f"export {shlex.quote(str(path))} --force")
    there = path.exists()
    if there and not force:
        raise exists(path, f"To overwrite it: {again}")
    cells, over = count(len(chosen.source.cells), "cell"), ", overwriting it" if there else ""
    session.reporter.say(f"Exporting {cells} of {chosen.source.origin} to {path}{over}.")
    write(path, chosen.source.text, force=force, again=again)
    return Written(path, f"{chosen.source.origin} as a task file", secrets_in(chosen.source.text))


def secrets_in(text: str) -> tuple[str, ...]:
    """Say that a written file holds secrets: it has to be what is pushed, so nothing in it is hidden."""
    lines = sorted({text.count("\n", 0, secret.start) + 1 for secret in find_secrets(text)})
    if not lines:
        return ()
    where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    told = "The file holds what looks like a secret, as it stands in the task"
    return (
        f"{told} ({where} of its .py form). Take it out before anybody gets the file: %kbench rule KB503",
    )


def exists(path: Path, hint: str) -> UsageError:
    """Return the refusal to overwrite a file unasked; `hint` says how to ask."""
    return UsageError(f"{path} exists and was left as it is.", hint=hint)


def write(path: Path, text: str, *, force: bool, again: str) -> None:
    """Write a file that is not there yet, or any with `force`; `again` is what to type to overwrite it."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise exists(path, f"To overwrite it: {again}") from None
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror or error}.") from error
