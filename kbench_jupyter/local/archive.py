"""The output of a job as a zip, with and without the notebooks."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXECUTED, SOURCE = "__notebook__.ipynb", "__notebook_source__.ipynb"
MOST_BYTES = 4 * 2**30
"""What a job may leave behind in all."""

_PASSED_OVER = frozenset({"__pycache__", ".ipynb_checkpoints", ".env"})


def pack(working: Path, archive: Path, notebooks: dict[str, str]) -> list[str]:
    """Zip a working directory (links in it are passed over) and notebooks, which replace files of their names.

    Returns what was left out because it cannot be read, or the output would have grown too large.
    """
    left_out, total = [], 0
    with _made(archive) as file:
        for name, text in notebooks.items():
            file.writestr(name, text.encode(errors="backslashreplace"))
        for path in _files(working):
            # A name that is no text (any bytes will do on Linux) is none in an archive.
            name = os.fsencode(path.relative_to(working).as_posix()).decode(errors="replace")
            if name in notebooks:
                continue
            size = path.stat().st_size
            if total + size > MOST_BYTES or not os.access(path, os.R_OK):
                left_out.append(name)
            else:
                total += size
                file.write(path, name)
    return left_out


@contextmanager
def _made(archive: Path) -> Iterator[zipfile.ZipFile]:
    """Provide a new archive, which is put in its place when it is whole, or not at all."""
    # A name of its own each time: two downloads of one run may make their copy at once.
    part = archive.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with zipfile.ZipFile(
            part, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
        ) as file:
            yield file
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        paths = (Path(at, name) for name in sorted(names) if name not in _PASSED_OVER)
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def without_source(archive: Path) -> Path:
    """Return a copy of an archive without the notebooks, made on first use."""
    other = archive.with_name("output-only.zip")
    if other.exists():
        return other
    with zipfile.ZipFile(archive) as source, _made(other) as out:
        for item in source.infolist():
            if item.filename not in (EXECUTED, SOURCE):
                with source.open(item) as reader, out.open(item, "w", force_zip64=True) as writer:
                    while chunk := reader.read(2**20):
                        writer.write(chunk)
    return other
