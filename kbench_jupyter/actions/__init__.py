"""Actions: the order of things behind every door; one module a verb, and beside them what several verbs share.

An action takes the :class:`~kbench_jupyter.session.session.Session` and plain values, does its work through the rooms
below, says through the session's reporter what it is doing, and returns a value that shows itself.
This room must never know how anything is drawn, nor which door asked. What one verb alone needs stands in that verb's
own folder. Docstrings leave out what a parameter's name and type say already, as of the session.

A verb's module is imported when it is first asked for: a command pays for itself, not for the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.actions import (  # noqa: F401 - what the doors call
        ask_models,
        auth,
        benchmark,
        cancel,
        check,
        compare,
        config,
        describe,
        download,
        dry_run,
        export,
        fix,
        init,
        leaderboard,
        list_tasks,
        local,
        log,
        models,
        new,
        publish,
        pull,
        push,
        quota,
        remembered,
        results,
        rule,
        run,
        show,
        standing,
        status,
        target,
        topics,
        up,
        validate,
        wanted_candidates,
        wanted_models,
        whoami,
    )


def __getattr__(name: str) -> Any:
    module = f"{__name__}.{name}"
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
