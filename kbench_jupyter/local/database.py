"""The embedded server's SQLite file: opened, brought up to date, written and read.

The file is in WAL mode with full synchronisation: what a write has acknowledged survives ``kill -9`` at any moment.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local import schema


class Database:
    """A database file, made when absent, and how it is read and written. Safe to use from several threads.

    `make_room` is called before each write: it may free what space it can. Raises LocalServerError for a file that
    cannot be used: it is no database of ours, the disk is full, or a newer version than this one wrote it.
    """

    def __init__(self, path: Path, make_room: Callable[[], None] = lambda: None) -> None:
        self._make_room = make_room
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._path = path
        try:
            with ExitStack() as opened:
                self._db, self._reader = (opened.enter_context(closing(_connect(path))) for _ in range(2))
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._migrate()
                opened.pop_all()
        except sqlite3.DatabaseError as error:
            # Or the disk fails; the file itself is as it should be.
            full = isinstance(error, sqlite3.OperationalError)
            raise LocalServerError(
                f"The embedded server's database cannot be used: {path} ({error})",
                hint=f"Free some space on the disk of {path.parent}, then try again."
                if full
                else "%kbench local reset makes a new one (its tasks and runs are lost).",
            ) from error

    def _migrate(self) -> None:
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found > schema.VERSION:
            raise LocalServerError(
                f"{self._path} was written by a newer kbench_jupyter (schema {found}, this one knows "
                f"{schema.VERSION}).",
                hint="%pip install --upgrade kbench-jupyter",
            )
        if steps := "".join(schema.STEPS[found:]):
            self._db.executescript(
                f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {schema.VERSION}; COMMIT;"
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._reading:
            self._db.close()
            self._reader.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._make_room()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite rolls back by itself when the disk is full
                    self._db.execute("ROLLBACK")
                raise

    def _read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Any]:
        # On a connection of its own: no reader waits for a write to reach the disk.
        with self._reading:
            return self._reader.execute(sql, tuple(parameters)).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
