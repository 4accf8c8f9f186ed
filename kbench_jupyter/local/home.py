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
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from kbench_jupyter.errors import LocalServerError


def default_home() -> Path:
    """Return ``KBENCH_HOME``, or the platform's folder for user data."""
    from platformdirs import user_data_path

    chosen = os.environ.get("KBENCH_HOME", "").strip()
    return Path(chosen).expanduser() if chosen else user_data_path("kbench-jupyter", appauthor=False)


def proof_of(token: str, nonce: str) -> str:
    """Return what only somebody who knows the token can answer to a nonce.

    A client asks for it before it sends its token: whatever listens on the port of a stale state file
    would be handed the token otherwise.
    """
    return hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()


class Home:
    """A home folder, made and tightened on first use.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    LocalServerError
        It cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
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
                if token := path.read_text().strip():
                    return token
            token = "kbl_" + secrets.token_urlsafe(32)
            write_private(path, token)
            return token

    def last_port(self) -> int:
        """Return the port used last, or 0."""
        with suppress(OSError, ValueError):
            return int((self.path / "port").read_text())
        return 0

    def write_state(self, state: dict[str, Any]) -> None:
        """Tell others where the server is, and remember its port."""
        write_private(self.state, json.dumps(state, indent=1))
        write_private(self.path / "port", str(state["port"]))

    def remove_state(self) -> None:
        """Tell others that no server runs, unless another one has written since."""
        with suppress(OSError, ValueError):
            if json.loads(self.state.read_text()).get("pid") == os.getpid():
                self.state.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step: readers see the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
