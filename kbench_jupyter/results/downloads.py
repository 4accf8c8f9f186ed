"""Downloads on disk: ``<output>/<task>/<version or unset>/<candidate>/<run id>/``, never half a run.

A run's output is made ready in a staging folder beside its place and then swapped in by renaming, so a copy
that is there is whole, and an old one goes only when the new one stands. The layout is the official
client's; copies it made are taken for what they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import DownloadError

#: What a download says about itself, inside the run's folder.
NOTE = ".kbench-download.json"
#: The notebooks that come only when asked for. Source: the official client (kaggle 2.2.4).
SOURCES = ("__notebook__.ipynb", "__notebook_source__.ipynb")
_LEFT = re.compile(
    r"\.(?P<name>.+)\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-[0-9a-f]{6}\.(?P<kind>staging|before)"
)
#: Seconds after which something another machine left behind counts as abandoned.
_ABANDONED = 24 * 3600.0


@dataclass(frozen=True)
class Origin:
    """Which run a download is of: a folder's name alone does not tell.

    Versions and run ids begin again at 1 when an embedded server is reset, and two servers count alike.
    """

    target: str  #: address of the server that has the run
    run_id: int
    start: str | None = None  #: when it began, as text
    end: str | None = None


@dataclass(frozen=True)
class StoredRun:
    """A downloaded run; the candidate as its folder is named."""

    version: int | None
    candidate: str
    run_id: int
    path: Path  #: the run's folder


def run_folder(output: Path, task: str, version: int | None, candidate: str, run_id: int) -> Path:
    """Return where a run's output belongs; names can never lead out of `output`."""
    return task_folder(output, task) / (str(version) if version else "unset") / _part(candidate) / str(run_id)


def _part(name: str) -> str:
    return re.sub(r"[^\w.@+=-]", "-", name).strip(". ") or "unnamed"


def task_folder(output: Path, task: str) -> Path:
    """Return where all downloads of a task lie."""
    return output / _part(task)


def stored_runs(output: Path, task: str) -> list[StoredRun]:
    """Return the runs of a task that were downloaded to a folder, by version, candidate and run id."""
    found = []
    for path in task_folder(output, task).glob("*/*/*"):
        version, candidate, run_id = path.parts[-3:]
        plain = version == "unset" or version.isdecimal()
        # No other name is ever made: see `_part`.
        named = candidate.isprintable() and not candidate.startswith(".")
        if plain and run_id.isdecimal() and named and path.is_dir():
            number = int(version) if version != "unset" else None
            found.append(StoredRun(number, candidate, int(run_id), path))
    return sorted(found, key=lambda run: (run.version or 0, run.candidate, run.run_id))


def holds(folder: Path, *, source: bool, origin: Origin | None = None) -> bool:
    """Return whether a folder holds a run's download, and if `source`, one made with the notebooks.

    A run may have no notebooks to give, so a download that asked for them counts whatever came.

    Parameters
    ----------
    origin : Origin, optional
        The run it must be of. A folder without a note of ours, made by the official client, counts.
    """
    if not os.path.isdir(folder) or not any(folder.iterdir()):  # noqa: PTH112 - as in `clean`
        return False
    note = _note(folder)
    if origin is not None and note and any(note.get(k) != v for k, v in asdict(origin).items()):
        return False
    return not source or note.get("source") is True or any((folder / name).exists() for name in SOURCES)


def origin_target(folder: Path) -> str | None:
    """Return the address of the server a download came from; None where it does not say."""
    target = _note(folder).get("target")
    return target if isinstance(target, str) else None


def _note(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        if isinstance(note, dict):
            return note
    return {}


class Staging:
    """A place beside a run's folder in which its next copy is made ready."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = _beside(folder, "staging")  #: for whatever is needed on the way
        self.files = self.path / "files"  #: becomes the run's folder; not there yet

    def discard(self) -> None:
        """Remove what has been made of `files`, to begin again."""
        _remove(self.files)

    def commit(self, *, source: bool, origin: Origin | None = None) -> None:
        """Put `files` in the run's place.

        Parameters
        ----------
        source : bool
            Whether the notebooks were asked for.
        origin : Origin, optional
            Which run it is of.

        Raises
        ------
        DownloadError
            If the place cannot be taken; the copy before stands.
        """
        before = _beside(self._folder, "before")
        try:
            note = {"source": source, **(asdict(origin) if origin else {})}
            (self.files / NOTE).write_text(json.dumps(note) + "\n", encoding="utf-8")
            there = os.path.lexists(self._folder)
            if there:
                self._folder.rename(before)
            try:
                self.files.rename(self._folder)
            except OSError:
                if there:
                    before.rename(self._folder)
                raise
        except OSError as error:
            raise DownloadError(f"it cannot be put at {self._folder}: {error.strerror or error}") from error
        _remove(before)


@contextmanager
def stage(folder: Path) -> Iterator[Staging]:
    """Make a staging folder for a run's folder; whatever was not committed is gone afterwards.

    Raises
    ------
    DownloadError
        If it cannot be made.
    """
    staging = Staging(folder)
    try:
        staging.path.mkdir(parents=True)
    except (OSError, ValueError) as error:  # the latter of a NUL, or of half a character
        where = str(folder.parent)[:300]  # a name in it may be longer than any file system takes
        why = getattr(error, "strerror", None) or error
        raise DownloadError(f"nothing can be written to {where}: {why}") from error
    try:
        yield staging
    finally:
        _remove(staging.path)


def clean(parent: Path) -> None:
    """Remove what interrupted downloads left in the folder of a candidate's runs.

    A copy that was moved aside and never replaced is put back. What a running process is still at is left
    alone.

    Parameters
    ----------
    parent : Path
        ``<output>/<task>/<version>/<candidate>``; may be missing.
    """
    if not os.path.isdir(parent):  # noqa: PTH112 - unlike Path.is_dir it takes a name that no file system takes
        return
    for path in sorted(parent.iterdir()):
        left = _LEFT.fullmatch(path.name)
        if left is None or _in_use(left["host"], int(left["pid"]), path):
            continue
        folder = parent / left["name"]
        if left["kind"] == "before" and not os.path.lexists(folder):
            # One that another program holds open, on Windows, is the only copy: it stays for the next time.
            with suppress(OSError):
                path.rename(folder)
        else:
            _remove(path)


def prune(folder: Path, output: Path) -> None:
    """Remove the empty folders that were made on the way from `output` to a run's folder."""
    for parent in folder.parents:
        if parent == output or not parent.is_relative_to(output):
            return
        with suppress(OSError, ValueError):
            parent.rmdir()


def _beside(folder: Path, kind: str) -> Path:
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(3)}"
    return folder.with_name(f".{folder.name}.{owner}.{kind}")


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _in_use(host: str, pid: int, path: Path) -> bool:
    if host == _host() and os.name == "posix":  # on Windows, os.kill would not ask but act
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
    try:
        return time.time() - path.stat().st_mtime < _ABANDONED
    except OSError:
        return True


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
