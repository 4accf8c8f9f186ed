"""A kernel kept ready for the next notebook, and used only where one started then would do the same."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution.kernel import check_installed
from kbench_jupyter.execution.packages import packages_state
from kbench_jupyter.execution.scratch import scratch_folder
from kbench_jupyter.execution.worker import KernelAhead

#: Seconds that a kernel is kept for a notebook that does not come.
IDLE = 900.0
#: Bytes of memory that must be free to start one ahead; it takes about 300 MB.
ROOM = 2 * 2**30

#: What a kernel that waits for a task imports: nearly all that the task SDK imports (0.6.2), most of the time of
#: its own import, and nothing that reads the environment which only the task brings.
PACKAGES = (
    "openai", "google.genai", "pandas", "panel", "jupyter_bokeh", "httpx", "jupyter_client", "docker",
    "playwright.async_api",
    # For its first prompt, and to draw its first run.
    "openai.resources.chat.chat", "openai.resources.chat.completions.completions",
    "openai.resources.chat.completions.messages", "markdown", "linkify_it", "nh3", "mdit_py_plugins.anchors",
    "mdit_py_plugins.deflist", "mdit_py_plugins.footnote", "mdit_py_plugins.tasklists",
)  # fmt: skip
WARM_UP = f"""
import importlib
for name in {PACKAGES!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many bytes of memory can be had: the machine's, or the container's if that is less.

    In `cgroup` Linux says what a container may have (control groups, version 2).
    """
    import psutil  # ipykernel brings it; without that there are no kernels at all

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return min(free, limit - used)


class Place(NamedTuple):
    """Where to execute one notebook."""

    folder: Path  # a scratch folder, which goes when the place is left
    ahead: KernelAhead | None = None  # the kernel that waits in it, for `execute_notebook`


class NextKernel:
    """The kernel for the next notebook: at most one waits, for at most one notebook.

    All methods may be called from any thread. What waits ends with this process, however that ends: its exit
    handlers close it, and a kernel whose parent was killed ends itself within a second or two.

    It executes `warm_up` while it waits, for at most `idle` seconds. The environment variables in `later` only the
    notebook brings: a kernel that waits has none of them, and is told them before the first cell.
    """

    def __init__(self, later: Collection[str], *, warm_up: str = WARM_UP, idle: float = IDLE) -> None:
        self._later = frozenset(later)
        self._warm_up = warm_up
        self._idle = idle
        self._lock = threading.Lock()
        self._waiting: _Waiting | None = None
        self._expiry: threading.Timer | None = None
        self._closed = False
        self._pid = os.getpid()
        atexit.register(self.close)

    def expect(self, env: Mapping[str, str]) -> None:
        """Start a kernel in the background, if there is memory, for a notebook expected soon with this environment."""
        # It is an offer: what keeps a kernel from starting is said by the execution that needs one.
        with self._lock, suppress(OSError, RuntimeError, ExecutionError):  # RuntimeError: no more threads
            if self._closed or self._waiting is not None:
                return
            check_installed()
            if free_memory() < ROOM:
                return
            self._waiting = waiting = _Waiting(self._early(env), self._warm_up)
            self._expiry = threading.Timer(self._idle, self._expire, [waiting])
            self._expiry.daemon = True
            self._expiry.start()

    @contextmanager
    def place(self, env: Mapping[str, str]) -> Iterator[Place]:
        """Provide a place for one notebook: where a kernel waits, if it is as one started now with `env` would be."""
        waiting = self._take()
        if waiting is not None and not waiting.fits(self._early(env)):
            waiting.close()
            waiting = None
        if waiting is None:
            with scratch_folder() as folder:
                yield Place(folder)
            return
        try:
            yield Place(waiting.folder, waiting.kernel)
        finally:
            waiting.close()

    def close(self) -> None:
        """End what waits, for good."""
        if os.getpid() != self._pid:  # a fork that runs its parent's exit handlers
            return
        with self._lock:
            self._closed = True
        atexit.unregister(self.close)
        if waiting := self._take():
            waiting.close()

    def _early(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return what a kernel knows from its start, when such variables are read that matter to an interpreter."""
        return {name: value for name, value in env.items() if name not in self._later}

    def _take(self, wanted: _Waiting | None = None) -> _Waiting | None:
        """Take over what waits, or only a certain one."""
        with self._lock:
            if wanted is not None and self._waiting is not wanted:
                return None
            waiting, self._waiting = self._waiting, None
            if self._expiry is not None:
                self._expiry.cancel()
                self._expiry = None
        return waiting

    def _expire(self, waiting: _Waiting) -> None:
        if taken := self._take(waiting):
            taken.close()


class _Waiting:
    """A kernel that waits, in a folder of its own."""

    def __init__(self, env: Mapping[str, str], warm_up: str) -> None:
        self._env = env
        # Before it starts: what is installed meanwhile it may have seen or not.
        self._packages = packages_state(env)
        with ExitStack() as stack:
            self.folder = stack.enter_context(scratch_folder())
            self.kernel = KernelAhead(self.folder, env, warm_up=warm_up)
            stack.callback(self.kernel.close)  # before the folder goes
            self._stack = stack.pop_all()

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether a kernel started now with this environment would be no other."""
        return self.kernel.alive and env == self._env and packages_state(env) == self._packages

    def close(self) -> None:
        """End the kernel and remove its folder."""
        self._stack.close()
