"""Has a kernel made ready for the first rehearsal when a cell is run that imports the task SDK."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session

_IMPORTS = re.compile(r"^[ \t]*(import|from)[ \t]+kaggle_benchmarks\b", re.MULTILINE)


class FirstTask:
    """Looks at each cell before it runs, until one imports the SDK: most who write a task rehearse it.

    Importing the SDK takes that cell seconds, and so does a kernel that gets ready: both at the same time.
    """

    def __init__(self, shell: Any, session_of: Callable[[], Session]) -> None:
        self._shell, self._session_of = shell, session_of
        shell.events.register("pre_run_cell", self._look)

    def _look(self, info: Any) -> None:
        # What a `%%kbench` cell does begins at once.
        if _IMPORTS.search(info.raw_cell) and not info.raw_cell.lstrip().startswith("%%"):
            self.close()
            from kbench_jupyter.actions.expecting import expect_first

            expect_first(self._session_of())

    def close(self) -> None:
        """Look at no more cells."""
        with suppress(ValueError):  # it has seen one
            self._shell.events.unregister("pre_run_cell", self._look)
