"""The magic itself: it parses a line, has the command carried out in its session, and returns what shows itself."""

from __future__ import annotations

import re
from typing import Any

from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.config import Chosen
from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.magics.grammar import Call, uncommented
from kbench_jupyter.magics.help import explain, overview
from kbench_jupyter.magics.listing import asked
from kbench_jupyter.magics.reporter import DisplayReporter, StreamReporter
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.layers import Layers
from kbench_jupyter.session.session import Reporter, Session, SilentReporter


class KBenchMagic:
    """The magic function of a shell, with the session it works in and the settings of ``%config KBench``."""

    def __init__(self, shell: Any, config: Any) -> None:
        self.shell = shell
        self.session = Session(shell, self._reporter(quiet=False), Layers(Chosen(config)))

    def __call__(self, line: str, cell: str | None) -> Any:
        """Carry out what stands after ``%kbench``, with the body of a ``%%kbench`` cell."""
        line, silent = hushed(uncommented(line))
        call = GRAMMAR.parse(line)
        if call is None and line.strip():
            return overview(GRAMMAR)
        if call is not None and call.help:
            return explain(call.command)
        session, listings = self.session, asked(call) if call is not None else ()
        printed = any(listing.path is None for listing in listings)  # and nothing else is then
        session.reporter = self._reporter(quiet=printed or silent == "all")
        try:
            result = _standing(session, cell) if call is None else _handler(call, cell)(session, call, cell)
            for listing in listings:
                listing.deliver(result, session.reporter.say)
        except KeyboardInterrupt as stop:
            raise _told(stop) from None
        finally:
            session.reporter.close()
        silent = silent or ("result" if listings and not any(one.shown for one in listings) else "")
        return _unshown(self.shell, result) if silent else result

    def _reporter(self, *, quiet: bool) -> Reporter:
        """Return a new reporter: what one command may show is counted from nothing."""
        if quiet:
            return SilentReporter()
        return DisplayReporter() if hasattr(self.shell, "kernel") else StreamReporter()


def _handler(call: Call, cell: str | None) -> Any:
    """Return what carries out a command, imported only now: a help page needs none of it."""
    from kbench_jupyter.magics import commands

    name = call.command.name
    if cell is not None and not call.command.cell:
        raise UsageError(f"%kbench {name} takes no cell.", hint=f"Write it as a line: %kbench {name}")
    if handler := vars(commands).get(f"_{name}"):
        return handler
    from kbench_jupyter.magics import result_commands, task_commands

    return (vars(task_commands) | vars(result_commands))[f"_{name}"]


def _standing(session: Session, cell: str | None) -> Any:
    """Return where the task stands; a cell that says nothing of what is to be done with its text is refused.

    It would be dropped silently.
    """
    if cell is not None and cell.strip():
        raise UsageError(
            "%%kbench needs a command: what is to be done with this cell?",
            hint="%%kbench validate   (or push, run, up, show, export)",
        )
    from kbench_jupyter.magics.task_commands import where

    return where(session)


def _told(stop: KeyboardInterrupt) -> KeyboardInterrupt:
    """Return an interrupt that shows itself in one block, wherever Ctrl+C came."""
    if isinstance(stop, Interrupted):
        return stop
    return Interrupted("Stopped. What the server does goes on.", hint="Where things stand: %kbench")


def _unshown(shell: Any, result: Any) -> Any:
    """Return a result that is not shown in the cell that is running, and is later: it may have been given a name."""
    if result is None or shell is None:
        return None
    attribute = "_ipython_display_"  # what IPython shows a value by, if it is there, instead of all else
    object.__setattr__(result, attribute, lambda **_: None)  # results are frozen

    def show_again(*_: Any) -> None:
        shell.events.unregister("post_run_cell", show_again)
        object.__delattr__(result, attribute)

    shell.events.register("post_run_cell", show_again)
    return result


#: A word of a line, with what is quoted in it.
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:\\.|[^"\\])*"|['"\\])+""", re.DOTALL)


def hushed(line: str) -> tuple[str, str]:
    """Take a trailing ``;`` or a ``-q`` off a line, and return what is left to parse and what is silenced.

    That is ``"result"`` after a ``;`` (as everywhere in IPython), ``"all"`` with ``-q``, else ``""``.
    """
    bare = line.rstrip()
    silent = "result" if bare.endswith(";") else ""
    left = bare.removesuffix(";") if silent else line
    words = _WORD.findall(left)
    quiet = {"-q", "--quiet"}
    if quiet.isdisjoint(words):
        return left, silent
    return " ".join(word for word in words if word not in quiet), "all"
