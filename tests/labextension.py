"""The JupyterLab extension of this tree, where JupyterLab looks for it: an edit is there with the next reload.

``make lab``, tests and benchmarks put the folder first on ``JUPYTER_PATH``. An editable install has a copy, made
when it was installed; a wheel has its files in ``share/jupyter/labextensions``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_core.paths import jupyter_path

PACKAGE = Path(__file__).parents[1] / "kbench_jupyter"
NAME = "kbench-jupyter"
#: Those of other packages without which no panel is drawn.
OTHERS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")


def link(folder: Path) -> Path:
    """Link the extension into a folder for ``JUPYTER_PATH``, and return where it is then.

    Parameters
    ----------
    folder : Path
    """
    place = folder / "labextensions" / NAME
    place.mkdir(parents=True, exist_ok=True)
    # The patterns are the package's own: the wheel puts them beside the rest in the same way.
    for source in (*(PACKAGE / "labextension").iterdir(), PACKAGE / "patterns"):
        there = place / source.name
        if not there.exists():
            there.symlink_to(source, target_is_directory=source.is_dir())
    return place


def link_others(folder: Path) -> Path:
    """Link the extensions that panels need into such a folder, and return the folder of its extensions.

    Parameters
    ----------
    folder : Path
    """
    extensions = folder / "labextensions"
    for name in OTHERS:
        installed = (Path(place, name) for place in jupyter_path("labextensions"))
        there = extensions / name
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(next(path for path in installed if path.exists()), target_is_directory=True)
    return extensions


if __name__ == "__main__":
    link(Path(sys.argv[1]))
