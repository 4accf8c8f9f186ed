"""Coroutines run from tests that are none themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own, and return its result.

    Where a browser test ran before in this process, the main thread's loop is the browser's; and the task SDK, once
    imported, replaces `asyncio.run`.
    """

    def work() -> Any:
        with asyncio.Runner() as runner:
            return runner.run(coroutine)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
