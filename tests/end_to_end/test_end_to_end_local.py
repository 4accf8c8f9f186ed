"""Stopping and resetting the embedded server: said beforehand, with the place whose state stays or is lost."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.session import local_server

pytestmark = pytest.mark.slow
TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="Sums")
def sums(llm):
    kbench.assertions.assert_equal("2", llm.prompt("1 + 1?"), expectation="Adds")


sums.run(kbench.llm)
"""


@pytest.fixture
def own(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door to a server of this test's own, which may be stopped."""
    home = tmp_path / "home"
    monkeypatch.setenv("KBENCH_HOME", str(home))
    yield Door(shell)
    local_server.stop(home)


def test_stop_and_reset_say_beforehand_whose_state_stays_or_is_lost(
    own: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    url = own("local start").facts["address"]
    capsys.readouterr()
    assert "has stopped" in str(own("local stop"))
    assert capsys.readouterr().out.split() == (
        f"Stopping the embedded server at {url}; its tasks and runs stay in {home}.".split()
    )
    own("local stop")
    assert capsys.readouterr().out == "", "there was nothing to stop"

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert f"in {home}" in str(own.refused("local reset"))
    assert f"holds in {home}?" in " ".join(capsys.readouterr().out.split())
    assert (home / "server.log").exists()
    own("local reset -y")
    assert capsys.readouterr().out.split() == f"Deleting what the embedded server holds in {home}.".split()
    assert not (home / "server.log").exists()
    own("local start")
    capsys.readouterr()
    own("local reset -y -q")
    assert capsys.readouterr().out == ""


def test_a_model_that_is_missing_because_its_endpoint_is_down_is_said_with_the_endpoint(
    own: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers, and nobody else gets it
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("KBENCH_UPSTREAM_URL", f"http://{address}/v1")
        own("target local")
        assert address in str(own("models"))
        assert address in (own.refused("run -m calc-7b", TASK).hint or "")
        assert address in (own.refused("run -m calc*", TASK).hint or "")
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        own.refused("up -m *", TASK)
        assert address in capsys.readouterr().out
        assert own("list").tasks == ()
