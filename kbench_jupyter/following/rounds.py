"""The rhythm of a watch: look, wait, look again; sooner after a change, later while nothing happens."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kbench_jupyter.errors import KBenchError, may_pass

#: Seconds between the first two looks (a small task on the embedded server takes one), after something has changed,
#: and the most there ever are between two.
FIRST, AGAIN, MOST = 0.25, 2.0, 30.0
GROWTH = 1.5
#: Seconds that even the last look, made when the time is up, may take.
LAST_LOOK = 5.0
#: Seconds of nothing but failed looks after which a watch gives up.
GIVE_UP = 900.0
# Waiting for a lock is not interrupted by Ctrl+C on Windows, so a wait there is cut in slices.
_SLICE = 0.5 if sys.platform == "win32" else float("inf")

T = TypeVar("T")


class Clock:
    """Monotonic time and waiting; a test hands in its own."""

    def now(self) -> float:
        """Return seconds on a monotonic clock."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Wait until `event` is set, at most `seconds`."""
        end = self.now() + seconds
        while (left := end - self.now()) > 0 and not event.wait(min(left, _SLICE)):
            pass


class Pacing:
    """How many seconds to wait before the next look: few at first, growing to `most`.

    Where runs by the hundred end one after the other, `AGAIN` is often enough.
    """

    def __init__(self, most: float = MOST) -> None:
        self._most = most
        self._gap = min(FIRST, most)

    def next(self) -> float:
        """Return the seconds to wait now; the next will be longer."""
        gap = self._gap
        self._gap = min(self._most, gap * GROWTH)
        return gap

    def restart(self) -> None:
        """Look sooner again, because something has happened."""
        self._gap = min(AGAIN, self._gap)


@dataclass(frozen=True)
class Trouble:
    """A look failed in a way that may pass; the watch goes on."""

    error: KBenchError

    @property
    def text(self) -> str:
        """The trouble in one line."""
        return f"{str(self.error).rstrip('.')}; looking again"


class Outage:
    """Says once, each time the server cannot be asked, that looks fail, and tries to bring the server back.

    `mend`, where there is one, is called after each failed look, and the next look comes at once.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        mend: Callable[[Trouble], None] | None,
        look_now: Callable[[], None],
    ) -> None:
        self._say, self._mend, self._look_now = say, mend, look_now
        self._said = False

    def met(self, trouble: Trouble) -> None:
        """Take in that a look failed; what mending raises goes through."""
        if not self._said:
            self._say(trouble.text)
        self._said = True
        if self._mend is not None:
            self._mend(trouble)
            self._look_now()

    def over(self) -> None:
        """Take in that the server answers again."""
        self._said = False


class TimeUp(Exception):
    """The time-out passed, and one look after it changed nothing."""


class Rounds:
    """Looks again and again until closed or out of time; one thread at a time goes round.

    `timeout` is the seconds from the first look to the last, `max_interval` the most seconds between two.
    """

    def __init__(
        self,
        timeout: float | None = None,
        max_interval: float | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self._timeout = timeout
        self._pacing = Pacing(most=max_interval or MOST)
        self._wake = threading.Event()
        #: Whether `close` was called.
        self.closed = False
        self._deadline: float | None = None

    @property
    def remaining(self) -> float | None:
        """Seconds a look may take until the time is up, never none at all; None for no limit."""
        if self._deadline is None:
            return None
        return max(LAST_LOOK, self._deadline - self.clock.now())

    def restart(self) -> None:
        """Look sooner again."""
        self._pacing.restart()

    def look_now(self) -> None:
        """Cut the present wait short, and look sooner again; callable from any thread."""
        self.restart()
        self._wake.set()

    def close(self) -> None:
        """End the rounds; callable from any thread."""
        self.closed = True
        self._wake.set()

    def rounds(self, look: Callable[[], T]) -> Iterator[T | Trouble]:
        """Yield what each look gives, or the trouble it met.

        Raises
        ------
        TimeUp
            When the time is up.
        KBenchError
            What a look raised, if looking again cannot help or has not helped for long.
        """
        start = self.clock.now()
        deadline = self._deadline = None if self._timeout is None else start + self._timeout
        failing_since: float | None = None
        while True:
            self._wake.clear()  # before looking: what woke us up to now is answered by this look
            if self.closed:
                return
            begun = self.clock.now()
            try:
                outcome: T | Trouble = look()
                failing_since = None
            except KBenchError as error:
                if not may_pass(error):
                    raise
                failing_since = begun if failing_since is None else failing_since
                if self.clock.now() - failing_since >= GIVE_UP:
                    raise
                outcome = Trouble(error)
            yield outcome
            now = self.clock.now()
            # A look that failed used up its time already; only one that saw something is worth a last one.
            late = now if isinstance(outcome, Trouble) else begun
            if deadline is not None and late >= deadline:
                raise TimeUp
            gap = self._pacing.next()
            self.clock.wait(self._wake, gap if deadline is None else max(0.0, min(gap, deadline - now)))
