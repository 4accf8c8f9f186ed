"""What the API room's tests share."""

from __future__ import annotations

from kbench_jupyter.api import Limits

QUICK = Limits(
    connect=2.0,
    read=0.25,
    stream_read=0.25,
    attempts=5,
    deadline=5.0,
    backoff=0.002,
    backoff_cap=0.01,
    retry_after_cap=0.05,
    poll=0.005,
    poll_cap=0.02,
    looks=3,
)
