"""A process that has imported what tasks import, and off which kernels are forked that are not about how they start.

A kernel that is started imports the task SDK for itself: 3 s of a core, in each of a hundred tests. The embedded
server forks its runs' kernels for that reason (`kbench_jupyter.local.template`); this does the same for rehearsals,
with the same code (`kbench_jupyter.execution.forked`), wherever `SOCKET` names the template's socket. `running` starts
one; `redirect` has a process's own kernels forked there, as ``quick_start`` does in each process that tests start.
Jupyter's kernels are ordered there by ``kernel_launcher.py``.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

#: The variable with the path of a template's socket. Without it kernels are started, as ever.
SOCKET = "TESTS_KERNEL_TEMPLATE"


@contextlib.contextmanager
def running(folder):
    """Run a template; yield the path of its socket. `folder` has a short path: that of a socket is limited."""
    path = str(Path(folder) / "kernels.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        process = subprocess.Popen([sys.executable, __file__], stdin=listener.fileno(), cwd=folder)
    try:
        yield path
    finally:
        process.kill()
        process.wait()


def redirect(kernel_module):
    """Have what `kbench_jupyter.execution.kernel` starts forked off a template, where there is one."""
    start = kernel_module.FreshKernel.__init__

    def init(self, cwd, env, around=(), to_be=None):
        if to_be is None and not around and (path := os.environ.get(SOCKET)):
            to_be = _forked(path)
        start(self, cwd, env, around, to_be)

    if start.__name__ != init.__name__:
        kernel_module.FreshKernel.__init__ = init


def _forked(path):
    from kbench_jupyter.execution import forked

    class Process(forked._Process):
        """A kernel that is another process's child: when it ends, its exit code is not for us to know."""

        def __init__(self, pid, stdin):
            super().__init__(pid, os.dup(stdin.fileno()))
            stdin.close()
            self._end = os.pidfd_open(pid)

        def poll(self):
            if self._code is None and select.select([self._end], [], [], 0)[0]:
                self._code = 0
                os.close(self._end)
            return self._code

        wait = poll

    class Kernel(forked.KernelToBe):
        """A fork of the template that waits for its order."""

        def __init__(self):
            self._order = socket.socket(socket.AF_UNIX)
            self._order.connect(path)
            self.pid = int(self._order.recv(32))

        def launch(self, *order):
            process = super().launch(*order)
            return Process(process.pid, process.stdin)

    return Kernel()


def main():
    """Fork a kernel for everyone who connects to stdin, and end it when who ordered it has ended."""
    from kbench_jupyter.execution.forked import _become, import_packages
    from kbench_jupyter.execution.processes import reap, signal_when_parent_dies

    signal_when_parent_dies("SIGKILL")
    own, listener = os.getpid(), socket.socket(fileno=os.dup(0))
    select.select([listener], [], [])  # whoever starts it does not know whether a kernel will be wanted
    import_packages()
    kernels = {}  # and who ordered each: descriptors, which never come to mean a later process
    while True:
        clients = {client: kernel for kernel, (_pid, client) in kernels.items()}
        ready = select.select([listener, *kernels, *clients], [], [], 0.5)[0]
        for kernel in {clients.get(one, one) for one in ready} & kernels.keys():
            _forget(kernel, *kernels.pop(kernel))
        if listener in ready:
            channel, _address = listener.accept()
            with channel, contextlib.suppress(OSError):
                client = os.pidfd_open(_peer(channel))
                pid = os.fork()
                if pid == 0:
                    _unload()
                    _become(channel, own)
                kernels[os.pidfd_open(pid)] = pid, client
                channel.sendall(b"%d" % pid)
        reap()


def _unload():
    """Have a kernel know nothing of the package, as one that was started: whether it is loaded there is asked for."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "kbench_jupyter"]:
        del sys.modules[name]
    quick_start = sys.modules["sitecustomize"]
    sys.meta_path.insert(0, quick_start._Redirected())


def _peer(channel):
    """Return the process at the other end of a connection."""
    return struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def _forget(kernel, pid, client):
    """End a kernel with what it has started, unless it has ended by itself."""
    if not select.select([kernel], [], [], 0)[0]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # its id is its own until `reap` has taken note of its end
    os.close(kernel)
    os.close(client)


if __name__ == "__main__":
    sys.path.pop(0)  # nobody's kernel imports from this folder
    main()
