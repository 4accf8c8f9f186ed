"""Server processes for the tests of the embedded server."""

from __future__ import annotations

import pytest
from local_server_process import FEW_PACKAGES, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server for tests that leave it as they find it, but for tasks of their own, which do without the SDK."""
    running = Server(tmp_path_factory.mktemp("local") / "home", env=FEW_PACKAGES, ahead=True)
    yield running
    running.stop()


@pytest.fixture
def make_server(tmp_path):
    """Make servers of one's own; they are stopped afterwards."""
    made = []

    def make(*options, env=None, home=None, ahead=False):
        made.append(Server(home or tmp_path / "home", *options, env=env, ahead=ahead))
        return made[-1]

    yield make
    for one in made:
        one.stop()
