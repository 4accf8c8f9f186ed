"""A fresh kernel of *this* interpreter: started quietly, on sockets only we can reach, and surely ended."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, Protocol

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution.processes import adopts_orphans, end_marked
from kbench_jupyter.execution.scratch import remove_folder

#: Seconds a kernel may take to answer; generous, because a cold disk and two cores are common.
_STARTUP = 90.0
#: Seconds a kernel may take to run its exit handlers.
_POLITE = 0.6

# These make a kernel run somebody's own code or read their configuration before the first cell.
_STRAY = ("PYTHONSTARTUP", "IPYTHONDIR", "JUPYTER_CONFIG_PATH", "JPY_SESSION_NAME", "JPY_PARENT_PID")

#: What ipykernel's debugger is told: to say nothing of modules that it cannot see into.
SETTINGS = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}

_LEAVING = Path(__file__).with_name("leaving.py")
# Output that is written faster than it is read waits. ZeroMQ would drop it: beyond a thousand messages on either side.
_LOSE_NOTHING = """
import zmq
from ipykernel.kernelapp import IPKernelApp
output = IPKernelApp.instance().iopub_thread
output.schedule(lambda: output.socket.setsockopt(zmq.XPUB_NODROP, 1))
"""
_CHANGE = """
import os
for name, value in changes.items():
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
"""


def _own_first(path: str | None) -> str:
    """Put this environment first on PATH: ``!python`` and ``!pip`` of a cell are its own, as on Kaggle."""
    return os.pathsep.join([str(Path(sys.executable).parent), path or os.defpath])


def _ends(message: Mapping[str, Any], asked: str) -> bool:
    """Whether a message is the last one on its channel that a request gets."""
    if message["msg_type"] == "status" and message["content"]["execution_state"] != "idle":
        return False
    return bool(message["parent_header"].get("msg_id") == asked)


def check_installed() -> None:
    """Raise ExecutionError unless this interpreter can start a kernel."""
    if importlib.util.find_spec("ipykernel") is None:
        raise ExecutionError(
            f"No kernel can be started: ipykernel is not installed in {sys.executable}.",
            hint="%pip install ipykernel",
        )


class ToBe(Protocol):
    """A process that is there already and becomes a kernel: see `forked`."""

    def provisioner(self, manager: Any) -> Any:
        """Return what launches this kernel for a kernel manager of jupyter_client's."""


