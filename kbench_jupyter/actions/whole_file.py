"""A file that is written whole, or not at all: what was there stays until the new one has ended well."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kbench_jupyter.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the file to write, beside `path`, whose place it takes at the end.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    # Whoever writes the same file meanwhile has another.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if path.exists() and not path.is_file():
            raise UsageError(
                f"{path} is a {'folder' if path.is_dir() else 'device'}, which no file can take the place of.",
                hint="Name another file.",
            )
        yield part
        part.replace(path)
    except OSError as error:
        raise UsageError(
            f"Cannot write {path}: {error.strerror or error}.", hint="Name a file in a folder that is there."
        ) from error
    finally:
        with suppress(OSError):  # where there was no folder for it, there is nothing to remove either
            part.unlink(missing_ok=True)
