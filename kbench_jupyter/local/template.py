"""What runners are forked off: ``python -m kbench_jupyter.local.template``, started by `executors.templates`.

It imports what a runner and its task's kernel need, and does nothing else, so that a fork of it is as good as a new
process. Its stdin is a Unix socket, on which the descriptors of a runner's stdin, stdout and stderr come with the
folder that is to be its home; it answers with a line that says the new process's id, or 0 if there was no memory
for one. It ends when stdin does, or when its parent dies.

A runner's parent is the server itself, which adopts orphans. A cluster's worker does not, and asks for a keeper above
the runner (`executors.keeper`): a fourth descriptor is the pipe that is told its exit code. Keepers are this process's
children, and it ends what one that was killed has left.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NoReturn

from kbench_jupyter.execution.processes import (
    adopt_orphans,
    end_children,
    hold_only,
    signal_when_parent_dies,
)

READY = b"ready\n"
"""The first line it writes."""
_MOST = 2**16
_WITH_KEEPER = 4


def main() -> None:
    """Fork runners until stdin ends."""
    # Meanwhile a parent that dies is not noticed otherwise.
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
    from kbench_jupyter.local.executors import keeper  # noqa: F401

    import_packages()
    requests = socket.socket(fileno=os.dup(0))
    os.write(answers, READY)
    keepers = _Keepers()
    while True:
        keepers.watch_until(requests)
        home, descriptors, _flags, _address = socket.recv_fds(requests, _MOST, _WITH_KEEPER)
        if not home:
            return
        fork = keepers.fork if len(descriptors) == _WITH_KEEPER else _fork
        os.write(answers, b"%d\n" % fork(os.fsdecode(home), descriptors))
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
            _be(partial(_be_runner, home), descriptors)
        os.write(told, b"%d" % number)
    os._exit(0)


class _Keepers:
    """The keepers that were forked, as long as they live."""

    def __init__(self) -> None:
        self._living: dict[int, int] = {}  # process ids by what tells their end
        self._events = select.poll()
        self._worker = -1

    def watch_until(self, requests: socket.socket) -> None:
        """Take note of their ends, until something is asked."""
        self._events.register(requests, select.POLLIN)
        while requests.fileno() not in (ready := [number for number, _event in self._events.poll()]):
            for number in ready:
                self._take_note(number)

    def fork(self, home: str, descriptors: Sequence[int]) -> int:
        """Fork a keeper off, and return its process id, or 0."""
        *streams, told = descriptors
        with suppress(OSError):
            if self._worker < 0:
                adopt_orphans()  # of keepers that are killed
                self._worker = os.pidfd_open(os.getppid())
            pid = os.fork()
            if pid == 0:
                _be(partial(_be_keeper, home, told, self._worker), streams)
            ended = os.pidfd_open(pid)
            self._living[ended] = pid
            self._events.register(ended, select.POLLIN)
            return pid
        return 0

    def _take_note(self, ended: int) -> None:
        self._events.unregister(ended)
        os.close(ended)
        _pid, status = os.waitpid(self._living.pop(ended), 0)
        if os.WIFSIGNALED(status):
            end_children(frozenset(self._living.values()))


def _be(what: Callable[[], object], streams: Sequence[int]) -> NoReturn:
    """Be something else, from a fork on, with such descriptors as stdin, stdout and stderr."""
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        what()
    except BaseException:  # noqa: BLE001 - the stack below is the template's
        traceback.print_exc()
    finally:
        os._exit(1)


def _be_runner(home: str) -> None:
    from kbench_jupyter.execution.forked import KernelToBe, name_process
    from kbench_jupyter.local import runner

    hold_only()
    name_process("kbench-runner")
    os.environ["HOME"] = home
    os.chdir(home)
    runner.main(KernelToBe())


def _be_keeper(home: str, told: int, worker: int) -> None:
    from kbench_jupyter.execution.forked import name_process
    from kbench_jupyter.local.executors import keeper

    hold_only(told, worker)
    name_process("kbench-keeper")
    os.setsid()  # Ctrl+C at the worker ends the worker, and that its jobs, in good order
    signal_when_parent_dies("SIGCONT")  # a task may have stopped it: it would not see its worker end
    adopt_orphans()
    runner = os.fork()
    if runner == 0:
        _be_runner(home)
    code = keeper.keep(runner, worker)
    os.write(told, b"%d" % code)
    os._exit(code)


if __name__ == "__main__":
    main()
