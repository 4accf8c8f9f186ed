"""Tasks, versions, runs and proxy tokens in SQLite."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kbench_jupyter.local.database import Database
from kbench_jupyter.local.rows import (
    ERRORED,
    GOING,
    QUEUED,
    RUNNING,
    RUNS,
    VERSIONS,
    Run,
    Version,
    error_kept,
    run_of,
    version_of,
)

_DESCRIBE = {
    "description": "UPDATE versions SET description = ? WHERE id = ?",
    "provenanceSources": "UPDATE versions SET provenance = ? WHERE id = ?",
    "citations": "UPDATE versions SET citations = ? WHERE id = ?",
    "tags": "UPDATE tasks SET tags = ? WHERE slug = (SELECT slug FROM versions WHERE id = ?)",
}
_MAPPED = "JOIN benchmark_tasks m ON m.version_id = v.id JOIN benchmarks b ON b.id = m.benchmark_id WHERE b.slug = ?"


class Store(Database):
    """What the embedded server knows; every method is one transaction."""

    def __init__(self, path: Path, make_room: Callable[[], None] = lambda: None) -> None:
        super().__init__(path, make_room)
        self._lent: dict[str, tuple[float, str, tuple[str, str]]] = {}  # jobs' tokens, by their digests

    def _versions(self, where: str, *parameters: Any) -> list[Version]:
        return [version_of(row) for row in self._read(VERSIONS + where, parameters)]

    def _runs(self, where: str, *parameters: Any) -> list[Run]:
        return [run_of(row) for row in self._read(RUNS + where, parameters)]

    # -- tasks ------------------------------------------------------------------------------------

    def add_version(
        self, slug: str, text: str, datasets: Sequence[str], state: str, error: str | None
    ) -> Version:
        """Add the next version of a task, its page as the last one's; the first one makes the task."""
        with self._write() as db:
            db.execute("INSERT INTO tasks (slug) VALUES (?) ON CONFLICT DO NOTHING", (slug,))
            cursor = db.execute(
                # Beside max(), SQLite takes the other columns from the row that has it.
                "INSERT INTO versions (slug, text, datasets, state, error, create_time, version, description, "
                "provenance, citations) SELECT ?, ?, ?, ?, ?, ?, coalesce(max(version), 0) + 1, description, "
                "provenance, coalesce(citations, '[]') FROM versions WHERE slug = ?",
                (slug, text, json.dumps(list(datasets)), state, error, time.time(), slug),
            )
            return version_of(db.execute(VERSIONS + "WHERE v.id = ?", (cursor.lastrowid,)).fetchone())

    def version(self, slug: str, number: int | None = None) -> Version | None:
        """Return a version of a task, the newest one when no number is given."""
        where = "WHERE v.slug = ? AND (? IS NULL OR v.version = ?) ORDER BY v.version DESC LIMIT 1"
        return next(iter(self._versions(where, slug, number, number)), None)

    def version_by_id(self, version_id: int) -> Version:
        """Return a version by its id, which must exist."""
        return self._versions("WHERE v.id = ?", version_id)[0]

    def text(self, version_id: int) -> str:
        """Return a version's notebook, as it was pushed."""
        return str(self._read("SELECT text FROM versions WHERE id = ?", (version_id,))[0][0])

    def newest_versions(self) -> list[Version]:
        """Return the newest version of every task, the newest first."""
        newest = "WHERE v.version = (SELECT max(version) FROM versions WHERE slug = v.slug) "
        return self._versions(newest + "ORDER BY v.id DESC")

    def versions_in(self, *states: str) -> list[Version]:
        """Return all versions in the given states, the oldest first."""
        return self._versions(f"WHERE v.state IN ({_marks(states)}) ORDER BY v.id", *states)

    def set_version(self, version_id: int, state: str, error: str | None = None) -> None:
        """Record how far a creation has come."""
        with self._write() as db:
            db.execute(
                "UPDATE versions SET state = ?, error = ? WHERE id = ?",
                (state, error_kept(error), version_id),
            )

    def publish(self, slug: str, notebook: bool, artifacts: bool) -> None:
        """Mark a task as public, and its notebook and the files of its runs too if asked."""
        with self._write() as db:
            db.execute(
                "UPDATE tasks SET is_public = 1, notebook_published = max(notebook_published, ?), "
                "artifacts_public = max(artifacts_public, ?) WHERE slug = ?",
                (notebook, artifacts, slug),
            )

    def describe(self, version_id: int, changed: Mapping[str, Any]) -> None:
        """Write parts of a version's page, by their names on the wire, and its task's tags."""
        with self._write() as db:
            for name, value in changed.items():
                db.execute(
                    _DESCRIBE[name], (value if isinstance(value, str) else json.dumps(value), version_id)
                )

    # -- benchmarks -------------------------------------------------------------------------------

    def benchmark(self, slug: str) -> list[Version] | None:
        """Return the task versions of a benchmark; None when there is no such benchmark."""
        if not self._read("SELECT 1 FROM benchmarks WHERE slug = ?", (slug,)):
            return None
        return self._versions(f"{_MAPPED} ORDER BY m.rowid", slug)

    def map_tasks(self, benchmark: str, version_ids: Iterable[int]) -> None:
        """Add task versions to a benchmark; the first one makes it."""
        with self._write() as db:
            db.execute("INSERT INTO benchmarks (slug) VALUES (?) ON CONFLICT DO NOTHING", (benchmark,))
            db.executemany(
                "INSERT INTO benchmark_tasks SELECT id, ? FROM benchmarks WHERE slug = ? ON CONFLICT DO NOTHING",
                [(number, benchmark) for number in version_ids],
            )

    def unmap_tasks(self, benchmark: str, version_ids: Iterable[int]) -> None:
        """Take task versions out of a benchmark."""
        with self._write() as db:
            db.executemany(
                "DELETE FROM benchmark_tasks WHERE version_id = ? AND benchmark_id = "
                "(SELECT id FROM benchmarks WHERE slug = ?)",
                [(number, benchmark) for number in version_ids],
            )

    # -- runs -------------------------------------------------------------------------------------

    def add_run(
        self, version_id: int, model: str, effort: str, agent: str, why_not: Callable[[Run], str | None]
    ) -> tuple[int | None, str | None]:
        """Queue a run, unless `why_not` says why the candidate's last run (one that goes, if any) will do.

        Returns the run's number, or why there is none.
        """
        with self._write() as db:
            last = db.execute(
                RUNS + "WHERE r.version_id = ? AND r.model = ? AND r.effort = ? AND r.agent = ? "
                "ORDER BY r.state IN (?, ?) DESC, r.id DESC LIMIT 1",
                (version_id, model, effort, agent, *GOING),
            ).fetchone()
            if last and (reason := why_not(run_of(last))):
                return None, reason
            cursor = db.execute(
                "INSERT INTO runs (version_id, model, effort, agent, state, queue_time) VALUES (?, ?, ?, ?, ?, ?)",
                (version_id, model, effort, agent, QUEUED, time.time()),
            )
            return cursor.lastrowid, None

    def run(self, run_id: int) -> Run | None:
        """Return a run by its id."""
        return next(iter(self._runs("WHERE r.id = ?", run_id)), None)

    def runs_of(self, slug: str, number: int | None = None) -> list[Run]:
        """Return the runs of a task (of one version, when a number is given), the newest first."""
        where = "WHERE v.slug = ? AND (? IS NULL OR v.version = ?) ORDER BY r.id DESC"
        return self._runs(where, slug, number, number)

    def runs_in(self, *states: str) -> list[Run]:
        """Return all runs in the given states, the oldest first."""
        return self._runs(f"WHERE r.state IN ({_marks(states)}) ORDER BY r.id", *states)

    def first_queued(self, but: Iterable[int]) -> list[Run]:
        """Return of each task the run that has been queued longest, certain runs left aside."""
        where = """WHERE r.id IN (SELECT min(q.id) FROM runs q JOIN versions w ON w.id = q.version_id WHERE q.state = ?
                   AND q.id NOT IN (SELECT value FROM json_each(?)) GROUP BY w.slug)"""
        return self._runs(where, QUEUED, json.dumps(list(but)))

    def counts(self, since: float, not_counted: str) -> list[tuple[str, int | None, str | None, str, int]]:
        """Count the runs that go, or ended since then with another error: by model, benchmark and state."""
        sql = """
        SELECT r.model, b.id, b.slug, r.state, count(*) FROM runs r LEFT JOIN benchmarks b ON b.id =
               (SELECT min(benchmark_id) FROM benchmark_tasks m WHERE m.version_id = r.version_id)
        WHERE r.state IN (?, ?) OR (r.end_time > ? AND coalesce(r.error, '') NOT LIKE ?)
        GROUP BY r.model, b.id, r.state
        """
        return self._read(sql, (*GOING, since, f"{not_counted}%"))

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

    def cancel_queued(self, run_ids: Iterable[int], error: str) -> int:
        """End those of some runs that are still queued; return how many."""
        with self._write() as db:
            return db.execute(
                "UPDATE runs SET state = ?, end_time = ?, error = ? "
                "WHERE state = ? AND id IN (SELECT value FROM json_each(?))",
                (ERRORED, time.time(), error, QUEUED, json.dumps(list(run_ids))),
            ).rowcount

    def end_run(self, run_id: int, state: str, error: str | None, result: dict[str, Any] | None) -> None:
        """Record how a run ended."""
        with self._write() as db:
            db.execute(
                "UPDATE runs SET state = ?, end_time = ?, error = ?, result = ? WHERE id = ?",
                (
                    state,
                    time.time(),
                    error_kept(error),
                    json.dumps(result) if result else None,
                    run_id,
                ),
            )

    # -- models, tokens ---------------------------------------------------------------------------

    def model_id(self, slug: str) -> int:
        """Return the number of a model, the same for ever."""
        if found := self._read("SELECT id FROM model_ids WHERE slug = ?", (slug,)):
            return int(found[0][0])
        with self._write() as db:
            db.execute("INSERT INTO model_ids (slug) VALUES (?) ON CONFLICT DO NOTHING", (slug,))
            return int(db.execute("SELECT id FROM model_ids WHERE slug = ?", (slug,)).fetchone()[0])

    def config_id(self, slug: str, effort: str) -> int:
        """Return the number of a model at an effort; a model's own slug has no ``@``."""
        return self.model_id(f"{slug}@{effort}")

    def add_token(self, token: str, expires: float) -> None:
        """Let a token into the model proxy until it expires. Only its digest is kept.

        Its end is a time of the wall clock: it is told to others, and outlives this process.
        """
        with self._write() as db:
            db.execute("DELETE FROM proxy_tokens WHERE expires < ?", (time.time(),))
            db.execute("INSERT INTO proxy_tokens VALUES (?, ?, NULL)", (_digest(token), expires))

    def lend_token(self, token: str, seconds: float, job: str, model: str = "", effort: str = "") -> None:
        """Let a job's token into the model proxy, for the model and the effort of its run, so many seconds at most.

        It ends with this process as its job does, so it is in memory alone, and a clock that is set ends none early.
        """
        with self._lock:
            self._lent[_digest(token)] = (time.monotonic() + seconds, job, (model, effort))

    def forget_tokens(self, job: str) -> None:
        """Forget a job's token: it has ended."""
        with self._lock:
            self._lent = {digest: lent for digest, lent in self._lent.items() if lent[1] != job}

    def effort_of(self, token: str) -> tuple[str, str] | None:
        """Return the model and the effort of the run that a token is for, both empty for another token.

        None for one that the model proxy does not know, or that has expired.
        """
        digest = _digest(token)
        if lent := self._lent.get(digest):
            return lent[2] if time.monotonic() <= lent[0] else None
        sql = "SELECT 1 FROM proxy_tokens WHERE digest = ? AND expires >= ? AND job IS NULL"
        return ("", "") if self._read(sql, (digest, time.time())) else None


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
