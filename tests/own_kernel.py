"""The kernel "python3" of tests and benchmarks: this interpreter, by its full path.

Which kernel that name means, and which ``python3`` or ``jupyter-lab``, is otherwise for the machine to say:
for PATH, for JUPYTER_PATH, for what lies in the user's data folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, env: Mapping[str, str] | None = None) -> Path:
    """Write the kernel into a folder for ``JUPYTER_PATH``, which comes before all others; return its own folder.

    Parameters
    ----------
    folder : Path
        For ``JUPYTER_PATH``.
    env : mapping, optional
        Variables that its kernels have beside those of the process that starts them.
    """
    own = folder / "kernels" / "python3"
    own.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
        "env": dict(env or {}),
    }
    (own / "kernel.json").write_text(json.dumps(spec))
    return own


def use(home: Path) -> None:
    """Have this process, and those it starts, take it for "python3"."""
    folder = home / "share" / "jupyter"
    install(folder)
    os.environ["JUPYTER_PATH"] = str(folder)
