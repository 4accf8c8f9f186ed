"""The index of a task's samples: built once beside the downloads, brought up to date when run files change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Self

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.results.comparison import Row
from kbench_jupyter.results.downloads import StoredRun, origin_target, stored_runs, task_folder
from kbench_jupyter.results.samples.fill import Folder, bytes_of, signature_of
from kbench_jupyter.results.samples.grid import Column, GridRow
from kbench_jupyter.results.samples.kept import as_plain, from_plain
from kbench_jupyter.results.samples.opening import open_transcript
from kbench_jupyter.results.samples.query import Query
from kbench_jupyter.results.samples.rows import pair_rows
from kbench_jupyter.results.samples.sample import EVERY, Filter, Sample
from kbench_jupyter.results.samples.store import Store
from kbench_jupyter.results.samples.transcript import Transcript

Damaged = Callable[[Path, ValueError], None]


class SampleIndex:
    """What the downloaded runs of a task came to, sample by sample. Any thread may ask.

    It holds no run file in memory: listings come from SQLite, a transcript from the bytes of its run file.
    """

    def __init__(self, output: Path, task: str) -> None:
        self._folder = task_folder(output, task)
        self._store = Store(self._folder)
        self._stored = {_path(stored): stored for stored in stored_runs(output, task)}
        self._query: Query | None = None
        self._tell: Callable[[int], None] | None = None

    @classmethod
    def open(
        cls,
        output: Path,
        task: str,
        *,
        runs: Sequence[Row] | None = None,
        tell: Callable[[int], None] | None = None,
    ) -> Self:
        """Open the index of a task's downloads, and read what is new or changed.

        Parameters
        ----------
        output : Path
            The folder that was downloaded to.
        task : str
            Slug.
        runs : sequence of Row, optional
            What it is limited to, as by `limit`; all downloads where None.
        tell : callable, optional
            Called with the bytes of the run files that are about to be read, where there are any: it takes a minute
            or so for each gigabyte.
        """
        index = cls(output, task)
        index._tell = tell
        index._update()
        index.limit(runs)
        return index

    @classmethod
    def of(cls, runs: Sequence[Row]) -> Self:
        """Open the index of runs that were read before, which are one task's; there must be one."""
        task = runs[0].folder.parents[2]
        return cls.open(task.parent, task.name, runs=runs)

    def rows(
        self,
        *,
        target: str | None = None,
        run_ids: Collection[int] = (),
        on_damage: Damaged | None = None,
    ) -> list[Row]:
        """Return the runs themselves, without their subruns.

        Parameters
        ----------
        target : str, optional
            Address of the server that is asked: downloads that say they came from another are left out, and so
            are those from this one that are none of `run_ids` (of before a reset, or of somebody else's task of
            this name).
        run_ids : collection of int
            The runs that server lists.
        on_damage : callable, optional
            Called with the path of a file that is not a run file and why, instead of raising.

        Returns
        -------
        list of Row
            Newest version first, then by candidate and run. A run that recorded nothing has no row.

        Raises
        ------
        ValueError
            If one of the files is not a run file.
        """
        rows = []
        for path, results, damage in self._store.ask("SELECT path, results, damage FROM runs"):
            stored = self._stored.get(path)
            if stored is None or not (target is None or _belongs(stored, target, run_ids)):
                continue
            for name, why in json.loads(damage):
                if on_damage is None:
                    raise ValueError(why)
                on_damage(stored.path / name, ValueError(why))
            rows += [
                Row(
                    stored.version,
                    stored.candidate,
                    stored.run_id,
                    from_plain(one, stored.path),
                    stored.path,
                    stored.candidate,
                )
                for one in json.loads(results)
            ]
        return sorted(rows, key=lambda row: (-(row.version or 0), row.candidate, row.run_id))

    def limit(self, runs: Sequence[Row] | None) -> None:
        """Take only the samples of some runs, with the models that their rows name; those of all where None."""
        known = {path: folder for folder, path in self._store.ask("SELECT folder, path FROM runs")}
        models = {path: stored.candidate for path, stored in self._stored.items()}
        if runs is not None:
            models = {"/".join(row.folder.parts[-3:]): row.model for row in runs}
        there = [path for path in models if path in known and path in self._stored]
        self._query = Query(
            self._store, [(known[path], path, self._stored[path], models[path]) for path in there]
        )

    def __len__(self) -> int:
        return self.count()

    def count(self, where: Filter = EVERY) -> int:
        """Return how many samples there are."""
        return len(self._asked().numbers(where, ""))

    def samples(
        self,
        where: Filter = EVERY,
        order: str = "",
        limit: int | None = None,
    ) -> Iterator[Sample]:
        """Yield samples, read as they are asked for.

        Parameters
        ----------
        order : str
            One of `conditions.ORDERS`, with ``-`` before it for the largest first; by version (newest first),
            candidate, sub task and row where "". What has no value comes last.
        limit : int, optional
            How many at the most.

        Raises
        ------
        UsageError
            If there is no such order.
        """
        return self._asked().samples(where, order, limit)

    def count_keys(self, where: Filter = EVERY) -> int:
        """Return how many rows the grid has."""
        return len(self._asked().keys(where, "", None))

    def keys(
        self,
        where: Filter = EVERY,
        order: str = "",
        offset: int = 0,
        limit: int | None = None,
        *,
        column: Column | None = None,
    ) -> list[GridRow]:
        """Return rows of the grid: those with a sample for which the filter holds, with all their cells.

        Parameters
        ----------
        where, order, limit
            As `samples` takes them; an order by a number takes the mean of the row's samples.
        offset : int
            How many to pass over.
        column : Column, optional
            Whose values the order looks at; all where None.
        """
        return self._asked().grid(where, order, offset, limit, column)

    def columns(self) -> list[Column]:
        """Return the grid's columns: newest version first, then by candidate."""
        return self._asked().columns()

    def successions(self) -> list[tuple[Column, Column]]:
        """Return, for each candidate of several versions, the column before the newest one, and that."""
        return self._asked().successions()

    def row_number(
        self,
        key: str,
        where: Filter = Filter(),  # noqa: B008
        order: str = "",
        *,
        column: Column | None = None,
    ) -> int | None:
        """Return the place of a key's row among those that `keys` returns, from 0; None where it is not among them."""
        keys = self._asked().keys(where, order, column)
        return keys.index(key) if key in keys else None

    def row(self, key: str) -> GridRow | None:
        """Return a row of the grid with all its cells; None where there is none."""
        return self._asked().row(key)

    def unsure(self) -> frozenset[str]:
        """Return the keys of rows that are told by what was asked, or else by the order in which they began.

        A row is sure where the SDK stored it in a file of its own (``store_run=True`` of the sub task).
        """
        return self._asked().unsure()

    def sizes(self) -> list[tuple[int, int]]:
        """Return for each column how many samples it has, and how many of them errored."""
        return self._asked().sizes()

    def failures(self) -> dict[str, list[int]]:
        """Return the expectations of assertions that failed, most first, with how many samples of each column."""
        return self._asked().failures()

    def transcript(self, sample_id: str) -> Transcript:
        """Read everything that was said in a sample, or in a subrun nested in one.

        Raises
        ------
        KeyError
            If there is no such sample.
        ValueError
            If its run file changed or went since the index was opened.
        """
        place, sample = self._asked().place(sample_id)
        return open_transcript(self._folder, sample_id, place, sample)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _asked(self) -> Query:
        if self._query is None:
            self.limit(None)
        assert self._query is not None  # noqa: S101 - `limit` made it
        return self._query

    def _update(self) -> None:
        """Read the folders that are new or changed, and forget those that are gone."""
        try:
            self._refresh()
        except sqlite3.OperationalError:
            # Nothing can be written there: read-only, full, or held for too long.
            self._store.leave()
            self._refresh()
        except (sqlite3.DatabaseError, KBenchError):  # damaged, beyond what was seen when it was opened
            self._store.discard()
            self._refresh()

    def _refresh(self) -> None:
        known = dict(self._store.ask("SELECT path, signature FROM runs"))
        signatures = {path: signature_of(stored.path) for path, stored in self._stored.items()}
        for path in known.keys() - signatures.keys():
            with self._store.writing() as connection:
                _forget(connection, path)
        stale = [path for path, signature in signatures.items() if signature != known.get(path)]
        if stale and self._tell is not None:
            self._tell(sum(bytes_of(self._stored[path].path) for path in stale))
            self._tell = None
        for path in stale:
            self._read(path, signatures[path])
        if self._store.ask("SELECT 1 FROM stale"):
            with self._store.writing() as connection:
                pair_rows(connection)
                connection.execute("DELETE FROM stale")

    def _read(self, path: str, signature: str) -> None:
        """Read one run's folder, unless another process did so meanwhile."""
        with self._store.writing() as connection:
            there = connection.execute("SELECT signature FROM runs WHERE path = ?", (path,)).fetchone()
            if there and there[0] == signature:
                return
            _forget(connection, path)
            cursor = connection.execute(
                "INSERT INTO runs (path, signature, results, damage) VALUES (?, '', '[]', '[]')", (path,)
            )
            folder = Folder(connection, int(cursor.lastrowid or 0), self._stored[path].path)
            results = json.dumps([as_plain(one) for one in folder.fill()])
            connection.execute(
                "UPDATE runs SET signature = ?, results = ?, damage = ? WHERE path = ?",
                ("" if folder.unread else signature, results, json.dumps(folder.damage), path),
            )


def _forget(connection: sqlite3.Connection, path: str) -> None:
    connection.execute(
        "DELETE FROM samples WHERE folder IN (SELECT folder FROM runs WHERE path = ?)", (path,)
    )
    connection.execute("DELETE FROM runs WHERE path = ?", (path,))
    connection.execute("INSERT OR IGNORE INTO stale VALUES ('pairs')")


def _path(stored: StoredRun) -> str:
    return "/".join(stored.path.parts[-3:])


def _belongs(stored: StoredRun, target: str, run_ids: Collection[int]) -> bool:
    came_from = origin_target(stored.path)
    return came_from is None or (came_from == target and stored.run_id in run_ids)
