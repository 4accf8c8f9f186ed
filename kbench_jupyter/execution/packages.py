"""Whether packages have been installed since a kernel started, or will be by the notebook it is to execute.

A kernel that waits has imported some packages and read the ``.pth`` files, as they were. Afterwards it differs
from one that starts now.
"""

from __future__ import annotations

import os
import re
import site
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

# In any cell, in any role: a comment that names pip costs some seconds, an install overlooked a wrong result.
_INSTALLER = re.compile(r"\b(pip3?|pipx|uv|conda|mamba|micromamba|pixi|poetry)\b")


def installs_packages(nb: NotebookNode) -> bool:
    """Whether a notebook's code speaks of a program that installs packages."""
    return any(cell.cell_type == "code" and _INSTALLER.search(cell.source) for cell in nb.cells)


def packages_state(env: Mapping[str, str]) -> tuple[object, ...]:
    """Return what is different once packages that a kernel finds were installed, upgraded or removed."""
    # Every installer adds or removes entries there: a package's own, or its .dist-info.
    installed = [_changed(Path(place)) for place in (*site.getsitepackages(), site.getusersitepackages())]
    # People keep their notebooks in these, which are saved all the time; only a name that is new there matters,
    # since it may hide a package.
    named = [_names(place) for place in env.get("PYTHONPATH", "").split(os.pathsep) if place]
    return (*installed, *named)


def _changed(folder: Path) -> tuple[int, ...]:
    """Return when a folder's entries changed, and when each .pth file in it did: some are rewritten in place."""
    with suppress(OSError):
        links = [entry.stat().st_mtime_ns for entry in sorted(folder.glob("*.pth"))]
        return (folder.stat().st_mtime_ns, *links)
    return ()


def _names(folder: str) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(sorted(entry.name for entry in os.scandir(folder)))
    return ()
