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

#: Stands for kernels that a template has made.
_LAUNCHER = Path(__file__).parent / "kernel_launcher.py"


def install(folder: Path, env: Mapping[str, str] | None = None, template: str | None = None) -> Path:
    """Write the kernel into a folder for ``JUPYTER_PATH``, which comes before all others; return its own folder.

    Parameters
    ----------
    folder : Path
        For ``JUPYTER_PATH``.
    env : mapping, optional
        Variables that its kernels have beside those of the process that starts them.
    template : str, optional
        The socket at which they are forked, as ``kernel_template.py`` tells. They are started all the same where `env`
        has variables that Python reads when it starts.
    """
    own = folder / "kernels" / "python3"
    own.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    if template and not any(name.startswith("PYTHON") for name in env or ()):
        argv = [sys.executable, "-I", "-S", str(_LAUNCHER), template, *argv]
    spec = {
        "argv": argv,
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
