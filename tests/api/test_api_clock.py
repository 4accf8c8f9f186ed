"""The wall clock is set while a client waits: time-outs, pauses and Retry-After take as long as they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from faults import Exchange, Fault, FaultServer, hang, status
from set_clock import SetClock

from kbench_jupyter.retry_after import retry_after

#: Asks for a task, and says how many seconds that took and of which task it heard.
CLIENT = """
import json, sys, time
from kbench_jupyter.api import Client, Credentials, Limits
limits = Limits(connect=5, read=2, deadline=60, backoff=0.01, backoff_cap=0.1, retry_after_cap=30)
with Client(sys.argv[1], Credentials.bearer("good", "the test"), limits=limits) as client:
    client.get_task("quiz")
    began = time.monotonic()
    task = client.get_task("quiz").slug.task
    print(json.dumps([task, time.monotonic() - began]))
"""


def at(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def in_three_seconds(exchange: Exchange) -> None:
    """Decline until a moment of the server's clock, which is not the client's."""
    now = datetime.now(UTC) + timedelta(hours=5)
    fields = {"Date": at(now), "Retry-After": at(now + timedelta(seconds=3))}
    status(429, fields)(exchange)


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize(
    ("fault", "least"),
    [(hang, 2.0), (status(503, {"Retry-After": "3"}), 3.0), (in_three_seconds, 3.0)],
    ids=["a time-out", "a Retry-After in seconds", "a Retry-After as a date"],
)
def test_a_wait_takes_its_time_when_the_clock_is_set_meanwhile(
    tmp_path: Path, fault: Fault, least: float, hours: float
) -> None:
    clock = SetClock(tmp_path / "clock")

    def set_and_fail(exchange: Exchange) -> None:
        clock.set(hours)
        fault(exchange)

    with FaultServer() as server:
        server.api.add_task("quiz")
        server.inject("GetBenchmarkTask", lambda exchange: exchange.answer(*exchange.process()), set_and_fail)
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, server.url],
            env={**os.environ, **clock.env},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
    task, seconds = json.loads(done.stdout)
    assert task == "quiz"
    assert least <= seconds < 25  # with what a busy machine adds; not an hour, and not the deadline


def test_a_date_to_come_back_at_counts_by_the_clock_of_who_named_it() -> None:
    now = datetime.now(UTC)
    for ahead in (timedelta(hours=-1), timedelta(0), timedelta(hours=1)):
        theirs = now + ahead
        assert retry_after(at(theirs + timedelta(seconds=20)), at(theirs)) == 20
    assert retry_after(at(now - timedelta(hours=1)), at(now)) == 0
    assert 10 < (retry_after(at(now + timedelta(seconds=20)), "soon") or 0) <= 20
