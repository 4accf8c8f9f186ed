"""A door to a real shell that speaks to the embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def door(shell: InteractiveShell, server_home: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setenv("KBENCH_HOME", str(server_home))
    return Door(shell)
