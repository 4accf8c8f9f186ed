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
    from kbench_jupyter.actions import (
        auth as auth,
    )
    from kbench_jupyter.actions import (
        check as check,
    )
    from kbench_jupyter.actions import (
        config as config,
    )
    from kbench_jupyter.actions import (
        download as download,
    )
    from kbench_jupyter.actions import (
        dry_run as dry_run,
    )
    from kbench_jupyter.actions import (
        export as export,
    )
    from kbench_jupyter.actions import (
        fix as fix,
    )
    from kbench_jupyter.actions import (
        init as init,
    )
    from kbench_jupyter.actions import (
        leaderboard as leaderboard,
    )
    from kbench_jupyter.actions import (
        list_tasks as list_tasks,
    )
    from kbench_jupyter.actions import (
        local as local,
    )
    from kbench_jupyter.actions import (
        log as log,
    )
    from kbench_jupyter.actions import (
        models as models,
    )
    from kbench_jupyter.actions import (
        new as new,
    )
    from kbench_jupyter.actions import (
        publish as publish,
    )
    from kbench_jupyter.actions import (
        pull as pull,
    )
    from kbench_jupyter.actions import (
        push as push,
    )
    from kbench_jupyter.actions import (
        quota as quota,
    )
    from kbench_jupyter.actions import (
        results as results,
    )
    from kbench_jupyter.actions import (
        rule as rule,
    )
    from kbench_jupyter.actions import (
        run as run,
    )
    from kbench_jupyter.actions import (
        show as show,
    )
    from kbench_jupyter.actions import (
        standing as standing,
    )
    from kbench_jupyter.actions import (
        status as status,
    )
    from kbench_jupyter.actions import (
        target as target,
    )
    from kbench_jupyter.actions import (
        up as up,
    )
    from kbench_jupyter.actions import (
        validate as validate,
    )
    from kbench_jupyter.actions import (
        wanted_models as wanted_models,
    )


def __getattr__(name: str) -> Any:
    module = f"{__name__}.{name}"
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
