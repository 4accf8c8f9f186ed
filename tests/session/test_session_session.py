"""What the actions of one kernel share, and what holds once the kernel is done with it."""

from __future__ import annotations

import pytest

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.session import PartSession
from kbench_jupyter.session import local_server
from kbench_jupyter.session.session import Session, SilentReporter


@pytest.mark.parametrize("of_a_panel", [False, True])
def test_a_thread_that_outlives_its_session_starts_no_server_and_opens_no_connection(
    of_a_panel, monkeypatch, tmp_path
) -> None:
    started = []
    monkeypatch.setattr(local_server, "launch", lambda *args: started.append(args))
    kernel = Session(environ={"KBENCH_TARGET": "local", "KBENCH_HOME": str(tmp_path)})
    session = PartSession(kernel, SilentReporter()) if of_a_panel else kernel
    known = Session(environ={"KBENCH_API_URL": "http://127.0.0.1:1", "KAGGLE_API_TOKEN": "t"}).target()
    kernel.close()
    for ask in (session.target, session.client, lambda: session.client(known)):
        with pytest.raises(KBenchError, match="has ended"):
            ask()
    assert not started
