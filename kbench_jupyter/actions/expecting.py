"""When a rehearsal is to be expected: then a kernel is made ready for it, which spares it most of its time."""

from __future__ import annotations

import re
import sys
import threading
from contextlib import suppress
from typing import Any

from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import envfile
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.settings import switch

_SETTING = "KBENCH_KERNEL_AHEAD"
_REHEARSES = re.compile(r"^\s*%%?kbench\s+(validate|up)\b", re.MULTILINE)


def keeps_ahead(session: Session) -> bool:
    """Whether a kernel is to wait for the session's next rehearsal; raises UsageError if the setting says neither."""
    return _wanted(session) and _attended(session.shell)


def expect_first(session: Session) -> None:
    """Start a kernel for a session's first rehearsal, in the background: the task SDK is about to be imported here.

    Where nobody sits at the notebook, only if it says itself that it will rehearse. Nothing is said of what keeps a
    kernel from being started: the rehearsal does.
    """

    def expect() -> None:
        with suppress(Exception):
            if _wanted(session) and (attended or _rehearses(session)):
                # Here, so that the cell need not wait for it.
                from kbench_jupyter.actions.rehearsing.passing import Passing

                session.next_kernel.expect(Passing.of(session, envfile.read(session.env_file)).environment())

    attended = _attended(session.shell)
    threading.Thread(target=expect, name="kbench-expect", daemon=True).start()


def _rehearses(session: Session) -> bool:
    cells = session.notebook().notebook["cells"]
    return any(cell["cell_type"] == "code" and _REHEARSES.search(cell["source"]) for cell in cells)


def _wanted(session: Session) -> bool:
    try:
        return switch(session.environ.get(_SETTING) or "on")
    except ValueError as error:
        raise UsageError(f"{_SETTING} takes {error}.", hint=f"%env {_SETTING}=off") from None


def _attended(shell: Any) -> bool:
    """Whether somebody sits at a shell, who may mend a cell and rehearse again.

    What tells is whether anyone could be asked. Whatever executes a notebook (nbconvert, nbclient, papermill, CI)
    says with each cell that it takes no questions; front ends say that they do, and a panel's clicks come from the
    front end that ran the last cell. In a terminal it is what IPython does when its first code has run: one started
    with ``-c`` or a file ends. A script has no shell.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return bool(getattr(getattr(shell, "parent", None), "interact", False)) and sys.stdin.isatty()
