"""Fixtures of the API room: a server that misbehaves, and a client with little patience for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_helpers import QUICK
from faults import FaultServer

from kbench_jupyter.api import Client, Credentials


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def client(server: FaultServer) -> Iterator[Client]:
    with Client(server.url, Credentials.bearer("good", "the test"), limits=QUICK) as ready:
        yield ready
