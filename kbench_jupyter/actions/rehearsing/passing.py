"""Which of the user's environment variables a rehearsal's task gets: none but those that were asked for by name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbench_jupyter.errors import UsageError
from kbench_jupyter.execution.environment import kernel_environment, passed_names
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.tracebacks import missing_variable


@dataclass(frozen=True)
class Passing:
    """The environment of a rehearsal's task: all that the user has, and the names of what was asked for."""

    source: Mapping[str, str]
    names: Sequence[str]

    @classmethod
    def of(cls, session: Session, env_file: Mapping[str, str], asked: Sequence[str] = ()) -> Passing:
        """Gather what was `asked` for with ``--pass-env``, and in ``KBENCH_PASS_ENV``; refuse what is no name."""
        setting = passed_names({"KBENCH_PASS_ENV": session.environ.get("KBENCH_PASS_ENV") or ""})
        names = list(dict.fromkeys([*asked, *setting]))
        for name in names:
            if not name.isidentifier():
                # What stands behind a "=" may be the secret itself.
                raise UsageError(
                    f"{name.partition('=')[0]!r} is not the name of an environment variable"
                    + (": the task gets the value it has here." if "=" in name else "."),
                    hint="Repeat --pass-env for several, and give names alone: --pass-env NAME"
                    if name in asked
                    else "KBENCH_PASS_ENV takes names alone, with commas between several.",
                )
        return cls({**env_file, **os.environ}, tuple(names))

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the task's kernel but for its model."""
        return kernel_environment({**self.source, "KBENCH_PASS_ENV": ",".join(self.names)})

    @property
    def notes(self) -> list[str]:
        """What to know of the variables that were asked for."""
        there = [name for name in self.names if name in self.source]
        missing = [name for name in self.names if name not in self.source]
        notes = []
        if there:
            notes.append(
                f"Passed to the task from your environment, and not there on the server: {', '.join(there)}."
            )
        if missing:
            notes.append(f"To be passed to the task, but not set: {', '.join(missing)}.")
        return notes

    def missed(self, traceback: str, again: str = "%kbench validate") -> str:
        """Return what to do about a variable that the task looked up and the user has; "" if there is none.

        `again` is what to type to rehearse the same source.
        """
        name = missing_variable(traceback)
        if name not in self.source or name in self.environment():
            return ""
        return (
            f"{name} is set here, and a task does not get it: it will not be there on the server either.\n"
            f"To rehearse with it all the same: {again} --pass-env {name}"
        )
