"""Scratch folders: private, thrown away, and out of reach of stray ``.env`` files.

The task SDK loads the first ``.env`` it meets from the kernel's working directory upwards and lets it
override the environment it was given (python-dotenv's ``find_dotenv(usecwd=True)`` with
``override=True``). An empty ``.env`` in the working directory ends that search: it is found first, and
says nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def shield_from_dotenv(folder: Path) -> None:
    """Put an empty ``.env`` into a kernel's working directory, unless it has one, so that none further up is loaded."""
    (folder / ".env").touch(mode=0o600, exist_ok=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder (0700) shielded from ``.env`` files, its path resolved, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kbench-")).resolve()
    try:
        shield_from_dotenv(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
