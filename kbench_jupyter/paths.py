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
            f"{Path(path).parts[0]} is nobody's home: {path}", hint="Write the path in full."
        ) from None
