"""The typed door as a user meets it: commands typed into a real shell."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.errors import KBenchError


class Door:
    """Types commands into a real shell, as a user would."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def __call__(self, line: str, cell: str | None = None) -> Any:
        if cell is None:
            return self.shell.run_line_magic("kbench", line)
        return self.shell.run_cell_magic("kbench", line, cell)

    def refused(self, line: str, cell: str | None = None) -> KBenchError:
        with pytest.raises(KBenchError) as caught:
            self(line, cell)
        assert caught.value.hint or caught.value.detail, "an error says what to do next"
        return caught.value
