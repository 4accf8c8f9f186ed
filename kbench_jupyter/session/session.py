"""The session: what the actions of one kernel share.

It knows which target was chosen, keeps one client for it, finds the current notebook, and carries the
reporter through which an action says what it is doing. A door makes one and hands it to every action.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kbench_jupyter.errors import KBenchError, LocalServerError
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.proxy_variables import VARIABLES
from kbench_jupyter.session.target import Target, resolve_target

if TYPE_CHECKING:
    from kbench_jupyter.api import Client
    from kbench_jupyter.execution import NextKernel
    from kbench_jupyter.notebook.current import CurrentNotebook
    from kbench_jupyter.notebook.source import TaskSource


class Reporter(Protocol):
    """How an action says what it is doing; each door draws it its own way."""

    @property
    def withheld(self) -> int:
        """How many lines given to :meth:`write` were more than the place they go to can hold."""

    def say(self, text: str) -> None:
        """Show one line that stays."""

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Show a line that the next one replaces, with how much of how much is done where known."""

    def write(self, text: str, stream: str = "stdout") -> None:
        """Pass output on as it comes (a log, a rehearsal)."""

    def confirm(self, question: str) -> bool:
        """Ask the user; False where there is no one to ask."""

    @property
    def can_ask(self) -> bool:
        """Whether somebody may answer what :meth:`ask` asks."""

    def ask(self, question: str) -> str:
        """Ask the user for a line; "" where there is no one to ask."""

    def close(self) -> None:
        """End the line that :meth:`progress` was replacing."""


