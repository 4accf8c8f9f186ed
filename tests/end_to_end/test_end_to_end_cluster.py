"""What a user sees of a cluster: its workers, their slots, what each runs, and the way to the dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from door import Door
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.watches import task_watch
from kbench_jupyter.scripts import session
from kbench_jupyter.session import local_server

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytestmark = pytest.mark.slow

TASK = """\
import pathlib, time
import kaggle_benchmarks as kbench


@kbench.task(name="Patient")
def patient(llm):
    created = pathlib.Path({created!r})
    while created.exists() and not pathlib.Path({go!r}).exists():
        time.sleep(0.05)
    created.touch()
    kbench.assertions.assert_true(True, expectation="Has waited")


patient.run(kbench.llm)
"""


@pytest.fixture
def own(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door to a server of this test's own."""
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    yield Door(shell)
    local_server.stop(tmp_path / "home")


def wait_for(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 120
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def test_status_and_the_panel_show_workers_what_each_runs_and_the_dashboard(
    own: Door, tmp_path: Path
) -> None:
    own("local start --cluster new:2")
    own("target local")
    shown = wait_for(lambda: (now := own("local status")).workers and now, "the workers")
    assert [one["slots"] for one in shown.workers] == [2]
    assert shown.facts["dashboard"].startswith("http://127.0.0.1:")
    go, file = tmp_path / "go", tmp_path / "patient.py"
    file.write_text(TASK.format(created=str(tmp_path / "created"), go=str(go)))
    own(f"push -f {file} --wait")
    own("run patient -m smollm2-135m-instruct")
    job = "patient on smollm2-135m-instruct"
    wait_for(lambda: job in str(own("local status")), "the run to begin")
    lines = [line for line in str(own("local status")).splitlines() if "tls://" in line]
    assert (len(lines), max(map(len, lines)) <= 80) == (1, True)
    watch = task_watch(session(), "patient")
    watch.refresh()
    part = RunStatusPart(session(), watch)
    part.awake()
    workers = wait_for(lambda: part.get("cluster").get("workers"), "the panel to hear of the cluster")
    assert sorted(job for one in workers for job in one["jobs"]) == [job]
    assert part.get("cluster")["dashboard"].startswith("http://127.0.0.1:")
    go.touch()
    wait_for(lambda: part.rows[0]["word"] == "completed", "the run to end")
    part.close()
