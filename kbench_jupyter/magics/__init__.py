"""The typed door: ``%kbench`` and ``%%kbench``.

Registering costs next to nothing: the grammar is plain data, and what a command needs is imported when it
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kbench_jupyter.session.session import Reporter, Session

_NAME = "kbench"


class KBenchMagic:
    """The magic function, with the session it works in.

    Parameters
    ----------
    shell : InteractiveShell
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.matcher: Any = None
        self.config: Any = None
        self.each: Any = None
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The kernel's session, made when first needed."""
        if self._session is None:
            from kbench_jupyter.magics.config import Chosen
            from kbench_jupyter.session.layers import Layers
            from kbench_jupyter.session.session import Session

            self._session = Session(self.shell, self._reporter(quiet=False), Layers(Chosen(self.config)))
        return self._session

    def __call__(self, line: str, cell: str | None = None) -> Any:
        """Kaggle Benchmarks from the notebook: validate, push, run, watch and download tasks.

        ``%kbench -h`` lists the commands, ``%kbench COMMAND -h`` explains one.
        """
        from kbench_jupyter.magics.declaration import GRAMMAR
        from kbench_jupyter.magics.grammar import uncommented

        line, silent = hushed(uncommented(line))
        call = GRAMMAR.parse(line)
        if call is None:
            _refuse_body(cell, line)
            return self._overview(line)
        if call.help:
            from kbench_jupyter.magics.help import explain

            return explain(call.command)
        from kbench_jupyter.magics.commands import handle

        session = self.session
        session.reporter = self._reporter(quiet=silent == "all")
        try:
            result = handle(session, call, cell)
        except KeyboardInterrupt as stop:
            raise _told(stop) from None
        finally:
            session.reporter.close()
        return _unshown(self.shell, result) if silent else result

    def _overview(self, line: str) -> Any:
        """Return where the task stands for ``%kbench`` alone, and all commands for ``%kbench -h``."""
        if line.strip():
            from kbench_jupyter.magics.declaration import GRAMMAR
            from kbench_jupyter.magics.help import overview

            return overview(GRAMMAR)
        from kbench_jupyter.magics.commands import where

        return where(self.session)

    def _reporter(self, *, quiet: bool) -> Reporter:
        """Return a new reporter: what one command may show is counted from nothing."""
        if quiet:
            from kbench_jupyter.session.session import SilentReporter

            return SilentReporter()
        from kbench_jupyter.magics.reporter import make_reporter

        return make_reporter(self.shell)

    def close(self) -> None:
        """End the session's connections."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _refuse_body(cell: str | None, line: str) -> None:
    """Refuse a cell that says nothing of what is to be done with its text: it would be dropped silently."""
    if cell is not None and cell.strip() and not line.strip():
        from kbench_jupyter.errors import UsageError

        raise UsageError(
            "%%kbench needs a command: what is to be done with this cell?",
            hint="%%kbench validate   (or push, run, up, show, export)",
        )


def _told(stop: KeyboardInterrupt) -> KeyboardInterrupt:
    """Return an interrupt that shows itself in one block, wherever Ctrl+C came."""
    from kbench_jupyter.session.interrupted import Interrupted

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


def hushed(line: str) -> tuple[str, str]:
    """Take a trailing ``;`` or a ``-q`` off a line.

    Returns
    -------
    line : str
        What is left to parse.
    silent : str
        ``"result"`` after a ``;`` (as everywhere in IPython), ``"all"`` with ``-q``, else ``""``.
    """
    bare = line.rstrip()
    silent = "result" if bare.endswith(";") else ""
    words = bare.removesuffix(";").split(" ")
    quiet = {"-q", "--quiet"}
    if quiet.isdisjoint(words):
        return (" ".join(words) if silent else line), silent
    return " ".join(word for word in words if word not in quiet), "all"


def register(shell: InteractiveShell) -> None:
    """Add ``%kbench``, ``%%kbench`` and their completion to a shell; doing it again starts afresh."""
    from kbench_jupyter.magics.config import KBench
    from kbench_jupyter.magics.matcher import make_matcher
    from kbench_jupyter.magics.shown import ShowEach

    unregister(shell)
    config = KBench(parent=shell)  # first: a setting that is refused leaves nothing half registered
    magic = KBenchMagic(shell)

    def kbench(line: str, cell: str | None = None) -> Any:
        return magic(line, cell)

    kbench.__doc__ = KBenchMagic.__call__.__doc__
    kbench.magic = magic  # type: ignore[attr-defined]  # found again by unregister
    add: Any = shell.register_magic_function  # wrongly typed by its decorator
    add(kbench, "line_cell", _NAME)
    magic.matcher = make_matcher(lambda: magic.session)
    shell.Completer.custom_matchers.append(magic.matcher)
    magic.each = ShowEach(shell, _NAME)
    shell.ast_transformers.append(magic.each)
    magic.config = config
    shell.configurables.append(magic.config)


def unregister(shell: InteractiveShell) -> None:
    """Take the magics and their completion away and end their session."""
    magics = shell.magics_manager.magics
    for kind in ("line", "cell"):
        magic = getattr(magics[kind].pop(_NAME, None), "magic", None)
        if isinstance(magic, KBenchMagic):
            magic.close()
            matchers = shell.Completer.custom_matchers
            matchers[:] = [matcher for matcher in matchers if matcher is not magic.matcher]
            shell.ast_transformers[:] = [each for each in shell.ast_transformers if each is not magic.each]
            shell.configurables[:] = [each for each in shell.configurables if each is not magic.config]
