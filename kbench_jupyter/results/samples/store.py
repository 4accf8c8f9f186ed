"""The file in which the index of a task's samples lies: SQLite beside the downloads, and never more than a cache.

Whatever is wrong with it (another format, damage) it is thrown away and made anew; where nothing can be written it
is made in a temporary file that goes with the process.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.results.samples.extract import LISTED

#: Beside the versions of a task's downloads.
FILE = ".kbench-samples.sqlite"
#: Raised whenever what is stored, or what is read out of run files, changes.
FORMAT = 1
#: Seconds that another process may be at it before this one makes an index of its own.
_PATIENCE = 60.0

_SCHEMA = f"""
CREATE TABLE runs (
    folder INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,      -- <version or unset>/<candidate>/<run id>
    signature TEXT NOT NULL,        -- of the run files it was read from
    results TEXT NOT NULL,          -- the runs that stand for themselves, without their samples
    damage TEXT NOT NULL            -- files that are no run files, and why
);
CREATE TABLE samples (
    number INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL,
    top TEXT NOT NULL,              -- which of several runs in the folder
    place TEXT NOT NULL,            -- below that
    file TEXT NOT NULL, start INTEGER, length INTEGER,
    base TEXT NOT NULL DEFAULT '',  -- the sub task, "" for a run that is its own sample
    key TEXT NOT NULL DEFAULT '',
    row INTEGER,
    rank INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL DEFAULT '',  -- the row's label, or its place
    evaluated INTEGER NOT NULL DEFAULT 0,
    certain INTEGER NOT NULL DEFAULT 1,  -- whether its label is known
    digest TEXT NOT NULL,           -- of what it was asked
    retries INTEGER NOT NULL DEFAULT 0,
    {", ".join(LISTED)}
);
CREATE INDEX samples_place ON samples (folder, top, place);
-- All that the grid's rows are ordered and told apart by: their texts, most of the file, are read for a page only.
CREATE INDEX samples_key ON samples (key, folder, passed, score, state, task, row, rank);
CREATE TABLE stale (what TEXT PRIMARY KEY);
PRAGMA user_version = {FORMAT};
"""


class Store:
    """A connection to the index of one task; any thread may ask, one at a time writes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.RLock()
        self.connection = self._open()

    @property
    def temporary(self) -> bool:
        """Whether it goes with the process, since nothing can be written beside the downloads."""
        return not self.connection.execute("PRAGMA database_list").fetchone()[2]

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query.

        Raises
        ------
        KBenchError
            If what was asked for is damaged. The file is gone then, since what was read of it before may be wrong, too.
        """
        with self._lock:
            try:
                return self.connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:
                    raise  # held, or closed: nothing is wrong with the file
                self.connection.close()
                self._remove()
                raise KBenchError(
                    f"{self._path} was damaged and has been deleted: it only lists what the run files hold.",
                    hint="Do it again: the list is made anew.",
                ) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing; another process waits meanwhile.

        Raises
        ------
        sqlite3.OperationalError
            If nothing can be written.
        """
        with self._lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def leave(self) -> None:
        """Go on in a temporary file, with what was there."""
        with self._lock:
            kept = self.connection

            def copy(connection: sqlite3.Connection) -> None:
                kept.backup(connection)
                _expect_format(connection)

            try:
                self.connection = _connect("", copy)
            except sqlite3.Error:
                self.connection = _connect("", _new)
            kept.close()

    def discard(self) -> None:
        """Throw away what was there, and begin anew."""
        with self._lock:
            self.connection.close()
            self._remove()
            self.connection = self._open()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.connection.close()

    def __del__(self) -> None:
        with suppress(AttributeError, sqlite3.Error):  # not made whole, or torn down with the interpreter
            self.connection.close()

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            try:
                return _connect(str(self._path), _new)
            except sqlite3.OperationalError:
                break  # the folder cannot be written to, or is held for too long
            except sqlite3.DatabaseError:  # damaged, no database at all, or of another format
                self._remove()
        return self._readable() or _connect("", _new)

    def _readable(self) -> sqlite3.Connection | None:
        """Open an index that is there and cannot be written to."""
        with suppress(sqlite3.Error, OSError):
            return _connect(f"{self._path.resolve().as_uri()}?mode=ro", _expect_format)
        return None

    def _remove(self) -> None:
        for name in (self._path, self._path.with_name(f"{FILE}-journal")):
            with suppress(OSError):
                name.unlink()


def _connect(where: str, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        where, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=where.startswith("file:")
    )
    try:
        connection.create_function("folded", 1, lambda text: str(text).casefold(), deterministic=True)
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA synchronous = NORMAL")  # a cache that a power cut takes is made anew
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _new(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none.

    Raises
    ------
    sqlite3.DatabaseError
        If there are tables of another format.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        connection.execute("COMMIT")
    _expect_format(connection)


def _expect_format(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
        raise sqlite3.DatabaseError("an index of another format")
    connection.execute("SELECT folder, results FROM runs LIMIT 1").fetchall()
