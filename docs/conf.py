"""The documentation site: ``make docs`` builds it into ``docs-output/``, and fails on any warning.

Pages are Markdown. Those on commands and rules are written by ``make pages`` from the code; the notebooks are
copied in at build time, executed ones (``make notebooks``) before those of the repository, which have no outputs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from kbench_jupyter import __version__

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
_PAGES = _HERE / "notebooks"


def _copy_notebooks() -> None:
    shutil.rmtree(_PAGES, ignore_errors=True)
    _PAGES.mkdir()
    for notebook in sorted((_ROOT / "notebooks").glob("*.ipynb")):
        executed = _ROOT / "notebooks-output" / notebook.name
        shutil.copy(executed if executed.exists() else notebook, _PAGES)


_copy_notebooks()

project = "kbench_jupyter"
author = "The kbench_jupyter developers"
version = release = __version__

extensions = [
    "myst_nb",  # Markdown pages and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # numpy docstrings
    "sphinx_copybutton",
]
nb_execution_mode = "off"  # they need a server: `make notebooks` executes them
nb_output_stderr = "remove"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = [
    "mystnb.unknown_mime_type",  # widgets: their static form is shown
]
autodoc_typehints = "none"  # numpy docstrings say the types
autodoc_member_order = "bysource"
napoleon_use_rtype = False

_PAGES_ALONE = [page.stem for page in _HERE.glob("*.md") if page.stem not in ("index", "guides", "patterns")]
html_theme = "pydata_sphinx_theme"
html_title = "kbench_jupyter"
html_show_sourcelink = False
html_sidebars = {name: [] for name in _PAGES_ALONE}
html_theme_options = {
    "github_url": "https://github.com/kbench-jupyter/kbench-jupyter",
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc"],
}
