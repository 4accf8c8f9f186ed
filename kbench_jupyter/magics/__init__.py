"""The typed door: ``%kbench`` and ``%%kbench``, their grammar, completion and help.

Registering costs next to nothing: the magic itself is imported with the first line. This room must never know
the wire (HTTP) nor the insides of widgets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kbench_jupyter.magics.magic import KBenchMagic
    from kbench_jupyter.session.session import Session

__all__ = ["register", "unregister"]

_NAME = "kbench"


def register(shell: InteractiveShell) -> Callable[[], Session]:
    """Add ``%kbench``, ``%%kbench`` and their completion to a shell; doing it again starts afresh.

    Returns
    -------
    callable
        Returns the session that the commands work in; it is made when first asked for.
    """
    from kbench_jupyter.magics.config import KBench
    from kbench_jupyter.magics.first_task import FirstTask
    from kbench_jupyter.magics.matcher import make_matcher
    from kbench_jupyter.magics.shown import ShowEach

    unregister(shell)
    config = KBench(parent=shell)  # first: a setting that is refused leaves nothing half registered

    @cache
    def magic() -> KBenchMagic:
        from kbench_jupyter.magics.magic import KBenchMagic

        return KBenchMagic(shell, config)

    def kbench(line: str, cell: str | None = None) -> Any:
        """Kaggle Benchmarks from the notebook: validate, push, run, watch and download tasks.

        ``%kbench -h`` lists the commands, ``%kbench COMMAND -h`` explains one.
        """
        return magic()(line, cell)

    parts = (
        (shell.Completer, "custom_matchers", make_matcher(lambda: magic().session)),
        (shell, "ast_transformers", ShowEach(shell, _NAME)),
        (shell, "configurables", config),
    )
    first = FirstTask(shell, lambda: magic().session)

    def take_away() -> None:
        first.close()
        if magic.cache_info().currsize:
            magic().session.close()
        magic.cache_clear()
        for owner, name, part in parts:
            those = getattr(owner, name)
            those[:] = [one for one in those if one is not part]

    kbench.take_away = take_away  # type: ignore[attr-defined]  # found again by unregister
    add: Any = shell.register_magic_function  # wrongly typed by its decorator
    add(kbench, "line_cell", _NAME)
    for owner, name, part in parts:
        getattr(owner, name).append(part)
    return lambda: magic().session


def unregister(shell: InteractiveShell) -> None:
    """Take the magics and their completion away and end their session."""
    magics = shell.magics_manager.magics
    for kind in ("line", "cell"):
        if take_away := getattr(magics[kind].pop(_NAME, None), "take_away", None):
            take_away()
