"""Every error this package raises on purpose.

One hierarchy, so that a caller may catch as much or as little as it wants::

    KBenchError
    ├── UsageError                a command's words are off
    ├── NotebookError             the current notebook cannot be found, read or turned into a task
    ├── ValidationError           a task source that would fail, or record nothing
    ├── ExecutionError            a notebook could not be executed at all (no kernel, a dead kernel)
    ├── TargetError               no server to speak to, or not this one
    │   └── LocalServerError      the embedded server does not start, answer or stop
    ├── CredentialsError          none found, refused, or not to be sent where asked
    ├── ApiError                  the server answered, and the answer is an error
    │   ├── NotFoundError         no such task, run or model (or not yours)
    │   ├── PermissionDeniedError signed in, but not allowed
    │   ├── NotOfferedError       this server does not have the call, or not for this account
    │   ├── RateLimitError        too many requests, even after waiting
    │   └── ServerError           the server failed
    ├── TransportError            no usable answer came: connection, time-out, truncated or foreign body
    │   └── AmbiguousWriteError   ... and the write it belonged to may have landed
    ├── TaskNotReadyError         the task's newest version cannot be run yet, or never will
    ├── RunsFailedError           runs ended in a state other than completed
    ├── RegressionError           a candidate is significantly worse than the baseline it must not fall below
    ├── WatchTimeoutError         watching ended before the runs did
    └── DownloadError             some or all run outputs could not be fetched or unpacked

An error says three things: what happened (``str(error)``), optionally the detail that explains it, and
what to type next (``hint``). Drawn in a notebook it is one readable block instead of a traceback; the
cell is marked failed all the same, so that *Run All* stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class KBenchError(Exception):
    """Root of every error this package raises on purpose."""

    title = "kbench"
    # Drawing lies above errors, so the package says how when it is imported: an error as lines of a notebook, and a
    # text with nothing in it that a terminal acts on.
    draw: ClassVar[Callable[[KBenchError], list[str]]]
    inert: ClassVar[Callable[[str], str]]

    def __init__(self, message: str, *, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        #: What went wrong, in one sentence, with the value that caused it.
        self.message = message
        #: What to type or do next.
        self.hint = hint
        #: Several lines that explain (findings, a server's message, the tail of a log).
        self.detail = detail
        self._added: list[str] = []

    def __str__(self) -> str:
        return self.message

    @property
    def __notes__(self) -> list[str]:
        # What a plain traceback shows below the message (PEP 678): in a script nothing else shows the hint. Put
        # together when it is asked for, as hints are refined on the way up.
        return [*self._told(), *self._added]

    @__notes__.setter
    def __notes__(self, notes: list[str]) -> None:
        # Who copies an error may give back what it has read (tblib, which Dask brings along): detail and hint with it.
        self._added = [note for note in notes if note not in self._told()]

    def _told(self) -> list[str]:
        explained = "\n".join(self._explanation()).strip("\n")
        return [type(self).inert(explained)] if explained else []

    def add_note(self, note: str) -> None:
        """Add a line of one's own below detail and hint."""
        self._added = [*self._added, note]

    def lines(self) -> list[str]:
        """Return the error as plain lines: message, detail, hint."""
        return [*(self.message.splitlines() or [type(self).__name__]), *self._explanation()]

    def _explanation(self) -> list[str]:
        out = []
        if self.detail:
            out += ["", *("  " + line for line in self.detail.splitlines())]
        if self.hint:
            first, *rest = self.hint.splitlines()
            out += ["", "→ " + first, *("  " + line for line in rest)]
        return out

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this instead of formatting a traceback (InteractiveShell.showtraceback). A
        # subclass of its own UsageError would print a full traceback from a magic (ipython#14024).
        return self.draw()


class UsageError(KBenchError):
    """A command's words are off: an unknown subcommand or flag, a missing or malformed value."""


class NotebookError(KBenchError):
    """The current notebook cannot be found, read or turned into a task."""


class ValidationError(KBenchError):
    """A task source that would fail on the server, or record nothing there."""


class ExecutionError(KBenchError):
    """A notebook could not be executed at all: no kernel to start, or the kernel died."""


class TargetError(KBenchError):
    """There is no server to speak to, or this target cannot do what was asked."""


class LocalServerError(TargetError):
    """The embedded server does not start, answer or stop."""


class CredentialsError(KBenchError):
    """Credentials are missing, refused, or must not be sent to the given address.

    The message names the *source* of a credential, never its value.
    """


class ApiError(KBenchError):
    """The server answered a call with an error."""

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        status: int = 0,
        server_message: str = "",
        hint: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        #: The API method, for example ``"CreateBenchmarkTask"``.
        self.method = method
        #: HTTP status, or the code of the error envelope (which also comes under HTTP 200).
        self.status = status
        #: The server's own words, possibly empty.
        self.server_message = server_message


class NotFoundError(ApiError):
    """The server knows no such task, run or model, or it belongs to somebody else."""


class PermissionDeniedError(ApiError):
    """The credentials are known to the server but may not do this."""


class NotOfferedError(ApiError):
    """The server does not have this call, or not for this account; what was asked about is there."""


class RateLimitError(ApiError):
    """The server asked to slow down and kept asking until the deadline."""


class ServerError(ApiError):
    """The server failed (5xx) and kept failing until the deadline."""


class TransportError(KBenchError):
    """No usable answer came back: connection failure, time-out, truncated or foreign body."""


class AmbiguousWriteError(TransportError):
    """A write got no usable answer, and looking afterwards could not settle whether it landed."""


class TaskNotReadyError(KBenchError):
    """The task's newest version is still being created, or its creation failed."""


class RunsFailedError(KBenchError):
    """One or more of the runs that were waited for did not complete."""


class RegressionError(KBenchError):
    """A candidate is significantly worse than its baseline; the detail names the samples that did it."""

    #: The comparison, as `compare` returns it where nothing is worse.
    results: Any = None


class WatchTimeoutError(KBenchError):
    """Watching ended before the runs did; the runs go on, and the hint says how to look again."""


class DownloadError(KBenchError):
    """Some or all run outputs could not be fetched or unpacked; the detail lists each one's reason."""


def may_pass(error: KBenchError) -> bool:
    """Return whether another try, later, could end differently."""
    return isinstance(error, TransportError | RateLimitError | ServerError) and bool(
        getattr(error, "retryable", True)
    )
