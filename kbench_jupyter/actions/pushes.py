"""What was pushed last from this machine, so that the same source is not pushed again unasked.

The server hands a task's source out only with a run's output, so the memory is ours: a digest a task, in
the folder where the embedded server keeps its state too. It holds no source and no secret; losing it costs
nothing but one push that could have been spared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FILE = "pushes.json"


def digest(text: str, datasets: Sequence[str]) -> str:
    """Return a digest of what a push would send."""
    return hashlib.sha256(json.dumps([text, sorted(datasets)]).encode()).hexdigest()


def is_unchanged(folder: Path, server: str, slug: str, version: int | None, digest: str) -> bool:
    """Return whether a task's newest version is the one pushed last from here, with the same digest.

    Parameters
    ----------
    folder : Path
        Where the memory lies.
    server : str
        The target's address.
    slug : str
    version : int or None
        The newest version on the server.
    digest : str
        Of what would be pushed now.
    """
    return version is not None and newest(folder, server, slug) == (version, digest)


def newest(folder: Path, server: str, slug: str) -> tuple[int, str] | None:
    """Return version and digest of what was pushed last from here, or None where that is not known."""
    match _read(folder).get(f"{server} {slug}"):
        case [int(version), str(digest)]:
            return version, digest
    return None


def remember(folder: Path, server: str, slug: str, version: int | None, digest: str) -> None:
    """Remember a push; a folder that cannot be written is not worth failing a push for."""
    known = _read(folder) | {f"{server} {slug}": [version, digest]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{_FILE}.new"
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        temporary.replace(folder / _FILE)
    except OSError:
        return


def _read(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