class FreshKernel:
    """One kernel process with its manager and client.

    `env` is its whole environment; where that names no home folder, the kernel gets an empty one, which goes with
    it. `around` comes before the command that starts the kernel; ``{own}`` in it is a folder that the kernel needs.
    With a `to_be` no command is started: that becomes the kernel.
    """

    def __init__(
        self,
        cwd: Path,
        env: Mapping[str, str],
        around: Sequence[str] = (),
        to_be: ToBe | None = None,
    ) -> None:
        self._around = around
        self._to_be = to_be
        self._cwd = cwd
        self.env = dict(env)
        self.manager: Any = None
        self.client: Any = None
        self._pgid: int | None = None
        # Short on purpose: the path of a Unix socket may have about 100 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="kb-"))
        self._stderr = self._folder / "stderr"

    async def start(self) -> None:
        """Start the process and wait until it answers, or raise ExecutionError with what it wrote to stderr."""
        try:
            await self._launch()
            self.client = self.manager.client()
            # Without the heartbeat: the process tells whether it lives, and a heart stopped as it starts spins for ever
            # (jupyter_client 8.10: its thread takes itself for running after it was told to stop).
            self.client.start_channels(hb=False)
            async with asyncio.timeout(_STARTUP):
                await self.outlive(self._answers())
            self.client.allow_stdin = False
            # A forked one leaves early by itself.
            leaving = "" if self._to_be else _LEAVING.read_text(encoding="utf-8") + "\nleave_early()\n"
            await self.quietly(f"exec({leaving + _LOSE_NOTHING!r}, {{'__name__': 'leaving'}})")
        except Exception as error:
            why = f"no answer within {_STARTUP:g} s" if isinstance(error, TimeoutError) else error
            raise ExecutionError(
                f"The kernel did not start: {why}",
                detail=self._stderr_tail() or None,
                hint=f"Try `{Path(sys.executable).name} -m ipykernel --version` in a terminal.",
            ) from error

    async def _answers(self) -> None:
        """Ask the kernel who it is until it is heard on both channels, which it is not while they are being connected.

        jupyter_client's own way is over after 0.2 s of silence.
        """
        while True:
            asked = self.client.kernel_info()
            with suppress(Empty):
                while not _ends(await self.client.get_shell_msg(timeout=1), asked):
                    pass
                while not _ends(await self.client.get_iopub_msg(timeout=0.05), asked):
                    pass
                return

    async def _launch(self) -> None:
        self.manager = self._make_manager()
        env = {name: value for name, value in self.env.items() if name not in _STRAY}
        # The user's profile may run startup files, load extensions or change how tracebacks look.
        env["IPYTHONDIR"] = str(self._folder / "ipython")
        env |= SETTINGS
        (self._folder / "ipython").mkdir()
        if "HOME" not in env:
            env["HOME"] = env["USERPROFILE"] = str(self._folder / "home")
            (self._folder / "home").mkdir(mode=0o700)
        env["PATH"] = _own_first(env.get("PATH"))
        # ipykernel 7.4 warns on stderr about TCP without encryption; only errors are of use here.
        quiet = ["--log-level=ERROR", "--HistoryManager.enabled=False"]
        with self._stderr.open("wb") as stderr:
            await self.manager.start_kernel(
                cwd=str(self._cwd), env=env, extra_arguments=quiet, stdout=stderr, stderr=stderr
            )
        self._pgid = getattr(self.manager.provisioner, "pgid", None)

    def _make_manager(self) -> Any:
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager

        argv = [part.replace("{own}", str(self._folder)) for part in self._around]
        argv += [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

        class ThisInterpreter(KernelSpecManager):
            """Knows this interpreter's kernel alone, whatever kernelspecs are installed."""

            def get_kernel_spec(self, _name: str) -> KernelSpec:
                return KernelSpec(argv=argv, display_name="Python 3", language="python")

        manager = AsyncKernelManager(
            kernel_spec_manager=ThisInterpreter(), connection_file=str(self._folder / "kernel.json")
        )
        if sys.platform != "win32":
            # Sockets in a folder of mode 0700 instead of TCP ports that every local user could reach.
            manager.transport = "ipc"
            manager.ip = str(self._folder / "s")
        if self._to_be is not None:
            manager.provisioner = self._to_be.provisioner(manager)
        return manager

    async def quietly(self, code: str) -> None:
        """Execute Python that is no part of a notebook: no output, no number, nothing in its namespace."""
        await self.outlive(
            self.client.execute_interactive(
                code, silent=True, store_history=False, allow_stdin=False, output_hook=lambda _message: None
            )
        )

    async def change_environment(self, changes: Mapping[str, str | None]) -> None:
        """Set variables of a kernel that runs, or take those away that are to be None."""
        told = {name: value for name, value in changes.items() if name not in _STRAY}
        if "PATH" in told:
            told["PATH"] = _own_first(told["PATH"])
        if told:
            await self.quietly(f"exec({_CHANGE!r}, {{'changes': {told!r}}})")

    async def outlive(self, awaited: Coroutine[Any, Any, Any]) -> None:
        """Wait for something; raise ExecutionError if the kernel dies first."""
        wanted = asyncio.ensure_future(awaited)
        death = asyncio.ensure_future(self.manager.provisioner.wait())
        try:
            await asyncio.wait({wanted, death}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise ExecutionError(
                    "The kernel died before the first cell.", detail=self._stderr_tail() or None
                )
            await wanted
        finally:
            wanted.cancel()
            death.cancel()

    async def interrupt(self) -> None:
        """Send the running cell a KeyboardInterrupt."""
        if self.manager is not None and self.manager.has_kernel:
            with suppress(OSError, RuntimeError):
                await self.manager.interrupt_kernel()

    async def close(self, *, now: bool) -> None:
        """End the kernel and everything it started, daemons included; `now` does not ask first."""
        try:
            if not now:
                with suppress(OSError, RuntimeError, TimeoutError):
                    self.client.shutdown()
                    await asyncio.wait_for(self.manager.provisioner.wait(), _POLITE)
            if self.client is not None:
                self.client.stop_channels()
            if self.manager is not None:
                with suppress(OSError, RuntimeError):
                    await self.manager.shutdown_kernel(now=True)
        finally:
            self._end_what_it_started()
            remove_folder(self._folder)

    def _end_what_it_started(self) -> None:
        # What a cell left behind is mostly in the kernel's own session and group, and has its environment.
        if self._pgid is not None and hasattr(os, "killpg") and self._pgid != os.getpgrp():
            with suppress(OSError):
                os.killpg(self._pgid, signal.SIGKILL)
        # What has left those: whoever adopts orphans has them among its children, which it ends itself.
        if self.manager is not None and not adopts_orphans():
            end_marked("IPYTHONDIR", self._folder)

    def _stderr_tail(self) -> str:
        with suppress(OSError):
            return "\n".join(self._stderr.read_text(errors="replace").splitlines()[-20:])
        return ""