class SilentReporter:
    """A reporter for scripts: says nothing."""

    withheld = 0
    can_ask = False

    def say(self, text: str) -> None:
        """Say nothing."""

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Say nothing."""

    def write(self, text: str, stream: str = "stdout") -> None:
        """Say nothing."""

    def close(self) -> None:
        """Do nothing."""

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """Agree to nothing."""
        return False

    def ask(self, question: str) -> str:  # noqa: ARG002
        """Answer nothing."""
        return ""


class Session:
    """What the actions of one kernel share.

    A script has no IPython `shell`. Without a `reporter` nothing is said. `environ` is by default the process's own.
    """

    def __init__(
        self,
        shell: Any = None,
        reporter: Reporter | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.shell = shell
        self.reporter: Reporter = reporter or SilentReporter()
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        #: What ``%kbench target`` chose.
        self.chosen: str | None = None
        #: The task that was pushed last; what commands mean where there is no notebook to say.
        self.pushed = ""
        #: Sources that ran through a rehearsal here, by `pushes.source_digest`.
        self.validated: set[str] = set()
        #: Sources that ran through a dry run here, by the same digest.
        self.tried: set[str] = set()
        #: The folder of a task's downloads that was named last, by its slug without owner.
        self.folders: dict[str, Path] = {}
        #: Tokens of a task's last rehearsal here, by its slug.
        self.rehearsed: dict[str, int] = {}
        #: Folders that a task's runs were downloaded to from here, by its slug.
        self.outputs: dict[str, set[Path]] = {}
        #: What a task was last run on from here, by its slug: models, their effort, agents; in batches.
        self.ran: dict[str, tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]] = {}
        #: What was pushed from here, by the digest of the push.
        self.sources: dict[str, TaskSource] = {}
        #: The origin of each run whose results were compared here. Ids alone begin again after a reset.
        self.compared: set[object] = set()
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._client_key: object = None
        self._next_kernel: NextKernel | None = None
        self._closers: list[Callable[[], None]] = []
        self._closed = False

    @property
    def env_file(self) -> Path:
        """The ``.env`` that ``auth`` and ``init`` write and a rehearsal reads."""
        return expanded(self.environ.get("KBENCH_ENV_FILE") or ".env")

    @property
    def state_folder(self) -> Path:
        """Where this package keeps what must survive the kernel: ``KBENCH_HOME``, or the platform's place."""
        from kbench_jupyter.session.local_server import home_folder
        from kbench_jupyter.session.target import home

        return home_folder(home(self.environ))

    def target(self, *, start: bool = True) -> Target:
        """Find out which server to speak to, starting the embedded one where it is needed.

        Without `start`, an embedded server that does not run is an error.

        Raises
        ------
        TargetError
            If the chosen target does not exist or the embedded server does not start.
        CredentialsError
            If the target is Kaggle and there are no credentials.
        KBenchError
            If this session was closed.
        """
        self._refuse_closed()
        return resolve_target(
            self.chosen, self.environ, on_start=self.reporter.say if start else None, start=start
        )

    def client(self, target: Target | None = None) -> Client:
        """Return the client for the target, the same one as long as address and credentials stay."""
        target = target or self.target()
        with self._lock:
            self._refuse_closed()
            if self._client is None or self._client_key != target.key:
                if self._client is not None:
                    self._client.close()
                from kbench_jupyter.api import Client

                self._client = Client(
                    target.base_url, target.credentials, advice=target.advice, on_retry=self._say_retry
                )
                self._client_key = target.key
                if target.credentials and target.credentials.remark:
                    self.reporter.say(target.credentials.remark)
            return self._client

    def _refuse_closed(self) -> None:
        # A thread may outlive its session for a moment. It must not start a server, nor open connections again.
        if self.closed:
            raise KBenchError("This session has ended.", hint="%reload_ext kbench_jupyter begins a new one.")

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _say_retry(self, error: KBenchError, _pause: float) -> None:
        # A command is carried out in the main thread. What another thread says (a panel's, which shows what went
        # wrong itself) would land in whichever cell is running.
        if threading.current_thread() is threading.main_thread():
            self.reporter.progress(f"{str(error).rstrip('.')}; trying again.")

    def reviver(self, target: Target) -> Callable[[object], None] | None:
        """Return what brings a target back while it is being waited for; None for one that is not ours.

        The embedded server may be killed, or fall asleep. Started again it knows what it was doing, and says
        of each run that was going that it errored.
        """
        if not target.is_local:
            return None

        def revive(_trouble: object) -> None:
            if self.target().base_url != target.base_url:
                raise LocalServerError(
                    "The embedded server ended and came back at another address.",
                    hint="Where things stand: %kbench list, %kbench status",
                )

        return revive

    def notebook(self) -> CurrentNotebook:
        """Find the current notebook.

        Raises
        ------
        NotebookError
            If it cannot be found or read.
        """
        from kbench_jupyter.notebook.current import current_notebook

        return current_notebook(self.shell)

    def at_edit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called when an open notebook of this kernel was edited; return what ends that.

        It is called in another thread, in the context of the window in which it was edited, and only where a front
        end tells of edits: where it does not, nobody knows of them before a command reads the notebook.
        """
        if self.shell is None:
            return lambda: None
        from kbench_jupyter.notebook.mirror import link_of

        return link_of(self.shell).state.listen(lambda _page: listener())

    @property
    def next_kernel(self) -> NextKernel:
        """Where rehearsals find their kernels; nothing is started by asking."""
        with self._lock:
            if self._next_kernel is None:
                from kbench_jupyter.execution import NextKernel

                # The last one is the dry run's own: a kernel that waits is for it and for a rehearsal.
                self._next_kernel = NextKernel(later=[*VARIABLES, "RENDER_SUBRUNS"])
                self.at_close(self._next_kernel.close)
            return self._next_kernel

    def at_close(self, closer: Callable[[], None]) -> None:
        """Have something that uses this session (a panel) closed before it; closing twice must be fine."""
        self._closers.append(closer)
        if self._closed:  # meanwhile, in another thread
            closer()

    def not_at_close(self, closer: Callable[[], None]) -> None:
        """Keep it no longer: what it would close is closed."""
        with suppress(ValueError):  # the session may be about it
            self._closers.remove(closer)

    def close(self) -> None:
        """Close what uses this session and free the client's connections; it speaks to no server any more."""
        self._closed = True
        while True:
            try:
                closer = self._closers.pop()
            except IndexError:  # a panel that is closed in another thread may have taken itself out
                break
            closer()
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
                self._client_key = None
