"""What an action gets from a panel: the kernel's target and client, and a reporter that writes into the panel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kbench_jupyter.following.rounds import Clock
from kbench_jupyter.session.session import Reporter, Session, SilentReporter

#: What is kept of the lines an action says, and of the characters it passes on.
_SAID, _WRITTEN = 50, 20_000


class Stopped(KeyboardInterrupt):
    """The panel was closed, or its user asked to stop: the clicked door's Ctrl+C.

    Nothing takes it for an error to recover from, and an action that says what its interruption means (what was
    stopped, what goes on) says it here, too.
    """


class PartReporter(SilentReporter):
    """Puts what an action says into a part's state; it agrees to nothing, since a panel asks before it acts.

    It changes the state by `show`. Once `stop` is set, the action ends the next time it says something.
    """

    def __init__(self, show: Callable[..., None], stop: threading.Event) -> None:
        self._show = show
        self._stop = stop
        self._said: list[str] = []
        self._written = ""

    def begin(self) -> None:
        """Forget what was said before."""
        self._said, self._written = [], ""
        self._show(said=[], written="", progress=None)

    def say(self, text: str) -> None:
        """Show one line that stays."""
        self._check()
        self._said = [*self._said, text][-_SAID:]
        self._show(said=self._said, progress=None)

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Show a line that the next one replaces."""
        self._check()
        self._show(progress={"text": text, "done": done, "total": total})

    def write(self, text: str, stream: str = "stdout") -> None:  # noqa: ARG002 - both streams look alike here
        """Pass output on, as much of its end as a panel has room for."""
        self._check()
        self._written = (self._written + text)[-_WRITTEN:]
        self._show(written=self._written)

    def close(self) -> None:
        """End the progress line."""
        self._show(progress=None)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped


class PartClock(Clock):
    """Ends an action that waits between two tries once `stop` is set, like Ctrl+C."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def wait(self, event: threading.Event, seconds: float) -> None:  # noqa: ARG002 - nothing else wakes it
        """Wait so many seconds, or until the action is to end."""
        if self._stop.wait(seconds):
            raise Stopped


class PartSession(Session):
    """A panel's view of the kernel's session: the same target and client, another reporter."""

    def __init__(self, parent: Session, reporter: Reporter) -> None:
        self._parent = parent
        super().__init__(parent.shell, reporter, parent.environ)

    @property
    def chosen(self) -> str | None:
        """What ``%kbench target`` chose: the parent's, so that both doors agree."""
        return self._parent.chosen

    @chosen.setter
    def chosen(self, name: str | None) -> None:
        if name is not None:
            self._parent.chosen = name

    @property
    def closed(self) -> bool:
        """Whether the parent was closed."""
        return self._parent.closed

    @property
    def next_kernel(self) -> Any:
        """The parent's: one kernel waits for whichever door rehearses next, and ends with the parent."""
        return self._parent.next_kernel

    def client(self, target: Any = None) -> Any:
        """Return the parent's client, so that all share its connections."""
        return self._parent.client(target or self.target())
