"""Tasks, versions, runs and proxy tokens in SQLite.

Every method is one transaction. The file is in WAL mode with full synchronisation: what a call has
acknowledged survives ``kill -9`` at any moment.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local import schema

QUEUED, RUNNING, COMPLETED, ERRORED = "QUEUED", "RUNNING", "COMPLETED", "ERRORED"
WITHOUT_RUN, INVALID = "KERNEL_WITHOUT_RUN", "VALIDATION_FAILED"
GOING = (QUEUED, RUNNING)
_MOST_ERROR = 50_000
"""Characters of an error that are kept; a traceback says what it is at its end."""


@dataclass(frozen=True)
class Version:
    """One version of a task. Times are seconds since the epoch."""

    id: int
    slug: str
    version: int
    state: str
    error: str | None
    create_time: float
    datasets: tuple[str, ...]
    is_public: bool
    notebook_published: bool


@dataclass(frozen=True)
class Run:
    """One task version on one model. Times are seconds since the epoch; `result` is as in a run file."""

    id: int
    version_id: int
    slug: str
    version: int
    model: str
    state: str
    queue_time: float
    start_time: float | None
    end_time: float | None
    error: str | None
    result: dict[str, Any] | None


_VERSIONS = """
SELECT v.id, v.slug, v.version, v.state, v.error, v.create_time, v.datasets, t.is_public,
       t.notebook_published
FROM versions v JOIN tasks t ON t.slug = v.slug
"""
_RUNS = """
SELECT r.id, r.version_id, v.slug, v.version, r.model, r.state, r.queue_time, r.start_time, r.end_time,
       r.error, r.result
