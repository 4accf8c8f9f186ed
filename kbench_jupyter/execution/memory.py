"""Whether there is memory for a kernel that nobody may come to need."""

from __future__ import annotations

from pathlib import Path

ROOM = 2 * 2**30
"""Bytes of memory that must be free to start one ahead; it takes about 300 MB."""


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many bytes of memory can be had: the machine's, or the container's if that is less.

    Parameters
    ----------
    cgroup : Path
        Where Linux says what a container may have (control groups, version 2).
    """
    import psutil  # ipykernel brings it; without that there are no kernels at all

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return min(free, limit - used)
