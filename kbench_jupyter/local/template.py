"""What runners are forked off: ``python -m kbench_jupyter.local.template``, started by `executors.templates`.

It imports what a runner and its task's kernel need, and does nothing else, so that a fork of it is as good as a new
process. Its stdin is a Unix socket, on which the descriptors of a runner's stdin, stdout and stderr come with the
folder that is to be its home; it answers with a line that says the runner's process id, or 0 if there was no memory
for one. A runner's parent is the server itself, which adopts orphans. It ends when stdin does, or when the server dies.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from kbench_jupyter.execution.processes import signal_when_parent_dies

READY = b"ready\n"
"""The first line it writes."""
_MOST = 2**16


def main() -> None:
    """Fork runners until stdin ends."""
    # Meanwhile a server that dies is not noticed otherwise.
    signal_when_parent_dies("SIGKILL")
    if select.select([0], [], [], 0)[0]:  # it has died before; it asks nothing as long as nobody is ready
        return
    # A package that prints when it is imported must not be taken for an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    # No kernel imports from the folder that its parent was started in.
    if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109 - as it stands there
        del sys.path[0]
    from kbench_jupyter.execution.forked import import_packages
    from kbench_jupyter.local import runner  # noqa: F401 - for the forks

    import_packages()
    requests = socket.socket(fileno=os.dup(0))
    os.write(answers, READY)
    while True:
        home, descriptors, _flags, _address = socket.recv_fds(requests, _MOST, 3)
        if not home:
            return
        os.write(answers, b"%d\n" % _fork(os.fsdecode(home), descriptors))
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(home: str, descriptors: Sequence[int]) -> int:
    """Fork a runner off and leave it to the server; return its process id, or 0."""
    reading, writing = os.pipe()
    with suppress(OSError):
        between = os.fork()
        if between == 0:
            _leave_to_server(writing, home, descriptors)
        os.waitpid(between, 0)  # when it is gone, the server is the runner's parent
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        return int(told.read() or 0)


def _leave_to_server(told: int, home: str, descriptors: Sequence[int]) -> NoReturn:
    with suppress(OSError):
        number = os.fork()
        if number == 0:
            _be_runner(home, descriptors)
        os.write(told, b"%d" % number)
    os._exit(0)


def _be_runner(home: str, descriptors: Sequence[int]) -> NoReturn:
    from kbench_jupyter.execution.forked import KernelToBe, name_process
    from kbench_jupyter.local import runner

    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        name_process("kbench-runner")
        os.environ["HOME"] = home
        os.chdir(home)
        runner.main(KernelToBe())
    except BaseException:  # noqa: BLE001 - the stack below is the template's
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
