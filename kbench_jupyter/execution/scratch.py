"""Scratch folders: private, thrown away, and out of reach of stray ``.env`` files.

The task SDK loads the first ``.env`` it meets from the kernel's working directory upwards and lets it
override the environment it was given (python-dotenv's ``find_dotenv(usecwd=True)`` with
``override=True``). An empty ``.env`` in the working directory ends that search: it is found first, and
says nothing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def shield_from_dotenv(folder: Path) -> None:
    """Put an empty ``.env`` into a kernel's working directory, unless it has one, so that none further up is loaded."""
    (folder / ".env").touch(mode=0o600, exist_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder, also one in which a task has made folders that cannot be written, as some caches are."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # it is gone
        folder.chmod(0o700)
        for at, folders, _files in os.walk(folder):
            for inner in (Path(at, name) for name in folders):
                if not inner.is_symlink():
                    inner.chmod(0o700)  # before the walk gets there
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder (0700) shielded from ``.env`` files, its path resolved, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kbench-")).resolve()
    try:
        shield_from_dotenv(folder)
        yield folder
    finally:
        remove_folder(folder)
