"""A kernel that is forked off a process which has imported its packages, and so need not import them itself.

Linux only. A fork takes along whatever its parent has in memory, so the parent must be one that has done nothing but
import, has one thread, and knows nothing of any notebook. What a process that starts draws or reads for itself, the
fork draws and reads anew here: the environment, random numbers, files, signals. One thing it shares with the other
forks of that parent: the order of sets of strings, for which Python draws a number when it starts.

`multiprocessing.forkserver` does this for functions. What runs in its processes can tell: it has a parent process in
the sense of `multiprocessing`, and no standard input.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import importlib
import importlib.util
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from kbench_jupyter.execution.ahead import PACKAGES
from kbench_jupyter.execution.certificates import read_late
from kbench_jupyter.execution.kernel import SETTINGS
from kbench_jupyter.execution.leaving import write_out
from kbench_jupyter.execution.processes import hold_only, signal_when_parent_dies
from kbench_jupyter.quick_import import load

# What else the task SDK imports (0.6.2), but for itself: it reads the environment when it is imported.
_SDK = (
    "joblib", "hishel.httpx", "httpcore", "h11", "nest_asyncio", "tqdm.auto", "dotenv", "google.protobuf.json_format",
    "google.protobuf.struct_pb2", "google.protobuf.timestamp_pb2", "google.protobuf.field_mask_pb2",
    "panel.entry_points", "panel.io.browser", "panel.models.tabulator",
)  # fmt: skip
# What a kernel imports while it starts (ipykernel 7.4).
_KERNEL = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "tornado.platform.asyncio",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect",
    "IPython.extensions.storemagic",
)  # fmt: skip


_brought: dict[str, str] = {}
"""Variables that Python or an imported package has set for itself: ``LC_CTYPE``, joblib's ``KMP_INIT_AT_FORK``."""

_generators: list[random.Random] = []
"""What draws at random and was made by an imported package: aiohttp has one of its own, for example."""


def import_packages() -> None:
    """Import, in the parent of forks to come, what their kernels and tasks will import."""
    load("nbclient")
    os.environ |= SETTINGS
    for name in (*PACKAGES, *_SDK, *_KERNEL):
        with suppress(ImportError):
            importlib.import_module(name)
    read_late()
    _generators[:] = (one for one in gc.get_objects() if isinstance(one, random.Random))
    given = {entry.partition(b"=")[0] for entry in Path("/proc/self/environ").read_bytes().split(b"\0")}
    _brought.update({name: value for name, value in os.environ.items() if os.fsencode(name) not in given})
    # What is there by now stays: nobody need look through it for garbage, which would copy it.
    gc.collect()
    gc.freeze()


def name_process(name: str) -> None:
    """Have ``ps`` and ``top`` call this process something (up to 15 characters); its command line is its parent's."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


class KernelToBe:
    """A fork of this process that waits, and becomes a kernel when it is told which; it ends with this process.

    Must be made while this process has one thread.
    """

    def __init__(self) -> None:
        self._order, theirs = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(theirs, parent)
        theirs.close()

    def provisioner(self, manager: Any) -> Any:
        """Return what launches this kernel for a kernel manager of jupyter_client's."""
        made = _Provisioner(kernel_id="", kernel_spec=manager.kernel_spec, parent=manager)
        made.to_be = self
        return made

    def launch(self, cmd: list[str], cwd: str, env: Mapping[str, str], output: int) -> _Process:
        """Have it become what a command with ``-m ipykernel_launcher`` would start, its output in one file."""
        order = {"cmd": cmd, "cwd": cwd, "env": {**env, "JPY_PARENT_PID": str(os.getpid())}}
        stdin, ours = os.pipe()
        with self._order as channel:
            socket.send_fds(channel, [b"\n"], [stdin, output])
            channel.sendall(json.dumps(order).encode())
        os.close(stdin)
        return _Process(self.pid, ours)


class _Process:
    """What a provisioner uses of a `subprocess.Popen`."""

    stdout = stderr = None

    def __init__(self, pid: int, stdin: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb")
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._code = 0  # as Popen says of a child whose end somebody else has taken note of
            else:
                self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    wait = poll

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Provisioner(LocalProvisioner):
    """Launches a kernel that is forked already."""

    to_be: KernelToBe
    process: Any

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.process = self.to_be.launch(cmd, kwargs["cwd"], kwargs["env"], kwargs["stderr"].fileno())
        self.pid = self.pgid = self.process.pid  # it is the first of a session of its own
        self.cwd = kwargs["cwd"]
        return self.connection_info

    async def wait(self) -> int | None:
        # The moment it ends: the base class looks every 0.1 s.
        if self.process is not None and self.process.poll() is None:
            await _end_of(self.process.pid)
        code: int | None = await super().wait()
        return code


async def _end_of(pid: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


# -- the fork -------------------------------------------------------------------------------------


def _become(channel: socket.socket, parent: int) -> NoReturn:
    """Wait for an order and be that kernel, to the end of this process."""
    code = 1
    try:
        name_process("kbench-kernel")
        signal_when_parent_dies("SIGKILL")
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        hold_only(channel.fileno())
        if os.getppid() == parent and (order := _await(channel)):
            _be_as_new(order)
            code = _run(parent)
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing of the parent's may go on in here
        traceback.print_exc()
    finally:
        # The stack below is the parent's.
        os._exit(code)


def _await(channel: socket.socket) -> dict[str, Any] | None:
    marked, received, _flags, _address = socket.recv_fds(channel, 1, 2)
    if not marked:
        return None
    with channel, channel.makefile("rb") as told:
        order: dict[str, Any] = json.load(told)
    stdin, output = received
    for descriptor, number in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, number)
    os.close(stdin)
    os.close(output)
    return order


def _be_as_new(order: dict[str, Any]) -> None:
    """Draw and read anew what a process draws and reads when it starts."""
    os.environ.clear()
    os.environ.update({**_brought, **order["env"]})
    os.chdir(order["cwd"])
    time.tzset()
    launcher = importlib.util.find_spec("ipykernel_launcher")
    assert launcher is not None  # noqa: S101 - it is in ipykernel's own package
    cmd = order["cmd"]
    sys.orig_argv[:] = cmd
    sys.argv[:] = [str(launcher.origin), *cmd[cmd.index("ipykernel_launcher") + 1 :]]
    for generator in _generators:
        generator.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if "multiprocessing" in sys.modules:
        sys.modules["multiprocessing"].current_process().authkey = os.urandom(32)
    home, cwd = Path(order["env"]["HOME"]), order["cwd"]
    for module, name, value in (
        ("multiprocessing.process", "ORIGINAL_DIR", cwd),  # where the processes begin that it spawns
        ("rich", "_IMPORT_CWD", cwd),
        ("bokeh.settings", "_config_user_locations", (home / ".bokeh" / "bokeh.yaml",)),
    ):
        if hasattr(sys.modules.get(module), name):
            setattr(sys.modules[module], name, value)


def _run(parent: int) -> int:
    from ipykernel.kernelapp import IPKernelApp

    # ipykernel reads this variable when it is imported.
    IPKernelApp.launch_instance(parent_handle=parent)
    # What Python does at its end, but for taking apart what is in memory, and closing sockets: see `leaving`.
    app = IPKernelApp.instance()
    atexit.unregister(app.close)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    app.reset_io()  # type: ignore[no-untyped-call]
    write_out()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return 0
