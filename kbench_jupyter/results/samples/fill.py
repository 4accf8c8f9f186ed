"""Putting the samples of one run's folder into the index: read once, kept as they come, and told apart at the end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbench_jupyter.results.runfiles import RunResult, Usage, parse_run
from kbench_jupyter.results.samples.extract import (
    LISTED,
    Found,
    Identity,
    asks,
    clean,
    evaluates,
    found,
    identity,
    nested,
    places,
)
from kbench_jupyter.results.samples.pieces import Piece, pieces
from kbench_jupyter.results.samples.rows import Known, Top, name_rows
from kbench_jupyter.results.samples.sample import TEXT

# How the task SDK (0.6.2) names the file of a row: by its label in the DataFrame's index.
_ROW_FILE = re.compile(r"-run_param_id_(.+)\.run\.json$")
#: What a file of another shape than the task SDK writes may raise.
ODD = (AttributeError, TypeError, ValueError, OverflowError, RecursionError)
_AT_ONCE = 200
_INSERT = (
    f"INSERT INTO samples (number, folder, top, place, file, start, length, digest, {', '.join(LISTED)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * (8 + len(LISTED)))})"
)


class Folder:
    """What one run's folder holds; made within a transaction."""

    def __init__(self, connection: sqlite3.Connection, folder: int, path: Path) -> None:
        self._connection, self._folder, self._path = connection, folder, path
        last = connection.execute("SELECT coalesce(max(number), 0) FROM samples").fetchone()[0]
        self._number = int(last)
        self._nested: set[Identity] = set()
        self._labels: dict[Identity, str] = {}
        self._tops: list[Top] = []
        self._waiting: list[tuple[Any, ...]] = []  # to be stored; many at once take a third of the time
        self.damage: list[tuple[str, str]] = []
        self.unread = False  #: whether a file could not be read at all, which may be otherwise the next time

    def fill(self) -> list[RunResult]:
        """Store the samples, and return the runs that stand for themselves, oldest first."""
        files = sorted(self._path.glob("*.run.json"))
        rows = [path for path in files if _ROW_FILE.search(path.name)]
        for path in files:
            if not _ROW_FILE.search(path.name):
                self._take(path)
        for path in rows:
            self._take_row(path)
        tops = [top for top in self._tops if top.identity not in self._nested]
        for top in self._tops:
            if top.identity in self._nested:
                self._drop(top.known)
        tops.sort(key=lambda top: (top.result.started is None, str(top.result.started), top.file))
        for n, top in enumerate(tops):
            self._settle(top, str(n) if len(tops) > 1 else "")
        name_rows(self._connection, tops)
        return [top.result for top in tops]

    def _take(self, path: Path, label: str = "") -> None:
        before = self._number
        self._connection.execute("SAVEPOINT file")
        try:
            top = self._read(path, label)
            self._flush()
            self._tops.append(top)
        except (*ODD, OSError) as error:
            self._connection.execute("ROLLBACK TO file")
            self._waiting.clear()
            self._number = before
            self._damaged(path, error)
        self._connection.execute("RELEASE file")

    def _take_row(self, path: Path) -> None:
        """Take a row's own file for which row it is; for the run itself where no other holds it."""
        try:
            data = json.loads(path.read_bytes().decode("utf-8-sig"))
            known = identity(data)
        except (*ODD, OSError) as error:
            self._damaged(path, error)
            return
        if known in self._nested:
            self._labels[known] = _label(path.name, known[1])
        else:
            self._take(path, _label(path.name, known[1]))

    def _damaged(self, path: Path, error: BaseException) -> None:
        self.unread |= isinstance(error, OSError)
        json_at_all = not isinstance(error, json.JSONDecodeError | UnicodeDecodeError | OSError)
        said = "does not hold a run" if json_at_all else "is not valid JSON"
        self.damage.append((path.name, f"{path.name} {said}: {error}"))

    def _read(self, path: Path, label: str) -> Top:
        head: dict[str, Any] = {}
        known: list[Known] = []
        total, inside = _Total(), set[Identity]()
        with path.open("rb") as file:
            for piece in pieces(file):
                if piece.name != "subruns":
                    head[piece.name] = piece.value
                elif isinstance(piece.value, dict):
                    known += self._subrun(path.name, piece, total)
                    inside.add(identity(piece.value))
                    inside.update(map(identity, nested(piece.value)))
        head.pop("subruns", None)
        asked = asks(head)
        if not total.runs or asked:
            whole = json.loads(path.read_bytes().decode("utf-8-sig")) if total.runs else head
            known += self._store(path.name, [found(whole, "")], None, "itself")
        own = parse_run(head, path, said=False)
        result = replace(
            own,
            usage=own.usage + total.usage,
            others_held=total.held,
            others_called=total.called or asked,
        )
        self._nested |= inside
        return Top(path.name, identity(head), result, evaluates(head), asked, known, label)

    def _subrun(self, file: str, piece: Piece, total: _Total) -> list[Known]:
        """Store one subrun: as a row, and, where it has subruns itself, as what it is if it is none."""
        place = str(total.runs)
        row = found(piece.value, place)
        total.add(row.result)
        total.called = total.called or any(map(asks, (piece.value, *nested(piece.value))))
        deep = [] if not row.result.subruns else list(places(piece.value, place))
        if not deep or deep[0][0] == place:
            return self._store(file, [row], piece, "")
        read = [found(one, inner) for inner, one in deep]
        return [*self._store(file, [row], piece, "row"), *self._store(file, read, piece, "deep")]

    def _store(self, file: str, read: list[Found], piece: Piece | None, way: str) -> list[Known]:
        where = (piece.start, piece.length) if piece else (None, None)
        numbers = range(self._number + 1, self._number + 1 + len(read))
        self._number += len(read)
        self._waiting += [
            (number, self._folder, "", one.place, file, *where, one.digest, *one.listed)
            for number, one in zip(numbers, read, strict=True)
        ]
        if len(self._waiting) >= _AT_ONCE:
            self._flush()
        return [
            Known(number, way, one.identity, one.task, one.slug, one.number, one.digest, one.result.errored)
            for number, one in zip(numbers, read, strict=True)
        ]

    def _flush(self) -> None:
        self._connection.executemany(_INSERT, self._waiting)
        self._waiting.clear()

    def _settle(self, top: Top, name: str) -> list[Known]:
        """Keep of a run what turned out to be its samples, and name the run they are of."""
        for one in top.known:
            one.label = self._labels.get(one.identity, "")
        subruns = [one for one in top.known if one.way in ("", "row")]
        top.by_row = top.evaluates or any(one.label for one in subruns)
        alone = not subruns or (top.asks and not top.by_row)
        ways = {"itself"} if alone else {"", "row" if top.by_row else "deep"}
        self._drop([one for one in top.known if one.way not in ways])
        top.known = [one for one in top.known if one.way in ways]
        self._connection.executemany(
            "UPDATE samples SET top = ? WHERE number = ?", [(name, one.number) for one in top.known if name]
        )
        return top.known

    def _drop(self, known: list[Known]) -> None:
        self._connection.executemany("DELETE FROM samples WHERE number = ?", [(one.number,) for one in known])


class _Total:
    """What the subruns of a run came to together."""

    def __init__(self) -> None:
        self.runs = 0
        self.usage = Usage()
        self.held = True
        self.called = False

    def add(self, result: RunResult) -> None:
        self.runs += 1
        self.usage += result.usage
        self.held &= result.passed is not False
        self.called |= result.called


def _label(name: str, slug: str) -> str:
    """Return the label of a row in its file's name, as the task SDK made that of it."""
    found = _ROW_FILE.search(name)
    model = re.sub(r"[^a-zA-Z0-9_.-]", "", re.sub(r"[ /\\]", "_", slug))
    return clean(found[1].removesuffix(f"_{model}"), TEXT) if found else ""


def signature_of(folder: Path) -> str:
    """Return what changes when a run file of a folder does: names, sizes in bytes, and times they were written."""
    digest = hashlib.blake2b(digest_size=16)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".run.json"):
                stat = entry.stat()
                digest.update(
                    f"{entry.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode("utf-8", "surrogateescape")
                )
    return digest.hexdigest()


def bytes_of(folder: Path) -> int:
    """Return the bytes of a folder's run files."""
    with suppress(OSError):
        return sum(file.stat().st_size for file in folder.glob("*.run.json"))
    return 0
