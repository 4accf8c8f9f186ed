"""How a kernel ends once its exit handlers have run. A kernel is told this module as text, and so imports none of ours.

ipykernel 7.4 takes up to half a second to close its sockets, or hangs: its main thread joins the control thread, which
waits to publish a status on one that is closed already. That comes after all exit handlers of a task, and nobody needs
it: the process ends.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
from contextlib import suppress

from ipykernel.kernelapp import IPKernelApp


def leave_early() -> None:
    """Have this kernel end where ipykernel would close its sockets."""
    atexit.unregister(IPKernelApp.instance().close)
    atexit.register(_leave)


def _leave() -> None:
    write_out()
    os._exit(0)


def write_out() -> None:
    """Write what was written into files that a task has left open, as Python does when it takes a program apart."""
    for thing in gc.get_objects():
        if type(thing) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            with suppress(OSError, ValueError):
                thing.flush()
