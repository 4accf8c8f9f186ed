"""The notebook mirror: the notebook as the user sees it, saved or not, told by the browser.

A cell's code is all a kernel is told; where the notebook lies and what its other cells say, it is not.
In JupyterLab and Notebook 7 an anywidget without a view reaches the open document itself and tells the
kernel its path and its cells, once when it is created and again about 150 ms after each edit.
``%load_ext`` calls `install`, which only makes a note: the widget's libraries take a third of a second to
import, so it is created when the kernel is idle again. Front ends without such a document (a terminal,
nbclient, VS Code, Colab) are left alone, and the other probes of `kbench_jupyter.notebook.current` answer.
"""

from __future__ import annotations

import logging
import sys
import weakref
from typing import Any

from kbench_jupyter.notebook.executed import Executed, ExecutedCells
from kbench_jupyter.notebook.mirror_state import MirrorState

log = logging.getLogger(__name__)
_LINKS: weakref.WeakKeyDictionary[Any, Link] = weakref.WeakKeyDictionary()


class Link:
    """What one shell knows of its notebook: executions, and the mirror where there is one."""

    def __init__(self, shell: Any) -> None:
        self._shell = weakref.ref(shell)
        self.executed = ExecutedCells(shell)
        self.state = MirrorState()
        self._widget: Any = None
        self._closed = False

    def open(self) -> None:
        """Record executions from now on, and create the mirror as soon as the kernel is idle."""
        self.executed.start()
        running = self.executed.running
        if running is not None:
            self._open_for(running)
        else:  # it is loaded before the first cell, by IPython's own configuration
            self.executed.on_first = self._open_for

    def _open_for(self, running: Executed) -> None:
        # Only a front end that names its cells can have a document to mirror; nbclient, which does not,
        # would save the widget in the notebook it executes.
        if running.cell_id is not None:
            self.create_soon()

    def create_soon(self) -> None:
        """Create the mirror as soon as the kernel is idle; from any thread, and as often as one likes."""
        loop = getattr(getattr(self._shell(), "kernel", None), "io_loop", None)
        if loop is not None and "google.colab" not in sys.modules:  # which prints when a widget is created
            loop.add_callback(self._create)

    def _create(self) -> None:
        if self._closed or self._widget is not None:
            return
        try:
            from kbench_jupyter.notebook.mirror_widget import NotebookMirror

            self._widget = NotebookMirror(self.state)
        except Exception:  # no mirror is no harm: the other probes answer, and say what they cannot see
            log.debug("no notebook mirror", exc_info=True)

    def close(self) -> None:
        """Stop recording, close the widget and forget the notebook."""
        self._closed = True
        self.executed.stop()
        self.state.clear()
        if self._widget is not None:
            self._widget.close()
            self._widget = None


def install(shell: Any) -> None:
    """Begin to follow `shell`'s notebook; what ``%load_ext kbench_jupyter`` calls. Cheap, and idempotent."""
    if shell not in _LINKS:
        _LINKS[shell] = Link(shell)
        _LINKS[shell].open()


def uninstall(shell: Any) -> None:
    """Undo `install`: no recording, no widget, nothing of the notebook kept."""
    if link := _LINKS.pop(shell, None):
        link.close()


def open_mirror(shell: Any) -> None:
    """Have the open documents tell of themselves, though no cell was run yet: a page of theirs has asked."""
    if link := _LINKS.get(shell):
        link.create_soon()


def link_of(shell: Any) -> Link:
    """Return what is known of `shell`'s notebook; without `install`, only the cell that is running."""
    link = _LINKS.get(shell)
    if link is None:
        link = Link(shell)
        link.executed.adopt_parent()
    return link