FROM runs r JOIN versions v ON v.id = r.version_id
"""


def _version(row: Any) -> Version:
    fields: list[Any] = [*row[:6], tuple(json.loads(row[6])), bool(row[7]), bool(row[8])]
    return Version(*fields)


def _run(row: Any) -> Run:
    fields: list[Any] = [*row[:10], json.loads(row[10]) if row[10] else None]
    return Run(*fields)


class Store:
    """The database. Safe to use from several threads.

    Parameters
    ----------
    path : Path
        The database file; made when absent.
    make_room : callable
        Called before each write: it may free what space it can.

    Raises
    ------
    LocalServerError
        The file cannot be used: it is not a database of ours, the disk is full, or it is of a newer version than
        this program knows.
    """

    def __init__(self, path: Path, make_room: Callable[[], None] = lambda: None) -> None:
        self._make_room = make_room
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._path = path
        try:
            self._db, self._reader = (
                sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
                for _ in range(2)
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except sqlite3.DatabaseError as error:
            full = isinstance(
                error, sqlite3.OperationalError
            )  # or the disk fails; the file itself is as it should be
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
        if found == 0:
            script = f"BEGIN IMMEDIATE; {schema.TABLES} PRAGMA user_version = {schema.VERSION}; COMMIT;"
            self._db.executescript(script)

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

    # -- tasks ------------------------------------------------------------------------------------

    def add_version(
        self, slug: str, text: str, datasets: Sequence[str], state: str, error: str | None
    ) -> Version:
        """Add the next version of a task; its first one makes the task."""
        with self._write() as db:
            db.execute("INSERT INTO tasks (slug) VALUES (?) ON CONFLICT DO NOTHING", (slug,))
            cursor = db.execute(
                "INSERT INTO versions (slug, version, text, datasets, state, error, create_time) VALUES "
                "(?, (SELECT coalesce(max(version), 0) + 1 FROM versions WHERE slug = ?), ?, ?, ?, ?, ?)",
                (slug, slug, text, json.dumps(list(datasets)), state, error, time.time()),
            )
            return _version(db.execute(_VERSIONS + "WHERE v.id = ?", (cursor.lastrowid,)).fetchone())

    def version(self, slug: str, number: int | None = None) -> Version | None:
        """Return a version of a task, the newest one when no number is given."""
        where = "WHERE v.slug = ? AND (? IS NULL OR v.version = ?) ORDER BY v.version DESC LIMIT 1"
        rows = self._read(_VERSIONS + where, (slug, number, number))
        return _version(rows[0]) if rows else None

    def version_by_id(self, version_id: int) -> Version:
        """Return a version by its id, which must exist."""
        return _version(self._read(_VERSIONS + "WHERE v.id = ?", (version_id,))[0])

    def text(self, version_id: int) -> str:
        """Return a version's notebook, as it was pushed."""
        return str(self._read("SELECT text FROM versions WHERE id = ?", (version_id,))[0][0])

    def newest_versions(self) -> list[Version]:
        """Return the newest version of every task, the newest first."""
        newest = "WHERE v.version = (SELECT max(version) FROM versions WHERE slug = v.slug) "
        return [_version(row) for row in self._read(_VERSIONS + newest + "ORDER BY v.id DESC")]

    def versions_in(self, *states: str) -> list[Version]:
        """Return all versions in the given states, the oldest first."""
        marks = ",".join("?" * len(states))
        return [
            _version(r) for r in self._read(f"{_VERSIONS} WHERE v.state IN ({marks}) ORDER BY v.id", states)
        ]

    def set_version(self, version_id: int, state: str, error: str | None = None) -> None:
        """Record how far a creation has come."""
        with self._write() as db:
            db.execute(
                "UPDATE versions SET state = ?, error = ? WHERE id = ?", (state, _cut(error), version_id)
            )

    def publish(self, slug: str, *, notebook: bool) -> None:
        """Mark a task as public, and its notebook too if asked."""
        with self._write() as db:
            db.execute(
                "UPDATE tasks SET is_public = 1, notebook_published = max(notebook_published, ?) WHERE slug = ?",
                (int(notebook), slug),
            )

    # -- runs -------------------------------------------------------------------------------------

    def add_run(self, version_id: int, model: str) -> tuple[Run, bool]:
        """Queue a run, unless one of the same version and model is going; say which, and whether it is new."""
        with self._write() as db:
            going = db.execute(
                _RUNS + "WHERE r.version_id = ? AND r.model = ? AND r.state IN (?, ?)",
                (version_id, model, *GOING),
            ).fetchone()
            if going:
                return _run(going), False
            cursor = db.execute(
                "INSERT INTO runs (version_id, model, state, queue_time) VALUES (?, ?, ?, ?)",
                (version_id, model, QUEUED, time.time()),
            )
            return _run(db.execute(_RUNS + "WHERE r.id = ?", (cursor.lastrowid,)).fetchone()), True

    def run(self, run_id: int) -> Run | None:
        """Return a run by its id."""
        rows = self._read(_RUNS + "WHERE r.id = ?", (run_id,))
        return _run(rows[0]) if rows else None

    def runs_of(self, slug: str, number: int | None = None) -> list[Run]:
        """Return the runs of a task (of one version, when a number is given), the newest first."""
        where = "WHERE v.slug = ? AND (? IS NULL OR v.version = ?) ORDER BY r.id DESC"
        return [_run(row) for row in self._read(_RUNS + where, (slug, number, number))]

    def runs_in(self, *states: str) -> list[Run]:
        """Return all runs in the given states, the oldest first."""
        marks = ",".join("?" * len(states))
        return [_run(r) for r in self._read(f"{_RUNS} WHERE r.state IN ({marks}) ORDER BY r.id", states)]

    def ended(self) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Return the numbers of the versions and of the runs that have ended, and when each was asked for."""
        versions = self._read("SELECT id, create_time FROM versions WHERE state NOT IN (?, ?)", GOING)
        return versions, self._read("SELECT id, queue_time FROM runs WHERE state NOT IN (?, ?)", GOING)

    def waiting(self) -> int:
        """Return how many creations and runs are queued."""
        both = "SELECT (SELECT count(*) FROM versions WHERE state = ?) + (SELECT count(*) FROM runs WHERE state = ?)"
        return int(self._read(both, (QUEUED, QUEUED))[0][0])

    def start_run(self, run_id: int) -> None:
        """Record that a run has begun."""
        with self._write() as db:
            db.execute(
                "UPDATE runs SET state = ?, start_time = ? WHERE id = ?", (RUNNING, time.time(), run_id)
            )

    def end_run(self, run_id: int, state: str, error: str | None, result: dict[str, Any] | None) -> None:
        """Record how a run ended."""
        with self._write() as db:
            db.execute(
                "UPDATE runs SET state = ?, end_time = ?, error = ?, result = ? WHERE id = ?",
                (state, time.time(), _cut(error), json.dumps(result) if result else None, run_id),
            )

    # -- models, tokens ---------------------------------------------------------------------------

    def forget_tokens(self, job: str) -> None:
        """Forget a job's token: it has ended."""
        with self._write() as db:
            db.execute("DELETE FROM proxy_tokens WHERE job = ?", (job,))

    def model_id(self, slug: str) -> int:
        """Return the number of a model, the same for ever."""
        if found := self._read("SELECT id FROM model_ids WHERE slug = ?", (slug,)):
            return int(found[0][0])
        with self._write() as db:
            db.execute("INSERT INTO model_ids (slug) VALUES (?) ON CONFLICT DO NOTHING", (slug,))
            return int(db.execute("SELECT id FROM model_ids WHERE slug = ?", (slug,)).fetchone()[0])

    def add_token(self, token: str, expires: float, job: str | None = None) -> None:
        """Let a token into the model proxy until it expires. Only its digest is kept."""
        with self._write() as db:
            db.execute("DELETE FROM proxy_tokens WHERE expires < ?", (time.time(),))
            db.execute("INSERT INTO proxy_tokens VALUES (?, ?, ?)", (_digest(token), expires, job))

    def token_valid(self, token: str) -> bool:
        """Say whether the model proxy knows a token and it has not expired."""
        sql = "SELECT 1 FROM proxy_tokens WHERE digest = ? AND expires >= ?"
        return bool(self._read(sql, (_digest(token), time.time())))


def _cut(error: str | None) -> str | None:
    if error is None or len(error) <= _MOST_ERROR:
        return error
    half = _MOST_ERROR // 2
    return f"{error[:half]}\n[{len(error) - 2 * half:,} characters are left out here.]\n{error[-half:]}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
