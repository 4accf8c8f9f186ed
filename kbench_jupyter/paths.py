"""Paths as people type them."""

from __future__ import annotations

import os
from pathlib import Path

from kbench_jupyter.errors import UsageError


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path whose ``~`` is somebody's home.

    Raises
    ------
    UsageError
        If nobody has such a home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{path}: {Path(path).parts[0]} is nobody's home.", hint="Write the path in full."
        ) from None
