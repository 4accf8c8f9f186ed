"""Temporary folders with a short path, for sockets: the path of a Unix socket may have about 100 characters.

Each is noted in a folder of the server's before it is made, so that it can be removed whoever was killed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_NOTE = "temporary"
_NAME = re.compile("kb-[0-9a-f]{8}")


def make_temporary(noted_in: Path) -> Path:
    """Make a temporary folder that only its owner can read."""
    folder = Path(tempfile.gettempdir()) / f"kb-{secrets.token_hex(4)}"
    (noted_in / _NOTE).write_text(str(folder), encoding="utf-8")
    folder.mkdir(mode=0o700)
    return folder


def remove_temporary(noted_in: Path) -> None:
    """Remove the temporary folder that is noted, if there is one, and the note."""
    note = noted_in / _NOTE
    with suppress(OSError, ValueError):
        folder = Path(note.read_text(encoding="utf-8"))
        # A task can write where its runner's folder is noted: nothing but a folder of this kind is ever removed.
        ours = _NAME.fullmatch(folder.name) and folder.parent == Path(tempfile.gettempdir())
        if ours and not folder.is_symlink() and folder.stat().st_uid == _owner():
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink()


def _owner() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0  # Windows says 0 of all files
