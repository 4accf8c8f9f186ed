"""Where the embedded server keeps everything, who may speak to it, and that there is only one.

Layout of a home (the folder is 0700, files with secrets 0600)::

    server.json     url, pid, port, version, started: how others find the server; gone when it stops
    token           the bearer token, made once
    port            the port used last, taken again if it is free, so that a user's .env stays valid
    server.lock     held while a server runs
    server.log      what happened, bounded
    server.sqlite3  tasks, versions, runs
    creations/ID/   log and output of a task version's creation
    runs/ID/        log and output of a run
    work/           scratch folders of what is going on right now
    reserve-*       room that is given up when the disk is full: to record how runs ended, and to start
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.paths import expanded


def default_home() -> Path:
    """Return ``KBENCH_HOME``, or the platform's folder for user data."""
    from platformdirs import user_data_path

    chosen = os.environ.get("KBENCH_HOME", "").strip()
    return expanded(chosen) if chosen else user_data_path("kbench-jupyter", appauthor=False)


def not_stored(error: Exception) -> str:
    """Say that something could not be written, and what to do."""
    why = getattr(error, "strerror", None) or error
    return f"It could not be stored: {why}. Free some space (%kbench local clean), then try again."


def proof_of(token: str, nonce: str) -> str:
    """Return what only somebody who knows the token can answer to a nonce.

    A client asks for it before it sends its token: whatever listens on the port of a stale state file
    would be handed the token otherwise.
    """
    return hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()


class Home:
    """A home folder, made and tightened on first use; raises LocalServerError if it cannot be made or written."""

    def __init__(self, path: Path) -> None:
        self.path = expanded(path).resolve()
        self.creations, self.runs, self.work = (self.path / name for name in ("creations", "runs", "work"))
        self.database = self.path / "server.sqlite3"
        self.log = self.path / "server.log"
        self.state = self.path / "server.json"
        self.lock = self.path / "server.lock"
        try:
            for folder in (self.path, self.creations, self.runs, self.work):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.token = self._token()
        except OSError as error:
            raise LocalServerError(
                f"The embedded server's folder cannot be written: {self.path} ({error.strerror or error})",
                hint="Set KBENCH_HOME to a folder you may write.",
            ) from error

    def _token(self) -> str:
        path = self.path / "token"
        # Two servers may start for the first time at once: both must know the token that stays.
        with FileLock(self.path / "token.lock"):
            with suppress(FileNotFoundError):
                path.chmod(0o600)
                if re.fullmatch(_SENDABLE, token := path.read_text(errors="replace").strip()):
                    return token
            token = "kbl_" + secrets.token_urlsafe(32)
            write_private(path, token)
            return token

    def make_room(self, what: str = "running") -> None:
        """Give up what was set aside, if the disk is about to be full."""
        if _free(self.path) < _LOW:
            (self.path / f"reserve-{what}").unlink(missing_ok=True)

    def keep_reserves(self) -> None:
        """Set room aside: all if there is enough of it, else what it takes to start again."""
        ample = _free(self.path) > 4 * sum(_RESERVES.values())
        for what, size in _RESERVES.items():
            path = self.path / f"reserve-{what}"
            if not path.exists() and (ample or what != "running"):
                with suppress(OSError):
                    write_private(path, secrets.token_bytes(size))  # some file systems store no zeros

    def last_port(self) -> int:
        """Return the port used last, or 0."""
        with suppress(OSError, ValueError):
            port = int((self.path / "port").read_text())
            return port if 0 <= port <= 65535 else 0
        return 0

    def write_state(self, state: dict[str, Any]) -> None:
        """Tell others where the server is, and remember its port."""
        self.make_room("state")
        write_private(self.state, json.dumps(state, indent=1))
        with suppress(OSError):
            write_private(self.path / "port", str(state["port"]))

    def remove_state(self) -> None:
        """Tell others that no server runs, unless another one has written since."""
        with suppress(OSError, ValueError):
            if json.loads(self.state.read_text()).get("pid") == os.getpid():
                self.state.unlink()


_SENDABLE = "[!-~]+"
"""What a header takes; a token of another kind nobody could send, and there is a new one."""
_RESERVES = {"running": 2**22, "starting": 2**18, "holder": 2**13, "state": 2**14}
"""Bytes set aside: to record how runs ended, to open the database, and to say who the server is and where."""
_LOW = 2**20
"""Bytes of free space below which they are given up."""


def _free(folder: Path) -> int:
    return int(psutil.disk_usage(str(folder)).free)


def write_private(path: Path, text: str | bytes) -> None:
    """Write a file that only its owner may read, in one step: readers see the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
