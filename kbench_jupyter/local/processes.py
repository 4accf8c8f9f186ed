"""Ending processes, and everything they have started."""

from __future__ import annotations

from contextlib import suppress

import psutil


def kill_tree(pid: int, started: float | None = None) -> None:
    """Kill a process and all its descendants.

    Parameters
    ----------
    pid : int
        The process.
    started : float, optional
        When it was started, in seconds since the epoch: another process that has got the same number
        since is left alone.
    """
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if started is not None and abs(process.create_time() - started) > 2:
            return
        # A stopped parent cannot start another child while its children are counted.
        with suppress(psutil.Error):
            process.suspend()
        family = [*process.children(recursive=True), process]
        for member in family:
            with suppress(psutil.Error):
                member.kill()


def start_time(pid: int) -> float:
    """Return when a process was started, in seconds since the epoch; 0 when it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
