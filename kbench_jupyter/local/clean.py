"""Freeing space: logs and outputs go, leftovers first; tasks, and the states and results of runs, stay."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.local.home import Home
from kbench_jupyter.local.rows import GOING
from kbench_jupyter.local.store import Store


@dataclass
class Cleaned:
    """What was deleted, or would be: jobs and bytes; and the bytes of logs and outputs that stay."""

    jobs: int = 0
    bytes: int = 0
    kept: int = 0


def clean(home: Home, store: Store, older: int | None, keep: int | None, *, really: bool) -> Cleaned:
    """Delete leftovers, then the logs and outputs of jobs that have ended, the oldest first.

    Those go that began more than `older` seconds ago, and more until no more than `keep` bytes are left; unless
    `really`, what would go is only added up.
    """
    done = Cleaned()
    # In this order: what begins or ends meanwhile is taken for neither a leftover nor a job that has ended.
    present = [path for place in (home.creations, home.runs) for path in place.iterdir()]
    going = {home.creations / str(version.id) for version in store.versions_in(*GOING)}
    going |= {home.runs / str(run.id) for run in store.runs_in(*GOING)}
    jobs = _ended(home, store)
    for leftover in _leftovers(present, going, jobs):
        done.bytes += _size(leftover)
        if really:
            _delete(leftover)
    sizes = [_size(folder) for _, folder in jobs]
    done.kept = sum(sizes)
    for (began, folder), size in zip(jobs, sizes, strict=True):
        too_old = older is not None and began < time.time() - older
        too_much = keep is not None and done.kept > keep
        if too_old or too_much:
            done.jobs += 1
            done.bytes += size
            done.kept -= size
            if really:
                _delete(folder)
    return done


def _ended(home: Home, store: Store) -> list[tuple[float, Path]]:
    """Return when each job began that has ended and has a folder, and the folder; the oldest first."""
    creations, runs = store.ended()
    found = [(began, home.creations / str(number)) for number, began in creations]
    found += [(began, home.runs / str(number)) for number, began in runs]
    return sorted((began, folder) for began, folder in found if folder.is_dir())


def _leftovers(present: list[Path], going: set[Path], jobs: list[tuple[float, Path]]) -> list[Path]:
    """Return what nobody needs: folders without a job, halves of files, copies that are made anew when asked for."""
    known = going | {folder for _, folder in jobs}
    halves = [
        path for _, folder in jobs for name in ("*.part", "output-only.zip") for path in folder.glob(name)
    ]
    return [*(path for path in present if path not in known), *filter(_old, halves)]


def _old(path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < time.time() - 3600  # else it may be in use
    return False


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
