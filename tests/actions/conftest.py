"""What tests of actions share: a fault server, a session that speaks to it, and the command typed in a real shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from loopback_session import LoopbackSession
from watch_doubles import Said


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer() as running:
        yield running


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def session(server: faults.FaultServer, said: Said) -> Iterator[LoopbackSession]:
    opened = LoopbackSession(server, said)
    yield opened
    opened.close()


@pytest.fixture
def kbench(
    server: faults.FaultServer, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Types a command, which speaks to the server."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    return lambda line: shell.run_line_magic("kbench", line)
