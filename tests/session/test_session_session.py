"""What the actions of one kernel share, and what holds once the kernel is done with it."""

from __future__ import annotations

import pytest

from kbench_jupyter.errors import KBenchError, UsageError
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


@pytest.mark.parametrize("ask", [lambda session: session.state_folder, lambda session: session.env_file])
def test_a_home_that_nobody_has_is_told(ask) -> None:
    session = Session(environ={"KBENCH_HOME": "~no-such-user/kb", "KBENCH_ENV_FILE": "~no-such-user/.env"})
    with pytest.raises(UsageError, match="~no-such-user is nobody's home"):
        ask(session)
