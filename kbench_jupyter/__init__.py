"""Write, validate, push, run and compare Kaggle Benchmarks tasks without leaving the notebook.

``%load_ext kbench_jupyter`` adds the ``%kbench`` magics. Loading is cheap on purpose: nothing that talks
to a server, reads notebooks or draws widgets is imported until a command needs it. Scripts use the same
actions as functions: ``from kbench_jupyter import compare, push, run``.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kbench_jupyter._version import __version__
from kbench_jupyter.errors import KBenchError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kbench_jupyter.api import Client
    from kbench_jupyter.scripts import (
        auth,
        cancel,
        check,
        compare,
        download,
        list_models,
        list_tasks,
        push,
        run,
        session,
        start_local,
        status,
        validate,
    )
    from kbench_jupyter.session.session import Session

__all__ = [
    "Client",
    "KBenchError",
    "__version__",
    "auth",
    "cancel",
    "check",
    "compare",
    "download",
    "list_models",
    "list_tasks",
    "load_ipython_extension",
    "push",
    "run",
    "session",
    "start_local",
    "status",
    "unload_ipython_extension",
    "validate",
]


def _draw(error: KBenchError) -> list[str]:
    from kbench_jupyter.display.text import block

    return block(error.title, "31", error.lines())


def _inert(text: str) -> str:
    from kbench_jupyter.display.text import visible

    return visible(text)


KBenchError.draw = _draw
KBenchError.inert = staticmethod(_inert)


class _Session(ModuleType):
    """The room of this name, which Python makes an attribute of the package; called, it is the function for scripts."""

    def __call__(self) -> Session:
        from kbench_jupyter import scripts

        return scripts.session()


import_module("kbench_jupyter.session").__class__ = _Session


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%kbench`` and ``%%kbench`` to `shell` (what ``%load_ext kbench_jupyter`` calls)."""
    from kbench_jupyter.magics import register
    from kbench_jupyter.notebook import mirror
    from kbench_jupyter.panels import presence

    session_of = register(shell)
    mirror.install(shell)
    presence.install(shell, session_of)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take everything away again that :func:`load_ipython_extension` added."""
    from kbench_jupyter.magics import unregister
    from kbench_jupyter.notebook import mirror
    from kbench_jupyter.panels import presence

    presence.uninstall(shell)
    mirror.uninstall(shell)
    unregister(shell)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "api" if name == "Client" else "scripts"
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
